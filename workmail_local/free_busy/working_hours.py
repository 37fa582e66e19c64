"""Working hours as a mail program reads them (EWS: UTC = local time + bias + offset)."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

_MONTHS: Final = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_DAYS: Final = "MON TUE WED THU FRI SAT SUN".split()
_WEEKS: Final = "FIRST SECOND THIRD FOURTH LAST".split()


def is_at_work(hours: Mapping[str, Any], moment: datetime) -> bool:
    """Return whether a moment is in the working hours of a response."""
    local = moment.astimezone(UTC) - timedelta(minutes=find_bias(hours["timezone"], moment))
    minutes = local.hour * 60 + local.minute
    day = _DAYS[local.weekday()]
    return any(day in period["days"] and period["startMinutes"] <= minutes < period["endMinutes"] for period in hours["workingPeriods"])


def find_bias(zone: Mapping[str, Any], moment: datetime) -> int:
    """Return the minutes between local time and UTC at a moment: UTC = local time + bias."""
    base: int = zone["bias"]
    standard, daylight = zone.get("standardTime"), zone.get("daylightTime")
    if not (standard and daylight):
        return base
    utc = moment.astimezone(UTC)
    year = (utc - timedelta(minutes=base)).year
    # A transition is given in the local time before it.
    to_daylight = _find_transition(daylight, year, base + standard["offset"])
    to_standard = _find_transition(standard, year, base + daylight["offset"])
    is_north = to_daylight < to_standard
    in_daylight = to_daylight <= utc < to_standard if is_north else not to_standard <= utc < to_daylight
    return base + int((daylight if in_daylight else standard)["offset"])


def _find_transition(transition: Mapping[str, Any], year: int, before: int) -> datetime:
    month = _MONTHS.index(transition["month"]) + 1
    weekday = _DAYS.index(transition["dayOfWeek"])
    first, length = monthrange(year, month)
    day = 1 + (weekday - first) % 7 + 7 * _WEEKS.index(transition["week"])
    while day > length:
        day -= 7
    wall = datetime.combine(datetime(year, month, day, tzinfo=UTC), time.fromisoformat(transition["time"]), UTC)
    return wall + timedelta(minutes=before)
