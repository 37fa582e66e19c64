"""Reads Microsoft Graph's working hours ("workingHours", "timeZoneBase", "customTimeZone")."""

from collections.abc import Mapping
from datetime import time
from typing import Any, Final

from mailhooks.availability import timezones
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import TimeZone, TimeZoneTransition, WorkingHours, WorkingPeriod

_DAY_MINUTES: Final = 24 * 60


def read_hours(value: Any, window: Window) -> WorkingHours | None:
    """Read working hours. Return None if they are absent or invalid, because events are useful without working hours.

    Graph has the same hours for all days: if a user's hours differ by day, the earliest start and the latest end.
    """
    if not isinstance(value, dict):
        return None
    try:
        days = tuple(timezones.DAYS[day.capitalize()] for day in value["daysOfWeek"])
        start, end = _minutes(value["startTime"]), _minutes(value["endTime"]) or _DAY_MINUTES
        if not days or end <= start:
            return None
        return _add_zone(value["timeZone"], WorkingPeriod(start, end, days), window)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _add_zone(value: Mapping[str, Any], period: WorkingPeriod, window: Window) -> WorkingHours | None:
    given = value.get("name")
    name = given if isinstance(given, str) else ""
    if isinstance(value.get("bias"), int):
        return WorkingHours(_read_custom_zone(name or "Customized Time Zone", value), (period,))
    zone = timezones.find_zone(name) if name else None
    return WorkingHours(timezones.build_time_zone(zone, window, name), (period,)) if zone else None


def _read_custom_zone(name: str, value: Mapping[str, Any]) -> TimeZone:
    """Read a custom time zone.

    QUIRK: in "customTimeZone" zones ahead of UTC have a positive bias, but the examples of getSchedule have 480 and -60 for Pacific time.
    That is EWS's sign: UTC = local time + bias + offset.
    """
    try:
        standard = _read_transition(value["standardOffset"], 0)
        daylight = _read_transition(value["daylightOffset"], value["daylightOffset"]["daylightBias"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        standard = daylight = None
    if standard is None or daylight is None:
        return TimeZone(name, value["bias"])
    return TimeZone(name, value["bias"], standard, daylight)


def _read_transition(value: Mapping[str, Any], offset: int) -> TimeZoneTransition | None:
    """Return None for a change that never happens (month 0) or not every year, or whose offset is not a number."""
    if value.get("year") or not value["month"] or not isinstance(offset, int):
        return None
    return timezones.read_transition(offset, value["time"], value["month"], value["dayOccurrence"], value["dayOfWeek"])


def _minutes(text: str) -> int:
    """Convert a time such as `08:00:00.0000000` to minutes from midnight."""
    moment = time.fromisoformat(text)
    return moment.hour * 60 + moment.minute
