"""Removes old objects from the rewrite buckets, as the stack's lifecycle rule does: moto keeps them as long as the process runs."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

from workmail_local.storage.message_store import S3Reference

_KEPT_OBJECTS: Final = 500
"""Objects that stay in the rewrite buckets; DeleteObjects accepts 1,000 at once."""

_KEPT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of the objects that stay: moto keeps them in memory, and from 5 MB in a file with a descriptor each."""


class RewrittenObjects:
    """The objects with changed messages, oldest first. The newest stay, for developers to look at. Safe to use from any thread."""

    def __init__(self) -> None:
        self._kept: deque[S3Reference] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, references: Iterable[S3Reference], s3: Any) -> None:
        """Add objects that WorkMail has fetched; remove the oldest by a client of S3 when there are too many objects or bytes."""
        with self._lock:
            for each in references:
                self._kept.append(each)
                self._bytes += each.size
            old = self._take_old()
        for bucket in {each.bucket for each in old}:
            objects = [{"Key": each.key} | ({"VersionId": each.version} if each.version else {}) for each in old if each.bucket == bucket]
            for start in range(0, len(objects), _KEPT_OBJECTS):
                batch = objects[start : start + _KEPT_OBJECTS]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        if old:
            # Imported late, as in `LocalAws`.
            from workmail_local.aws.moto_server import forget_removed_objects

            forget_removed_objects()

    def _take_old(self) -> Sequence[S3Reference]:
        if len(self._kept) < 2 * _KEPT_OBJECTS and self._bytes <= 2 * _KEPT_BYTES:
            return []
        old = []
        while len(self._kept) > _KEPT_OBJECTS or self._bytes > _KEPT_BYTES:
            old.append(self._kept.popleft())
            self._bytes -= old[-1].size
        return old
