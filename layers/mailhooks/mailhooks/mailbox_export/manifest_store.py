"""The manifest in the bucket. A change is written only if the manifest is as it was read."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from mailhooks.aws.export_bucket import ExportBucket, ManifestChanged
from mailhooks.deadline import Deadline
from mailhooks.mailbox_export.manifest import KEY, Manifest, read_manifest, write_manifest

_MAX_ATTEMPTS: Final = 20
_MAX_PAUSE_S: Final = 2.0


class ManifestStore:
    """Reads and changes the manifest.

    Args:
        clock: the time, in UTC.
        pause: waits for some seconds before the change is tried again.
    """

    def __init__(
        self, bucket: ExportBucket, organization: str, clock: Callable[[], datetime], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._bucket = bucket
        self._organization = organization
        self._clock = clock
        self._pause = pause

    def read(self, deadline: Deadline) -> Manifest | None:
        """Return the manifest; None before the first plan.

        Raises:
            InvalidManifest: it is damaged or of another version.
            TransientError, Misconfigured: S3 cannot be read.
        """
        found = self._bucket.read(KEY, deadline)
        return found and read_manifest(found[0])

    def make_empty(self) -> Manifest:
        """Return a manifest without mailboxes."""
        now = self._clock()
        return Manifest(self._organization, now, now)

    def update(self, change: Callable[[Manifest], Manifest], deadline: Deadline) -> Manifest:
        """Change the manifest and return it. The change is applied again if another execution wrote the manifest meanwhile.

        Raises:
            ManifestChanged: other executions changed it at each attempt.
            InvalidManifest, TransientError, Misconfigured: see `read`.
        """
        for attempt in range(_MAX_ATTEMPTS):
            found = self._bucket.read(KEY, deadline)
            now = self._clock()
            before = read_manifest(found[0]) if found else self.make_empty()
            after = change(before)
            if found and after == before:
                return before
            after = replace(after, updated_at=now)
            try:
                self._bucket.write(KEY, write_manifest(after), found and found[1], deadline)
            except ManifestChanged:
                self._pause(min(_MAX_PAUSE_S, 0.05 * 2**attempt))
            else:
                return after
        raise ManifestChanged("other executions change the manifest all the time: wait until one export is done")
