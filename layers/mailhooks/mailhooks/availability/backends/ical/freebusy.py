"""The VFREEBUSY components (RFC 5545 section 3.6.4) of calendar data as events, for the backends `caldav` and `ics`."""

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.values import Unreadable, parse_period, split_line
from mailhooks.availability.errors import GenerationFailed
from mailhooks.contract.freebusy import BusyType, CalendarEvent

BUSY_TYPES: Final = {
    "BUSY": BusyType.BUSY,
    "BUSY-UNAVAILABLE": BusyType.BUSY,
    "BUSY-TENTATIVE": BusyType.TENTATIVE,
    "FREE": BusyType.FREE,
}
"""FBTYPE (RFC 5545 section 3.2.9). Others are taken for BUSY, as that section wants."""

_MOST: Final = 50_000
"""Periods of one calendar: of a year, one each ten minutes."""


def read_periods(calendar: Component) -> Iterator[CalendarEvent]:
    """The periods of all its VFREEBUSY components, FREE ones left out. Several components are as good as one: QUIRK: Radicale sends one for
    each event, though RFC 4791 section 7.10 asks for exactly one.

    Raises:
        GenerationFailed: a period cannot be read: time that is not known to be free is not shown as free. Or there are too many.
    """
    if sum(line.count(",") + 1 for component in calendar.all("VFREEBUSY") for line in component.lines.get("FREEBUSY", ())) > _MOST:
        raise GenerationFailed("the calendar has too many periods of free or busy time")
    for component in calendar.all("VFREEBUSY"):
        for line in component.lines.get("FREEBUSY", ()):
            try:
                yield from _periods(line)
            except (Unreadable, OverflowError):
                raise GenerationFailed("a period of free or busy time cannot be read") from None


def _periods(line: str) -> Iterator[CalendarEvent]:
    parameters, value = split_line(line)
    kind = BUSY_TYPES.get(parameters.get("FBTYPE", "BUSY").upper(), BusyType.BUSY)
    if kind is BusyType.FREE:
        return
    # QUIRK: a property without a value says that there are no periods.
    for text in filter(None, value.split(",")):
        # Section 3.8.2.6 wants UTC. QUIRK: a moment without a zone is taken for that.
        start, length = parse_period(text.strip(), lambda: UTC)
        yield CalendarEvent(start, start + length, kind)
