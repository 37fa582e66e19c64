"""The bucket of an export: the manifest, which is written on the condition that it is unchanged, and the exported files."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, TransientError

CHUNK_BYTES: Final = 32 * 1024 * 1024
"""Bytes of one read of an exported file."""

_READ_AHEAD: Final = 4
"""Reads at once: one connection to S3 is slower than SHA-384."""

_ATTEMPTS: Final = 3
"""Attempts of a read whose connection breaks."""


class ManifestChanged(MailhooksError):
    """Another execution has written the manifest since it was read."""


class StoredObject(NamedTuple):
    """An object of the bucket."""

    key: str
    size: int


class ExportBucket:
    """Reads and writes one bucket. Each call raises TransientError or Misconfigured, as in `mailhooks.errors`.

    Args:
        client: None for one with the function's credentials.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:
        self._bucket = bucket
        self._s3 = client or aws.make_client("s3")

    def read(self, key: str, deadline: Deadline) -> tuple[bytes, str] | None:
        """Return the content of an object and its ETag; None if there is no such object. That needs the right s3:ListBucket."""

        def get_object() -> tuple[bytes, str] | None:
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                with answer["Body"] as body:
                    return body.read(), answer["ETag"]
            except ClientError as error:
                if aws.error_code(error) == "NoSuchKey":
                    return None
                raise

        return aws.call("GetObject", get_object, deadline)

    def write(self, key: str, content: bytes, etag: str | None, deadline: Deadline) -> None:
        """Write an object, if it still has the ETag; with None, if there is no such object.

        Raises:
            ManifestChanged: the object has another ETag. The content is not written.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        work = partial(self._s3.put_object, Bucket=self._bucket, Key=key, Body=content, ContentType="application/json", **condition)
        aws.call("PutObject", work, deadline, map_own=_map_conflict)

    def list_objects(self, prefix: str, deadline: Deadline) -> list[StoredObject]:
        """Return the objects whose names begin with a prefix."""
        found: list[StoredObject] = []
        token: dict[str, str] = {}
        while True:
            work = partial(self._s3.list_objects_v2, Bucket=self._bucket, Prefix=prefix, **token)
            page = aws.call("ListObjectsV2", work, deadline)
            found += [StoredObject(each["Key"], int(each["Size"])) for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def read_range(self, stored: StoredObject, start: int, end: int, deadline: Deadline) -> bytes:
        """Return the octets of an object from `start` to before `end`."""

        def get_range() -> bytes:
            answer = self._s3.get_object(Bucket=self._bucket, Key=stored.key, Range=f"bytes={start}-{end - 1}")
            with answer["Body"] as body:
                content: bytes = body.read()
            return content

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return aws.call("GetObject", get_range, deadline)
            except TransientError:
                if attempt == _ATTEMPTS or not deadline.left():
                    raise
        raise AssertionError("unreachable")

    def read_chunks(self, stored: StoredObject, deadline: Deadline, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield the content of an object in order. The next chunks are read while one is used.

        Raises:
            NoTimeLeft: the deadline passes before the end.
        """
        ranges = ((start, min(start + size, stored.size)) for start in range(0, stored.size, size))
        with ThreadPoolExecutor(_READ_AHEAD) as pool:
            waiting = [pool.submit(self.read_range, stored, *each, deadline) for each in islice(ranges, _READ_AHEAD)]
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(self.read_range, stored, *each, deadline) for each in islice(ranges, 1)]

    def open(self, stored: StoredObject, deadline: Deadline) -> "ObjectFile":
        """Return an object as a file for random access, such as by `zipfile`."""
        return ObjectFile(self, stored, deadline)


@dataclass(eq=False)
class ObjectFile(io.RawIOBase):
    """An object as a seekable file. Each read is a request: wrap it in `io.BufferedReader`."""

    bucket: ExportBucket
    stored: StoredObject
    deadline: Deadline
    position: int = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.stored.size}[whence] + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        end = min(self.position + len(buffer), self.stored.size)
        if end <= self.position:
            return 0
        content = self.bucket.read_range(self.stored, self.position, end, self.deadline)
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)


def _map_conflict(code: str, _text: str) -> MailhooksError | None:
    # S3 user guide, "Conditional writes": 412 for another ETag, 409 for a writer at the same time, 404 if the object was deleted.
    conflicts = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
    return ManifestChanged("another execution has written the manifest") if code in conflicts else None
