"""Reads EWS working hours (EWS reference, "WorkingHours", "TimeZone (Availability)", "WorkingPeriod")."""

from typing import Final

from mailhooks.availability import timezones
from mailhooks.availability.backends.ews.xml import Element, children, children_by_name, text
from mailhooks.contract.freebusy import DayOfWeek, TimeZone, TimeZoneTransition, WorkingHours, WorkingPeriod

ZONE_NAME: Final = "Undefined"
"""EWS has no names of zones. AWS's sample function sends this name to WorkMail."""

_DAY_MINUTES: Final = 1440

_GROUPS: Final = {
    "Day": tuple(DayOfWeek),
    "Weekday": tuple(DayOfWeek)[1:6],
    "WeekendDay": (DayOfWeek.SAT, DayOfWeek.SUN),
}


def read_hours(element: Element | None) -> WorkingHours | None:
    """Read an element WorkingHours. Return None if it is absent or invalid, because events are useful without working hours."""
    if element is None:
        return None
    try:
        parts = children_by_name(element)
        periods = tuple(_read_period(period) for period in children(parts.get("WorkingPeriodArray"), "WorkingPeriod"))
        return WorkingHours(_read_zone(parts["TimeZone"]), periods) if periods else None
    except (KeyError, ValueError):
        return None


def _read_zone(element: Element) -> TimeZone:
    """Read a time zone. Biases keep EWS's sign: UTC = local time + bias."""
    parts = children_by_name(element)
    bias = _offset(parts["Bias"])
    standard, daylight = parts.get("StandardTime"), parts.get("DaylightTime")
    if standard is None or daylight is None:
        return TimeZone(ZONE_NAME, bias)
    standard_bias, daylight_bias = _transition_bias(standard), _transition_bias(daylight)
    # The clocks never change if the month is 0, or if both transitions have the same time or bias, as exchangelib and others send for UTC.
    if standard_bias == daylight_bias or _when(standard) == _when(daylight) or _never(standard) or _never(daylight):
        return TimeZone(ZONE_NAME, _within_a_day(bias + standard_bias))
    return TimeZone(ZONE_NAME, bias, _read_transition(standard, standard_bias), _read_transition(daylight, daylight_bias))


def _transition_bias(element: Element) -> int:
    return _offset(children_by_name(element)["Bias"])


def _never(element: Element) -> bool:
    return int(text(children_by_name(element)["Month"])) == 0


def _when(element: Element) -> tuple[str, ...]:
    parts = children_by_name(element)
    return tuple(text(parts.get(name)) for name in ("Month", "DayOrder", "DayOfWeek", "Time", "Year"))


def _read_transition(element: Element, bias: int) -> TimeZoneTransition:
    parts = children_by_name(element)
    month, week = int(text(parts["Month"])), int(text(parts["DayOrder"]))
    return timezones.read_transition(bias, text(parts["Time"]), month, week, text(parts["DayOfWeek"]))


def _read_period(element: Element) -> WorkingPeriod:
    parts = children_by_name(element)
    days: list[DayOfWeek] = []
    for name in text(parts["DayOfWeek"]).split():
        days += _GROUPS.get(name) or (timezones.DAYS[name],)
    start = _between(int(text(parts["StartTimeInMinutes"])), 0, _DAY_MINUTES)
    end = _between(int(text(parts["EndTimeInMinutes"])), start + 1, _DAY_MINUTES)
    if not days:
        raise ValueError("a working period without a day")
    return WorkingPeriod(start, end, tuple(dict.fromkeys(days)))


def _offset(element: Element) -> int:
    return _within_a_day(int(text(element)))


def _within_a_day(minutes: int) -> int:
    return _between(minutes, -_DAY_MINUTES, _DAY_MINUTES)


def _between(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError("a number out of range")
    return value
