"""The interface of a backend. Events, working hours and windows are the contract's dataclasses, with times in UTC."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

from mailhooks.availability.errors import LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent, WorkingHours
from mailhooks.deadline import Deadline


class Limits(NamedTuple):
    """The mailboxes and the time span of one look-up (None: no limit), and the look-ups in parallel."""

    mailboxes: int
    span: timedelta | None = None
    at_once: int = 4


class Schedule(NamedTuple):
    """The calendar of one mailbox.

    Attributes:
        events: in any order. The provider removes events outside of the window and details of private events.
        working_hours: None if the calendar system has none. Biases have EWS's sign: UTC = local time + bias + offset.
    """

    events: tuple[CalendarEvent, ...] = ()
    working_hours: WorkingHours | None = None


Result = Schedule | LookupFailed

Answers = Mapping[str, Result]
"""Results by mailbox, in the request's spelling."""


class Backend(Protocol):
    """A calendar system. One object serves all requests of a process, from several threads.

    A backend for several servers or accounts may define `scope(mailbox) -> str`: each scope then has its own circuit breaker.
    """

    @property
    def limits(self) -> Limits: ...

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Answers:
        """Look up mailboxes, within `limits`. Network time-outs must not exceed `deadline.left()`.

        Returns:
            The schedule or failure of each mailbox. A missing mailbox counts as `GenerationFailed`.

        Raises:
            LookupFailed: the look-up failed for all mailboxes.
        """
