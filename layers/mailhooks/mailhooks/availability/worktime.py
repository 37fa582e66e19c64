"""Time zones and working hours as WorkMail's availability response has them (guide, "Response elements", `timezone`).

The response has rules ("the last Sunday of March at 02:00"), zoneinfo has moments: the rules are read off the moments of the year.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from ..contract.availability import Window
from ..contract.freebusy import DayOfWeek, Month, TimeZone, TimeZoneTransition, Week, WorkingHours, WorkingPeriod

_DAYS: Final = (*tuple(DayOfWeek)[1:], DayOfWeek.SUN)
"""In the order of `date.weekday`."""

_MINUTE: Final = timedelta(minutes=1)
_STEP: Final = timedelta(days=1)
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|(24):(00)")


def bias_of(offset: timedelta) -> int:
    """Minutes for `bias` and `offset`, of an offset from UTC: EWS's sign, UTC = local time + bias; zoneinfo has local = UTC + offset.

    The guide shows 60 for W. Europe, AWS's own sample function hands on what EWS says, which is -60. This is the one place of the sign;
    `flipped` is for those whose WorkMail wants the other.
    """
    return -(offset // _MINUTE)


def flipped(hours: WorkingHours) -> WorkingHours:
    """The same with the other sign: local time = UTC + bias."""
    zone = hours.timezone
    turned = [rule and replace(rule, offset=-rule.offset) for rule in (zone.standard_time, zone.daylight_time)]
    return replace(hours, timezone=replace(zone, bias=-zone.bias, standard_time=turned[0], daylight_time=turned[1]))


def minutes(text: str) -> int:
    """Minutes from midnight of a time of day.

    >>> minutes("09:30"), minutes("24:00")
    (570, 1440)

    Raises:
        ValueError: not of the form hh:mm, or later than 24:00.
    """
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError("a time of day has the form hh:mm, at most 24:00")
    hour, minute = (part for part in found.groups() if part)
    return int(hour) * 60 + int(minute)


def zone(name: str) -> ZoneInfo | None:
    """A zone by its IANA name, or by the name that Windows has for it (CLDR); None for others."""
    wanted = name.strip().strip("\"'").strip()
    if wanted.lower() in {"tzone://microsoft/utc", "z"}:
        wanted = "UTC"
    known = _names().get(wanted.lower())
    return ZoneInfo(known) if known else None


@cache
def _names() -> dict[str, str]:
    from tzlocal.windows_tz import win_tz

    named = {name.lower(): name for name in available_timezones()}
    return {windows.lower(): iana for windows, iana in win_tz.items() if iana.lower() in named} | named


def working_hours(zone: ZoneInfo, periods: Sequence[WorkingPeriod], window: Window, name: str | None = None) -> WorkingHours:
    """Working hours in a zone. Arguments as for `time_zone`."""
    return WorkingHours(time_zone(zone, window, name), tuple(periods))


def time_zone(zone: ZoneInfo, window: Window, name: str | None = None) -> TimeZone:
    """The zone as rules for the year in which the window begins, or, where its year fits no rules, with the one offset that most of the
    window has.

    A year fits when the clocks change twice, to and fro, each at a whole second of local time and by whole minutes: any day is "the n-th"
    or "the last" of its name in its month. Years in which a law changed, or with Ramadan in between, do not.

    Args:
        name: how the zone is called; else by its key.
    """
    name = name or zone.key
    year = window.start_date.astimezone(zone).year
    changes = _changes(zone, year)
    rules = _rules(zone, changes) if len(changes) == 2 else None
    if rules is None:
        return TimeZone(name, bias_of(_prevailing(zone, window) if changes else _offset(zone, window.start_date)))
    bias, standard, daylight = rules
    return TimeZone(name, bias, standard, daylight)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


@cache
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The moments of a local year at which the offset changes, in UTC, to the second."""
    start = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    return tuple(_changes_between(zone, start, end))


def _changes_between(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    days = [start + _STEP * number for number in range((end - start) // _STEP + 1)]
    for before, after in pairwise([*days, end]):
        if _offset(zone, before) != _offset(zone, after):
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                middle = middle.replace(microsecond=0)
                before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
            yield after


def _rules(zone: ZoneInfo, changes: Sequence[datetime]) -> tuple[int, TimeZoneTransition, TimeZoneTransition] | None:
    """Bias, and the rules for going to standard and to daylight time; None where there are none."""
    offsets = [_offset(zone, moment) for moment in changes]
    first, second = offsets
    # Where the year begins as it ends, the two changes are to and fro.
    if _offset(zone, changes[0] - timedelta(seconds=1)) != second or any(offset % _MINUTE for offset in offsets):
        return None
    standard = min(offsets)
    rules = [
        _rule(zone, moment, before, bias_of(after) - bias_of(standard))
        for moment, before, after in ((changes[0], second, first), (changes[1], first, second))
    ]
    to_standard, to_daylight = (rules[0], rules[1]) if first == standard else (rules[1], rules[0])
    return bias_of(standard), to_standard, to_daylight


def _rule(zone: ZoneInfo, moment: datetime, before: timedelta, offset: int) -> TimeZoneTransition:
    """When the clocks change, as the clocks say that are about to (EWS, `SerializableTimeZoneTime`)."""
    wall = (moment + before).replace(tzinfo=None)
    nth = (wall.day - 1) // 7
    is_last = wall.day + 7 > monthrange(wall.year, wall.month)[1]
    week = tuple(Week)[nth] if nth < 4 and not (is_last and _is_last_elsewhere(zone, wall)) else Week.LAST
    return TimeZoneTransition(offset, wall.time(), tuple(Month)[wall.month - 1], week, _DAYS[wall.weekday()])


def _is_last_elsewhere(zone: ZoneInfo, wall: datetime) -> bool:
    """Whether the fourth day of its name, that is the last one too, stands for the last: going by the years around."""
    for year in (wall.year + 1, wall.year - 1, wall.year + 2, wall.year - 2):
        for change in _changes(zone, year):
            other = change.astimezone(zone)
            if other.month == wall.month and other.weekday() == wall.weekday():
                last = other.day + 7 > monthrange(year, other.month)[1]
                if not last or (other.day - 1) // 7 == 4:
                    return last
    return True


def _prevailing(zone: ZoneInfo, window: Window) -> timedelta:
    """The offset that the window has for the longest time."""
    moments = [window.start_date, *_changes_between(zone, window.start_date, window.end_date), window.end_date]
    lasting: dict[timedelta, timedelta] = {}
    for start, end in pairwise(moments):
        lasting[_offset(zone, start)] = lasting.get(_offset(zone, start), timedelta()) + (end - start)
    return max(lasting, key=lambda offset: lasting[offset])
