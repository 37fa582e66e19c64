"""Backends in memory, which can be slow or fail, and requests for them."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mailhooks.availability.errors import LookupFailed
from mailhooks.availability.model import Answers, Backend, Limits, Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from mailhooks.deadline import Deadline

DAY = datetime(2026, 5, 4, tzinfo=UTC)


def at(hours: float, *, busy: BusyType = BusyType.BUSY, length: float = 1, details: Details | None = None) -> CalendarEvent:
    """Return an event that starts this many hours after midnight of the requested day."""
    return CalendarEvent(DAY + timedelta(hours=hours), DAY + timedelta(hours=hours + length), busy, details)


def details(subject: str = "Budget", *, private: bool = False) -> Details:
    return Details(subject, "Room 1", InstanceType.SINGLE_INSTANCE, is_meeting=True, is_reminder_set=False, is_private=private)


def request(*mailboxes: str, requester: str = "ana@example.com", days: float = 1) -> dict[str, Any]:
    """Return a request in WorkMail's form."""
    return {
        "requester": {"email": requester, "userName": "ana", "organization": "m-0123456789abcdef0123456789abcdef", "userId": "S-1-1-11"},
        "mailboxes": list(mailboxes),
        "window": {"startDate": DAY.isoformat(), "endDate": (DAY + timedelta(days=days)).isoformat()},
    }


@dataclass
class Fake:
    """A backend with `calendars`. Other mailboxes have an empty calendar.

    Attributes:
        failures: errors to raise, one per look-up, before results are returned.
        delay: seconds for each look-up.
        script: returns the results instead.
    """

    calendars: Mapping[str, tuple[CalendarEvent, ...]] = field(default_factory=dict)
    limits: Limits = field(default_factory=lambda: Limits(100))
    failures: list[Exception] = field(default_factory=list)
    delay: float = 0.0
    script: Callable[[Sequence[str], Window], Mapping[str, Schedule | LookupFailed]] | None = None
    calls: list[tuple[tuple[str, ...], Window]] = field(default_factory=list)
    at_once: int = 0
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Mapping[str, Schedule | LookupFailed]:
        with self._lock:
            self.calls.append((tuple(mailboxes), window))
            self._running += 1
            self.at_once = max(self.at_once, self._running)
            failure = self.failures.pop(0) if self.failures else None
        try:
            time.sleep(self.delay)
            if failure:
                raise failure
            if self.script:
                return self.script(mailboxes, window)
            return {mailbox: Schedule(self.calendars.get(mailbox, ())) for mailbox in mailboxes}
        finally:
            with self._lock:
                self._running -= 1


BEN = "ben@example.org"
WINDOW = Window(DAY, DAY + timedelta(days=1))
WEEK = Window(DAY, DAY + timedelta(days=7))


def ask(backend: Backend, *mailboxes: str, window: Window = WEEK, seconds: float = 5) -> Answers:
    return backend.look_up(mailboxes, window, Deadline.after(seconds))


def look_up(backend: Backend, mailbox: str = BEN, window: Window = WINDOW, seconds: float = 5) -> Result:
    """Look up one mailbox. Return a failure that the backend raises."""
    try:
        return ask(backend, mailbox, window=window, seconds=seconds)[mailbox]
    except LookupFailed as failure:
        return failure
