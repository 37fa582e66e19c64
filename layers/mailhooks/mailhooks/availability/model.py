"""What a backend is asked and what it answers. Events, working hours and windows are the contract's own values: moments in UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mailhooks.availability.errors import LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent, WorkingHours
from mailhooks.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a backend takes in one look-up.

    Attributes:
        mailboxes: at most so many mailboxes.
        span: at most so long a window; None for any.
        at_once: so many look-ups side by side.
    """

    mailboxes: int
    span: timedelta | None = None
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a source tells of one mailbox.

    Attributes:
        events: in any order; those outside of the window are left out later, private ones lose their details later.
        working_hours: None where the source does not tell. Biases have EWS's sign: UTC = local time + bias + offset.
    """

    events: tuple[CalendarEvent, ...] = ()
    working_hours: WorkingHours | None = None


Result = Schedule | LookupFailed

Answers = Mapping[str, Result]
"""By mailbox, spelled as asked."""


class Backend(Protocol):
    """A source of free/busy times. One object serves all requests of a process, also several at once, from several threads.

    Optional: `scope(mailbox) -> str`, for a backend that stands for several servers or accounts: what keeps failing for some mailboxes is
    then no reason to leave those of another scope alone.
    """

    @property
    def limits(self) -> Limits: ...

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Answers:
        """Asks for some mailboxes, within `limits`. Time-outs of the network are bounded by `deadline.left()`.

        Returns:
            For each mailbox what the source tells, or why it does not. One that is missing counts as `GenerationFailed`.

        Raises:
            LookupFailed: nothing was learned of any of them.
        """
