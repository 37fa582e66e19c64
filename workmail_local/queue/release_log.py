"""The log of released messages: `releases.jsonl` in the folder of the spool. It outlives the messages, because what was sent stays sent."""

import json
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

from workmail_local.mail.release import Release, ReleaseOutcome, ReleaseResult
from workmail_local.storage.maildir import sync_folder

FILE: Final = "releases.jsonl"


class ReleaseLog:
    """The releases in one folder. Safe to use from several threads.

    Args:
        folder: exists.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._releases: dict[str, Release] = {}
        if self._path.exists():
            for line in self._path.read_text("utf-8").splitlines():
                release = _read(line)
                if release:
                    self._releases[release.id] = release

    def find(self, message_ids: Collection[str]) -> tuple[Release, ...]:
        """Return the releases of these rule runs, oldest first."""
        with self._lock:
            return tuple(release for release in self._releases.values() if release.message_id in message_ids)

    def write(self, release: Release) -> None:
        """Add a release, or replace the one with the same ID. It is on disk when this returns.

        Raises:
            OSError: it cannot be stored.
        """
        line = json.dumps({**release._asdict(), "outcomes": [result._asdict() for result in release.outcomes]})
        with self._lock:
            is_new = not self._path.exists()
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as stream:
                # A line end first: the line before may have been written only in part.
                stream.write(f"\n{line}\n")
                stream.flush()
                os.fsync(stream.fileno())
            if is_new:
                sync_folder(self._path.parent)
            self._releases[release.id] = release


def _read(line: str) -> Release | None:
    """Read one line; None for one that was written only in part."""
    try:
        values = json.loads(line)
        found = (ReleaseResult(each["recipient"], ReleaseOutcome(each["outcome"]), each["reply"]) for each in values.pop("outcomes"))
        return Release(**values, outcomes=tuple(found))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
