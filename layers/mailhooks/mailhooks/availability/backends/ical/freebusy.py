"""Reads VFREEBUSY components (RFC 5545 section 3.6.4), for the backends `caldav` and `ics`."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from mailhooks.availability import timezones
from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.values import (
    InvalidValue,
    parse_duration,
    parse_moment,
    parse_period,
    split_line,
    split_time_line,
)
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

    QUIRK: Radicale sends one component for each event, although RFC 4791 section 7.10 requires exactly one. Its versions 3.2 to 3.5 write
    the times into DTSTART and DTEND and the type into FBTYPE, without FREEBUSY.

    Raises:
        GenerationFailed: a period cannot be read, and might be busy, or there are too many periods.
    """
    components = calendar.all("VFREEBUSY")
    if sum(1 + line.count(",") for component in components for line in component.lines.get("FREEBUSY", ("",))) > _MAX_PERIODS:
        raise GenerationFailed(f"the calendar has more than {_MAX_PERIODS:,} periods of free or busy time")
    for component in components:
        try:
            for line in component.lines.get("FREEBUSY", ()):
                yield from _parse_periods(line)
            if "FBTYPE" in component.lines and "FREEBUSY" not in component.lines:
                yield from _parse_component(component)
        except (InvalidValue, OverflowError):
            raise GenerationFailed("a period of free or busy time cannot be read") from None


def _find_type(text: str) -> BusyType:
    return BUSY_TYPES.get(text.strip().upper(), BusyType.BUSY)


def _parse_periods(line: str) -> Iterator[CalendarEvent]:
    parameters, value = split_line(line)
    kind = _find_type(parameters.get("FBTYPE", "BUSY"))
    if kind is BusyType.FREE:
        return
    # QUIRK: a property may have an empty value, which means no periods.
    for text in filter(None, value.split(",")):
        start, end = parse_period(text.strip(), _find_zone(parameters))
        yield CalendarEvent(start, end, kind)


def _parse_component(component: Component) -> Iterator[CalendarEvent]:
    """Yield the time of a component that has a type and no periods."""
    kind = _find_type(component.value("FBTYPE"))
    if kind is BusyType.FREE:
        return
    start = _parse_time(component, "DTSTART")
    has_end = "DTEND" in component.lines
    end = _parse_time(component, "DTEND") if has_end else parse_duration(component.value("DURATION"))[0].add_to(start)
    if end < start:
        raise InvalidValue("a period that ends before it starts")
    yield CalendarEvent(start, end, kind)


def _parse_time(component: Component, name: str) -> datetime:
    lines = component.lines.get(name, ())
    if len(lines) != 1:
        raise InvalidValue("a period without one start and one end")
    parameters, value = split_time_line(lines[0])
    found = parse_moment(value, _find_zone(parameters))
    return found if isinstance(found, datetime) else datetime(found.year, found.month, found.day, tzinfo=UTC)


def _find_zone(parameters: Mapping[str, str]) -> Callable[[], tzinfo]:
    """Return a function for the zone of times that do not end in Z: UTC, as sections 3.6.4 and 3.8.2.6 require. QUIRK: a known zone."""

    def find() -> tzinfo:
        zone = timezones.find_zone(parameters["TZID"]) if "TZID" in parameters else UTC
        if zone is None:
            raise InvalidValue("an unknown time zone")
        return zone

    return find
