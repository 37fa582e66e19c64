"""The one module that talks to the Message Flow API and to the rewrite bucket.

API reference: `workmailmessageflow` (GetRawMessageContent, PutRawMessageContent); guide, "Retrieving / Updating message content with AWS
Lambda".
"""

import io
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

import boto3

from mailhooks import errors
from mailhooks.aws import client as aws
from mailhooks.aws.chunked_body import ChunkedReader
from mailhooks.contract.limits import BUCKET_PATTERN, IMMUTABLE_HEADERS, REQUIRED_HEADERS, UNIQUE_HEADERS
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, SettingsError
from mailhooks.settings import Settings

T = TypeVar("T")

_OWN_CLASS: Final[dict[str, type[MailhooksError]]] = {
    cls.__name__: cls
    for cls in (
        errors.ResourceNotFoundException,
        errors.MessageFrozen,
        errors.MessageRejected,
        errors.InvalidContentLocation,
    )
}

_HEADERS: Final = UNIQUE_HEADERS | REQUIRED_HEADERS | IMMUTABLE_HEADERS

_JOINED_BYTES: Final = 1024 * 1024


class MessageFlow:
    """Reads and writes the content of mail in transit.

    Both clients are made here, so that a function which makes its `MessageFlow` while it is loaded pays for them in Lambda's init phase and
    not in the first message's time. Without a bucket there is no S3 client and nothing can be written.

    Raises:
        SettingsError: the bucket's name has not the form that PutRawMessageContent takes.
    """

    def __init__(self, bucket: str = "") -> None:
        if bucket and not BUCKET_PATTERN.fullmatch(bucket):
            raise SettingsError("REWRITE_BUCKET: WorkMail takes buckets named with 3 to 63 of a-z, 0-9 and -, without dots")
        self._bucket = bucket
        self._workmail: Any = boto3.client("workmailmessageflow", config=aws.CONFIG)
        self._s3: Any = boto3.client("s3", config=aws.CONFIG) if bucket else None

    @classmethod
    def from_settings(cls, settings: Settings) -> "MessageFlow":
        return cls(settings.rewrite_bucket)

    def get(self, message_id: str, deadline: Deadline) -> bytes:
        """The message's content as it is now (after an earlier Put: what was put), in one buffer.

        Raises:
            ResourceNotFoundException, PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """

        def read() -> bytes:
            response = self._workmail.get_raw_message_content(messageId=message_id)
            # Not `with response[...] as body`: that gives urllib3's stream, without botocore's check that all has come.
            with closing(response["messageContent"]) as body:
                content: bytes = body.read()
                return content

        return _call("GetRawMessageContent", read, deadline)

    def put(self, message_id: str, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> None:
        """Replaces the message's content by the pieces, joined, by way of an object in the rewrite bucket.

        The key is new each time, so that two rules which change the same message at once never read each other's object.

        Raises:
            MessageFrozen, MessageRejected, ResourceNotFoundException, PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """
        if self._s3 is None:
            raise Misconfigured("REWRITE_BUCKET is not set, so changed content has no place to wait for WorkMail")
        # WorkMail's pattern for keys has no dot and no underscore.
        reference = {"bucket": self._bucket, "key": f"rewritten/{message_id}/{uuid4().hex}"}
        stored = _call(
            "PutObject",
            lambda: self._s3.put_object(Bucket=reference["bucket"], Key=reference["key"], Body=_body(pieces)),
            deadline,
        )
        if version := stored.get("VersionId"):
            reference["objectVersion"] = version
        _call(
            "PutRawMessageContent",
            lambda: self._workmail.put_raw_message_content(messageId=message_id, content={"s3Reference": reference}),
            deadline,
        )

    def remember(self, key: str, text: str, deadline: Deadline) -> None:
        """Keeps a text in the rewrite bucket, for as long as that keeps things. Raises PassingTrouble, Misconfigured."""
        if self._s3 is None:
            raise Misconfigured("REWRITE_BUCKET is not set, so there is no place to keep a decision in")
        _call("PutObject", lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode()), deadline)

    def recall(self, key: str, deadline: Deadline) -> str | None:
        """The text that was kept under a key; None if there is none.

        Raises:
            PassingTrouble: S3 does not answer now. What it refuses counts as not there: without the right to list, that is its word for it.
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


def _body(pieces: Sequence[bytes | memoryview]) -> bytes | io.RawIOBase:
    """A large message is sent from its pieces: a second copy of it would not fit beside the first in a small function's memory."""
    if sum(map(len, pieces)) <= _JOINED_BYTES:
        return b"".join(pieces)
    return ChunkedReader(pieces)


def _call(operation: str, work: Callable[[], T], deadline: Deadline) -> T:
    return aws.call(operation, work, deadline, own=partial(_own, operation))


def _own(operation: str, code: str, text: str) -> MailhooksError | None:
    """The errors that the Message Flow API alone has."""
    cls = _OWN_CLASS.get(code)
    return cls(f"{operation}: {_without_content(text)}") if cls else None


def _without_content(text: str) -> str:
    """A service's own words, which alone say what it dislikes, fit for a log: without addresses, and without what is quoted or follows a
    header's name and a colon, as that may come from the message.
    """
    text = re.sub(r"\S*@\S*", "<address>", text)
    text = re.sub(r"(['\"])(.*?)\1", lambda quoted: quoted[0] if quoted[2].lower() in _HEADERS else "<...>", text)
    text = re.sub(r"\b([A-Za-z][\w-]*): .*", lambda named: f"{named[1]}: <...>" if named[1].lower() in _HEADERS else named[0], text)
    return text[:300] or "no reason given"
