"""Whether files have changed since a process was started from them: by their times and sizes, looked at now and then."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

EVERY_S = 0.5
"""Seconds between two looks."""

_SHARE = 20
"""A look that takes long (a folder with thousands of files) is followed by this many times its length without one."""
_NO_SOURCES = frozenset({"__pycache__", "node_modules"})

Mark = tuple[int, int]


class Watch:
    """One folder, with all below it but hidden folders and caches. Safe to use from any thread.

    Args:
        folder: need not exist.
        every_s: seconds between two looks at it; 0 to look each time.
    """

    def __init__(self, folder: Path, every_s: float = EVERY_S) -> None:
        self._folder = folder
        self._every_s = every_s
        self._lock = threading.Lock()
        self._due = 0.0
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._version = 0

    def version(self, *, now: bool = False) -> int:
        """Another number whenever something has changed. Without `now` a change shows after `every_s` at the latest."""
        if not now and time.monotonic() < self._due:
            return self._version
        with self._lock:
            started = time.monotonic()
            if now or started >= self._due:
                found = dict(_files(str(self._folder)))
                if found != self._seen:
                    self._seen = found
                    self._version += 1
                ended = time.monotonic()
                self._due = ended + (max(self._every_s, _SHARE * (ended - started)) if self._every_s else 0.0)
            return self._version


class Sources:
    """What the processes of one function are made of.

    Args:
        code: the function's code folder.
        library: the package that functions may share; it counts only for those that use it.
        every_s: see `Watch`.
    """

    def __init__(self, code: Path, library: Path, every_s: float = EVERY_S) -> None:
        self._code = Watch(code, every_s)
        self._library = Watch(library, every_s)

    def mark(self) -> Mark:
        """How things stand now. To be taken before a process starts: what changes while it does shows later."""
        return self._code.version(now=True), self._library.version(now=True)

    def changed(self, since: Mark, *, library: bool) -> bool:
        """Whether anything has changed since the mark; in the library only if `library`."""
        return self._code.version() != since[0] or (library and self._library.version() != since[1])


def _files(folder: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Path, and what a save changes: time, size, and the inode where an editor writes a new file and renames it."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            # A link to a folder is not followed: it could lead around in a circle.
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in _NO_SOURCES:
                    yield from _files(entry.path)
                continue
            found = entry.stat()
        except OSError:
            continue  # gone since it was listed
        yield entry.path, (found.st_mtime_ns, found.st_size, found.st_ino)
