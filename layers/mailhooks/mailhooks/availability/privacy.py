"""The parts of events that a requester may see."""

from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from mailhooks.address_patterns import Pattern
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent


class Show(StrEnum):
    """The visible part of an event."""

    BUSY = "busy"
    """Start, end and busy type."""

    DETAILS = "details"
    """All details as well, except those of private events."""


class Privacy(NamedTuple):
    """Rules by requester. The most specific pattern applies; a requester who matches none, or has no address, sees `busy`."""

    rules: tuple[tuple[Pattern, Show], ...] = ()

    def show(self, requester: str) -> Show:
        matching = [(pattern, show) for pattern, show in self.rules if "@" in requester and pattern.matches(requester)]
        return max(matching, key=lambda rule: rule[0].specificity)[1] if matching else Show.BUSY


def select_visible(events: tuple[CalendarEvent, ...], window: Window, show: Show) -> tuple[CalendarEvent, ...]:
    """Return the events that overlap the window, sorted and without hidden details.

    EWS sends the details of private events and expects the client to hide them, so they are removed here.
    """
    found: dict[CalendarEvent, None] = {}
    for event in events:
        if not _overlaps(event, window):
            continue
        if show is Show.BUSY or (event.details and event.details.is_private):
            event = replace(event, details=None)
        found[event] = None
    return tuple(sorted(found, key=lambda event: (event.start_time, event.end_time, event.busy_type)))


def _overlaps(event: CalendarEvent, window: Window) -> bool:
    """Return whether an event overlaps the window, whose end is exclusive. An event without length is at its start."""
    ends_after = event.end_time > window.start_date or event.start_time == event.end_time == window.start_date
    return event.start_time < window.end_date and ends_after
