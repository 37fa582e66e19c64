"""Reads VFREEBUSY components (RFC 5545 section 3.6.4), for the backends `caldav` and `ics`."""

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.values import InvalidValue, parse_period, split_line
from mailhooks.availability.errors import GenerationFailed
from mailhooks.contract.freebusy import BusyType, CalendarEvent

BUSY_TYPES: Final = {
    "BUSY": BusyType.BUSY,
    "BUSY-UNAVAILABLE": BusyType.BUSY,
    "BUSY-TENTATIVE": BusyType.TENTATIVE,
    "FREE": BusyType.FREE,
}
"""FBTYPE (RFC 5545 section 3.2.9). Other values are BUSY, as that section requires."""

_MAX_PERIODS: Final = 50_000
"""Periods of one calendar: one every ten minutes of a year."""


def read_periods(calendar: Component) -> Iterator[CalendarEvent]:
    """Yield the periods of all VFREEBUSY components that are not FREE.

    QUIRK: Radicale sends one component for each event, although RFC 4791 section 7.10 requires exactly one.

    Raises:
        GenerationFailed: a period cannot be read, and might be busy, or there are too many periods.
    """
    if sum(line.count(",") + 1 for component in calendar.all("VFREEBUSY") for line in component.lines.get("FREEBUSY", ())) > _MAX_PERIODS:
        raise GenerationFailed("the calendar has too many periods of free or busy time")
    for component in calendar.all("VFREEBUSY"):
        for line in component.lines.get("FREEBUSY", ()):
            try:
                yield from _parse_periods(line)
            except (InvalidValue, OverflowError):
                raise GenerationFailed("a period of free or busy time cannot be read") from None


def _parse_periods(line: str) -> Iterator[CalendarEvent]:
    parameters, value = split_line(line)
    kind = BUSY_TYPES.get(parameters.get("FBTYPE", "BUSY").upper(), BusyType.BUSY)
    if kind is BusyType.FREE:
        return
    # QUIRK: a property may have an empty value, which means no periods.
    for text in filter(None, value.split(",")):
        # Section 3.8.2.6 requires UTC. QUIRK: a time without a zone is read as UTC.
        start, length = parse_period(text.strip(), lambda: UTC)
        yield CalendarEvent(start, start + length, kind)
