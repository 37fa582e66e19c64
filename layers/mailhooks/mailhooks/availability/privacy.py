"""What a requester sees of other people's appointments."""

from dataclasses import dataclass, replace
from enum import StrEnum

from mailhooks.address_patterns import Pattern
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent


class Show(StrEnum):
    """How much of an event is shown."""

    BUSY = "busy"
    """Start, end and busy type."""

    DETAILS = "details"
    """Subject, location and the rest too, but never of a private event."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """Rules by requester; the narrowest pattern counts, and without any a requester sees `busy`."""

    rules: tuple[tuple[Pattern, Show], ...] = ()

    def show(self, requester: str) -> Show:
        matching = [(pattern, show) for pattern, show in self.rules if pattern.matches(requester)]
        return max(matching, key=lambda rule: rule[0].specificity)[1] if matching else Show.BUSY


def visible(events: tuple[CalendarEvent, ...], window: Window, show: Show) -> tuple[CalendarEvent, ...]:
    """The events that lie in the window, if only in part, in order of time, each once, and with what may be seen of them.

    EWS hands out what private items are about and leaves it to the client to hide it: here it goes.
    """
    seen: dict[CalendarEvent, None] = {}
    for event in events:
        if not _touches(event, window):
            continue
        if show is Show.BUSY or (event.details and event.details.is_private):
            event = replace(event, details=None)
        seen[event] = None
    return tuple(sorted(seen, key=lambda event: (event.start_time, event.end_time, event.busy_type)))


def _touches(event: CalendarEvent, window: Window) -> bool:
    """The window has its start and not its end. An event without length lies at its start."""
    ends_after = event.end_time > window.start_date or event.start_time == event.end_time == window.start_date
    return event.start_time < window.end_date and ends_after
