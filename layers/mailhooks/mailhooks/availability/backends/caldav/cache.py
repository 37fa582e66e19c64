"""The cached events of a calendar."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailhooks.availability.backends.caldav.discovery import Collection
from mailhooks.availability.backends.ical.calendars import Calendars

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


def is_settled(entry: Entry) -> bool:
    """Return whether the events were requested so late after the version's first report that they are that version's last ones."""
    return entry.fetched - entry.seen > _SETTLED_S
