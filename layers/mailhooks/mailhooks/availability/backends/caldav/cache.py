"""Keeps the events of calendars until the server reports another version."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailhooks.availability.backends.caldav.discovery import Collection
from mailhooks.availability.backends.ical.calendars import Calendars

CACHE_OCTETS: Final = 24 * 1024 * 1024
"""Size of a backend's cached calendars as they were fetched. Parsed, they need two or three times as much memory."""

_SETTLED_S: Final = 2.0
"""QUIRK: SOGo's versions are times in seconds, so a version may change its content within that second."""


@dataclass(eq=False)
class Entry:
    """The events of a calendar.

    Attributes:
        has_content: whether there is any event or busy time, also outside of the window.
        seen: when the server reported this version first, in seconds of the monotonic clock.
        fetched: when the events were requested.
        lock: for the expansion of the events, by one thread at a time.
    """

    collection: Collection
    events: Calendars
    has_content: bool
    octets: int
    seen: float
    fetched: float
    lock: Lock = field(default_factory=Lock)


@dataclass
class CalendarCache:
    """Calendars by URL, the most recently used ones."""

    _entries: dict[str, Entry] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, collection: Collection) -> Entry | None:
        """Return the entry of a calendar if its version and time zone have not changed."""
        with self._lock:
            entry = self._entries.get(collection.url)
            return entry if entry and entry.collection == collection else None

    def put(self, entry: Entry) -> None:
        """Store an entry, and remove the least recently used ones if the cache is full."""
        with self._lock:
            self._entries.pop(entry.collection.url, None)
            if entry.collection.version and entry.octets <= CACHE_OCTETS:
                self._entries[entry.collection.url] = entry
            while sum(other.octets for other in self._entries.values()) > CACHE_OCTETS:
                del self._entries[next(iter(self._entries))]


def is_settled(entry: Entry) -> bool:
    """Return whether the events were requested so late after the version's first report that they are that version's last ones."""
    return entry.fetched - entry.seen > _SETTLED_S
