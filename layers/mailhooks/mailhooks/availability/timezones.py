"""Time zones and working hours for WorkMail's availability response (guide, "Response elements", `timezone`).

The response describes changes of the clocks by rules ("the last Sunday of March at 02:00"). zoneinfo has no rules, so they are derived from
the changes of a year.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import DayOfWeek, Month, TimeZone, TimeZoneTransition, Week, WorkingHours

DAYS: Final = dict(zip(("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"), DayOfWeek, strict=True))
_WEEKDAYS: Final = (*tuple(DayOfWeek)[1:], DayOfWeek.SUN)
"""The days in the order of `date.weekday`."""

_MINUTE: Final = timedelta(minutes=1)
_STEP: Final = timedelta(days=3)
"""Since 1970 each offset of each zone lasted longer: the shortest is a summer time of one week (America/Recife, 2000)."""

_SECOND: Final = timedelta(seconds=1)

_FIRST_DAY: Final = datetime(4, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = datetime(9996, 1, 1, tzinfo=UTC)
"""Earlier and later times are replaced by these: Python's calendar covers the years 1 to 9999, and two years before and after a time are
read as well."""

_MAX_SPAN: Final = timedelta(days=366)
"""The part of a window that is searched for its offset. WorkMail requests weeks; a search of centuries would last too long."""

_NO_ZONES: Final = {"factory", "localtime"}
"""Names in the tz database that mean "not set" and "this computer's zone"."""


def to_bias(offset: timedelta) -> int:
    """Convert an offset from UTC to minutes with EWS's sign: UTC = local time + bias.

    The guide shows 60 for W. Europe, but AWS's sample function passes on EWS's value, which is -60. Only this function defines the sign;
    `flip_bias` converts to the other one.
    """
    return -(offset // _MINUTE)


def flip_bias(hours: WorkingHours) -> WorkingHours:
    """Convert working hours to the other sign of biases: local time = UTC + bias."""
    zone = hours.timezone
    flipped = [rule and replace(rule, offset=-rule.offset) for rule in (zone.standard_time, zone.daylight_time)]
    return replace(hours, timezone=replace(zone, bias=-zone.bias, standard_time=flipped[0], daylight_time=flipped[1]))


def read_transition(offset: int, clock: str, month: int, week: int, day: str) -> TimeZoneTransition:
    """Build a transition from the values of Exchange, by EWS or Graph. Months begin at 1; week 5 or -1 means the last week.

    Raises:
        ValueError, KeyError: a value is invalid.
    """
    moment = time.fromisoformat(clock).replace(microsecond=0, tzinfo=None)
    weeks = {**dict(enumerate(Week, 1)), -1: Week.LAST}
    return TimeZoneTransition(offset, moment, dict(enumerate(Month, 1))[month], weeks[week], DAYS[day.capitalize()])


def find_zone(name: str) -> ZoneInfo | None:
    """Find a zone by its IANA name or its Windows name (CLDR, territory 001); None if there is none.

    Case and quotation marks are ignored, as calendars contain both. Only names that the tz database lists are opened, so no name can be
    used as a path.
    """
    wanted = name.strip().strip("\"'").strip()
    if wanted.lower() in {"tzone://microsoft/utc", "z"}:
        wanted = "UTC"
    known = _names().get(wanted.lower())
    return ZoneInfo(known) if known else None


@cache
def _names() -> dict[str, str]:
    named = {name.lower(): name for name in available_timezones() if name.lower() not in _NO_ZONES}
    return {windows.lower(): iana for windows, iana in win_tz.items() if iana.lower() in named} | named


def build_time_zone(zone: ZoneInfo, window: Window, name: str | None = None) -> TimeZone:
    """Return a zone with the rules of the local year in which the window begins.

    If that year has no rules, return the offset that lasts longest in the window. A year has rules if the clocks change twice, forward and
    back, by whole minutes: each change is on "the n-th" or "the last" weekday of a month. Years in which a law changed have fewer or more
    changes. If the fourth weekday is also the last one, the years around show which of both is the rule.

    Args:
        name: the zone's name in the response; None: its key.
    """
    name = name or zone.key
    start = _in_range(window.start_date)
    rules = _rules(zone, start.astimezone(zone).year)
    if rules is None:
        end = max(_in_range(window.end_date), start + _SECOND)
        return TimeZone(name, to_bias(_prevailing(zone, start, min(end, start + _MAX_SPAN))))
    bias, standard, daylight = rules
    return TimeZone(name, bias, standard, daylight)


def _in_range(moment: datetime) -> datetime:
    # Clocks change at whole seconds. With fractions the search for a change might not end.
    return min(max(moment, _FIRST_DAY), _LAST_DAY).replace(microsecond=0)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


@lru_cache(maxsize=256)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """Return the times in a local year at which the offset changes, in UTC."""
    start = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    # Up to the year's last second: a change at its end belongs to the next year.
    return tuple(_changes_between(zone, start, end - _SECOND))


def _changes_between(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the changes between two times in whole seconds."""
    before, offset = start, _offset(zone, start)
    while before < end:
        after = min(before + _STEP, end)
        if _offset(zone, after) != offset:
            while after - before > _SECOND:
                middle = (before + (after - before) // 2).replace(microsecond=0)
                before, after = (middle, after) if _offset(zone, middle) == offset else (before, middle)
            yield after
        before, offset = after, _offset(zone, after)


def _rules(zone: ZoneInfo, year: int) -> tuple[int, TimeZoneTransition, TimeZoneTransition] | None:
    """Return a year's bias and its rules for standard and daylight time; None if it has no rules."""
    changes = _changes(zone, year)
    if len(changes) != 2:
        return None
    offsets = [_offset(zone, moment) for moment in changes]
    first, second = offsets
    # The year must begin with the offset with which it ends.
    if _offset(zone, changes[0] - _SECOND) != second or any(offset % _MINUTE for offset in offsets):
        return None
    # Clocks set back at midnight of New Year (Asia/Dhaka, 2009) have no rule: a reader would apply it to this year's January.
    if _clock(zone, changes[1]).year != year:
        return None
    standard = min(offsets)
    rules = [_rule(zone, change, to_bias(after) - to_bias(standard)) for change, after in zip(changes, offsets, strict=True)]
    to_standard, to_daylight = rules if first == standard else reversed(rules)
    return to_bias(standard), to_standard, to_daylight


def _clock(zone: ZoneInfo, change: datetime) -> datetime:
    """Return the local time at which a change happens, in the offset before it.

    This is the convention of Windows's `TIME_ZONE_INFORMATION`, the origin of EWS's `TimeZone`: the change to standard time is in daylight
    time and vice versa. 24:00 is 00:00 of the next day.
    """
    return (change + _offset(zone, change - _SECOND)).replace(tzinfo=None)


def _rule(zone: ZoneInfo, change: datetime, offset: int) -> TimeZoneTransition:
    clock = _clock(zone, change)
    nth = (clock.day - 1) // 7
    # A fifth weekday is always the last one, and `Week` ends with LAST.
    week = Week.LAST if nth == 3 and _is_last(clock) and _is_last_elsewhere(zone, clock) else tuple(Week)[nth]
    return TimeZoneTransition(offset, clock.time(), tuple(Month)[clock.month - 1], week, _WEEKDAYS[clock.weekday()])


def _is_last(day: datetime) -> bool:
    return day.day + 7 > monthrange(day.year, day.month)[1]


def _is_last_elsewhere(zone: ZoneInfo, clock: datetime) -> bool:
    """Return whether a weekday that is both the fourth and the last means the last.

    The years around show it, the next one first.
    """
    for year in (clock.year + 1, clock.year - 1, clock.year + 2, clock.year - 2):
        for other in (_clock(zone, change) for change in _changes(zone, year)):
            if (other.month, other.weekday()) == (clock.month, clock.weekday()) and not (_is_last(other) and other.day <= 28):
                return _is_last(other)
    return True


def _prevailing(zone: ZoneInfo, start: datetime, end: datetime) -> timedelta:
    """Return the offset that lasts longest between two times; the first of two that last equally long."""
    durations: dict[timedelta, timedelta] = {}
    for since, until in pairwise([start, *_changes_between(zone, start, end), end]):
        offset = _offset(zone, since)
        durations[offset] = durations.get(offset, timedelta()) + (until - since)
    return max(durations, key=lambda offset: durations[offset])
