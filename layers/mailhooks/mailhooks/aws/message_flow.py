"""Reads and writes messages in transit by the Message Flow API and the rewrite bucket.

API reference: `workmailmessageflow` (GetRawMessageContent, PutRawMessageContent); guide, "Retrieving / Updating message content with AWS
Lambda".
"""

import io
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache, partial
from itertools import accumulate
from typing import Any, Final, TypeVar
from uuid import uuid4

import botocore

from mailhooks import errors
from mailhooks.aws import client as aws
from mailhooks.contract.limits import BUCKET_PATTERN
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, SettingsError
from mailhooks.settings import Settings

T = TypeVar("T")

_OWN_ERRORS: Final[dict[str, type[MailhooksError]]] = {
    cls.__name__: cls
    for cls in (
        errors.ResourceNotFoundException,
        errors.MessageFrozen,
        errors.MessageRejected,
        errors.InvalidContentLocation,
    )
}

_MAX_JOINED_OCTETS: Final = 1024 * 1024

_LIGHT_VERSIONS: Final = ("1.43.", "1.44.")
"""The first parts of the versions of botocore with which the tests have compared `mailhooks.aws.light_client`."""


class MessageFlow:
    """Reads and writes the content of mail in transit.

    It makes both clients at once: a function that makes its `MessageFlow` while Lambda loads it pays for them in the init phase, not during
    the first message. Without a bucket it makes no S3 client, and nothing can be written.

    Args:
        client: light for `mailhooks.aws.light_client` where it sends the same requests as boto3's clients; or boto3.

    Raises:
        SettingsError: PutRawMessageContent does not accept the bucket's name.
    """

    def __init__(self, bucket: str = "", *, client: str = "light") -> None:
        if bucket and not BUCKET_PATTERN.fullmatch(bucket):
            raise SettingsError("REWRITE_BUCKET: WorkMail accepts bucket names with 3 to 63 of a-z, 0-9 and -, without dots")
        self._bucket = bucket
        self._workmail = make_client("workmailmessageflow", client)
        self._s3: Any = make_client("s3", client) if bucket else None

    @classmethod
    def from_settings(cls, settings: Settings) -> "MessageFlow":
        return cls(settings.rewrite_bucket, client=settings.aws_client)

    def get(self, message_id: str, deadline: Deadline) -> bytes:
        """Return the message's current content: after an earlier Put, the content of that Put.

        Raises:
            ResourceNotFoundException, TransientError, Misconfigured: see `mailhooks.errors`.
        """

        def read() -> bytes:
            response = self._workmail.get_raw_message_content(messageId=message_id)
            # Not `with response[...] as body`: that returns urllib3's stream, without botocore's check that the content is complete.
            with closing(response["messageContent"]) as body:
                content: bytes = body.read()
                return content

        return _call("GetRawMessageContent", read, deadline)

    def put(self, message_id: str, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> None:
        """Replace the message's content by the joined pieces, through an object in the rewrite bucket.

        Each Put has a new key, so that two rules which change the same message at a time never read each other's object.

        Raises:
            MessageFrozen, MessageRejected, ResourceNotFoundException, TransientError, Misconfigured: see `mailhooks.errors`.
        """
        if self._s3 is None:
            raise Misconfigured("REWRITE_BUCKET is not set: WorkMail reads changed content from that bucket")
        # WorkMail's pattern for keys has no dot and no underscore.
        reference = {"bucket": self._bucket, "key": f"rewritten/{message_id}/{uuid4().hex}"}
        # A large message is not joined: a second copy would not fit into the memory of a small function.
        body = b"".join(pieces) if sum(map(len, pieces)) <= _MAX_JOINED_OCTETS else _ChunkedReader(pieces)
        put_object = partial(self._s3.put_object, Bucket=reference["bucket"], Key=reference["key"], Body=body)
        stored = _call("PutObject", put_object, deadline)
        if version := stored.get("VersionId"):
            reference["objectVersion"] = version
        _call(
            "PutRawMessageContent",
            lambda: self._workmail.put_raw_message_content(messageId=message_id, content={"s3Reference": reference}),
            deadline,
        )

    def save_decision(self, key: str, text: str, deadline: Deadline) -> None:
        """Store a text in the rewrite bucket, until the bucket's lifecycle removes it.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        if self._s3 is None:
            raise Misconfigured("REWRITE_BUCKET is not set: decisions are stored in that bucket")
        _call("PutObject", lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode()), deadline)

    def load_decision(self, key: str, deadline: Deadline) -> str | None:
        """Return the text that was stored under a key; None if there is none.

        Raises:
            TransientError: S3 does not answer now. An error that a retry cannot remove counts as no text: without the permission to list,
                S3 answers so for a key that does not exist.
        """
        if self._s3 is None:
            return None

        def read() -> bytes:
            with closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
                content: bytes = body.read()
                return content

        try:
            return _call("GetObject", read, deadline).decode()
        except Misconfigured:
            return None


def make_client(service: str, kind: str) -> Any:
    """Return a client of one of the two services; `kind` as for `MessageFlow`."""
    light = _make_light_client(service) if kind == "light" else None
    return aws.make_client(service) if light is None else light


def _make_light_client(service: str) -> Any:
    """Return a light client; None where it may not do the same as boto3's."""
    reason = "this version was not compared"
    if botocore.__version__.startswith(_LIGHT_VERSIONS):
        try:
            # Imported late: another version of botocore may not have the names that it imports.
            from mailhooks.aws import light_client

            return light_client.make_client(service)
        except Exception as error:  # noqa: BLE001 - a version may fail in any way; boto3's client raises the errors that it has too
            reason = type(error).__name__
    _log_once(reason)
    return None


@cache
def _log_once(reason: str) -> None:
    logging.getLogger(__name__).warning(
        "AWS_CLIENT=light does not work with botocore %s (%s): boto3's clients, which start slower, read and write the messages",
        botocore.__version__,
        reason,
    )


class _ChunkedReader(io.RawIOBase):
    """Reads pieces of a request body as one file, without a copy of them.

    It can seek because botocore reads a body twice: for its checksum, and to send it.
    """

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces if len(piece)]
        self._starts = [0, *accumulate(map(len, self._pieces))]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        wanted = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(wanted) and self._position < self._starts[-1]:
            index = bisect_right(self._starts, self._position) - 1
            piece = self._pieces[index][self._position - self._starts[index] :][: len(wanted) - filled]
            wanted[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled


def _call(operation: str, work: Callable[[], T], deadline: Deadline) -> T:
    return aws.call(operation, work, deadline, map_own=partial(_map_own_error, operation))


def _map_own_error(operation: str, code: str, text: str) -> MailhooksError | None:
    """Return the error that only the Message Flow API has for a code."""
    cls = _OWN_ERRORS.get(code)
    if cls is None:
        return None
    # Imported late for the cold start: only these errors need it.
    from mailhooks.aws.service_texts import remove_content

    return cls(f"{operation}: {remove_content(text)}")
