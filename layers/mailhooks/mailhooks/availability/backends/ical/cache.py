"""Keeps the calendars of a backend, the most recently used ones, until the server reports another version."""

from collections.abc import Hashable
from threading import Lock
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CACHE_OCTETS: Final = 24 * 1024 * 1024
"""Size of a backend's cached calendars as they were fetched. Parsed, they need two or three times as much memory."""


class CalendarCache(Generic[K, V]):
    """Calendars by a key. `put` an entry again when it is used: the least recently stored ones are removed if the cache is full."""

    def __init__(self) -> None:
        self._entries: dict[K, tuple[V, int]] = {}
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            entry = self._entries.get(key)
            return entry[0] if entry else None

    def put(self, key: K, calendar: V, octets: int) -> None:
        """Store a calendar of a size, unless it is too large, in place of the one under this key."""
        with self._lock:
            self._entries.pop(key, None)
            if octets <= CACHE_OCTETS:
                self._entries[key] = calendar, octets
            while sum(size for _, size in self._entries.values()) > CACHE_OCTETS:
                del self._entries[next(iter(self._entries))]

    def remove(self, key: K) -> None:
        with self._lock:
            self._entries.pop(key, None)
