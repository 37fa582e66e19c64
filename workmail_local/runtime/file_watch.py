"""Notices changed files by their times and sizes, checked at intervals."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

EVERY_S = 0.5
"""Seconds between two checks."""

_IGNORED = frozenset({"__pycache__", "node_modules"})

State = frozenset[tuple[str, tuple[int, int, int]]]
Mark = tuple[State, State]


class Watch:
    """Watches a folder and its subfolders, without hidden folders and caches. Safe to use from any thread.

    Args:
        folder: the folder; it may be missing.
        every_s: seconds between two checks; 0 to check at each call.
    """

    def __init__(self, folder: Path, every_s: float = EVERY_S) -> None:
        self._folder = folder
        self._every_s = every_s
        self._lock = threading.Lock()
        self._due = 0.0
        self._state: State = frozenset()

    def state(self, *, now: bool = False) -> State:
        """Return the files' state, which differs after a change. Without `now`, a change is noticed after `every_s` at the latest."""
        with self._lock:
            if now or time.monotonic() >= self._due:
                state = frozenset(_files(self._folder))
                # An unchanged state stays the same object, which `has_changed` compares quickly at each call.
                self._state = self._state if state == self._state else state
                self._due = time.monotonic() + self._every_s
            return self._state


class Sources:
    """Watches the files of one function.

    Args:
        code: the function's code folder.
        library: a package that functions share; its changes count only for functions that import it.
        every_s: see `Watch`.
    """

    def __init__(self, code: Path, library: Path, every_s: float = EVERY_S) -> None:
        self._code = Watch(code, every_s)
        self._library = Watch(library, every_s)

    def mark(self) -> Mark:
        """Return the current state. Call it before a process starts, so that a change during the start is noticed later."""
        return self._code.state(now=True), self._library.state(now=True)

    def has_changed(self, since: Mark, *, library: bool) -> bool:
        """Return whether a file has changed since the mark; files of the library count only if `library`."""
        return _differ(self._code.state(), since[0]) or (library and _differ(self._library.state(), since[1]))


def _differ(one: State, other: State) -> bool:
    return one is not other and one != other


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Yield each path with the time, size and inode of the file. An editor may save by renaming a new file, with another inode."""
    # Links to folders are not followed, because they may form a circle.
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _IGNORED]
        for path in (os.path.join(where, name) for name in names):  # noqa: PTH118 - pathlib needs three times as long for each file
            with suppress(OSError):  # removed since the folder was listed
                found = os.stat(path)  # noqa: PTH116 - see above
                yield path, (found.st_mtime_ns, found.st_size, found.st_ino)
