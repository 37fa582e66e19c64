"""Time zones and working hours as WorkMail's availability response has them (guide, "Response elements", `timezone`).

The response has rules ("the last Sunday of March at 02:00"), zoneinfo has moments: the rules are read off the moments of the year.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import DayOfWeek, Month, TimeZone, TimeZoneTransition, Week, WorkingHours, WorkingPeriod

_DAYS: Final = (*tuple(DayOfWeek)[1:], DayOfWeek.SUN)
"""In the order of `date.weekday`."""

_MINUTE: Final = timedelta(minutes=1)
_STEP: Final = timedelta(days=3)
"""Since 1970 no offset of any zone has lasted less: the shortest is a summer time of a week (America/Recife, 2000)."""

_SECOND: Final = timedelta(seconds=1)

_FIRST_DAY: Final = datetime(4, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = datetime(9996, 1, 1, tzinfo=UTC)
"""What is asked for before or after is answered as of then: Python has no moments before year 1 or after 9999, and two years on either
side are looked at."""

_LONGEST: Final = timedelta(days=366)
"""So much of a window counts for its offset: WorkMail asks for weeks, and to look through centuries would outlast its patience."""

_NO_ZONES: Final = {"factory", "localtime"}
"""In the database, but they say "none was set" and "the one of this machine"."""

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
    """A zone by its IANA name, or by the name that Windows has for it (CLDR, territory 001); None for others.

    In any case and in quotes, as calendars have them. Only names that the tz database lists are opened: no name is a path.
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


def working_hours(zone: ZoneInfo, periods: Sequence[WorkingPeriod], window: Window, name: str | None = None) -> WorkingHours:
    """Working hours in a zone. Arguments as for `time_zone`."""
    return WorkingHours(time_zone(zone, window, name), tuple(periods))


def time_zone(zone: ZoneInfo, window: Window, name: str | None = None) -> TimeZone:
    """The zone as rules for the (local) year in which the window begins, or, where its year fits no rules, with the one offset that most
    of the window has.

    A year fits when the clocks change twice, to and fro, by whole minutes: any day is "the n-th" or "the last" of its name in its month.
    Years in which a law changed, with one change or more than two, do not.
    Where the fourth day of its name is the last one too, the years around say which is meant, for windows over New Year.

    Args:
        name: how the zone is called; else by its key.
    """
    name = name or zone.key
    start = _in_range(window.start_date)
    rules = _rules(zone, start.astimezone(zone).year)
    if rules is None:
        end = max(_in_range(window.end_date), start + _SECOND)
        return TimeZone(name, bias_of(_prevailing(zone, start, min(end, start + _LONGEST))))
    bias, standard, daylight = rules
    return TimeZone(name, bias, standard, daylight)


def _in_range(moment: datetime) -> datetime:
    # In whole seconds, in which clocks change: between fractions, the search for a change might not end.
    return min(max(moment, _FIRST_DAY), _LAST_DAY).replace(microsecond=0)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


@lru_cache(maxsize=256)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The moments within a local year at which the offset changes, in UTC, to the second."""
    start = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
    # The year's last second: a change at its very end is not this year's.
    return tuple(_changes_between(zone, start, end - _SECOND))


def _changes_between(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """As `_changes`; between moments in whole seconds."""
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
    """Bias, and the rules for going to standard and to daylight time; None where there are none."""
    changes = _changes(zone, year)
    if len(changes) != 2:
        return None
    offsets = [_offset(zone, moment) for moment in changes]
    first, second = offsets
    # Where the year begins as it ends, the two changes are to and fro.
    if _offset(zone, changes[0] - _SECOND) != second or any(offset % _MINUTE for offset in offsets):
        return None
    # The clocks may be set back at the midnight of New Year (Asia/Dhaka, 2009): a reader would look for that day in this year's January.
    if _clock(zone, changes[1]).year != year:
        return None
    standard = min(offsets)
    rules = [_rule(zone, change, bias_of(after) - bias_of(standard)) for change, after in zip(changes, offsets, strict=True)]
    to_standard, to_daylight = rules if first == standard else reversed(rules)
    return bias_of(standard), to_standard, to_daylight


def _clock(zone: ZoneInfo, change: datetime) -> datetime:
    """When the clocks change, as the clocks say that are about to: Windows's `TIME_ZONE_INFORMATION`, which EWS's `TimeZone` comes from,
    has the change to standard time in daylight time and the other way round. 24:00 is 00:00 of the next day."""
    return (change + _offset(zone, change - _SECOND)).replace(tzinfo=None)


def _rule(zone: ZoneInfo, change: datetime, offset: int) -> TimeZoneTransition:
    clock = _clock(zone, change)
    nth = (clock.day - 1) // 7
    # The last of `Week` is LAST, which a fifth day always is.
    week = Week.LAST if nth == 3 and _is_last(clock) and _is_last_elsewhere(zone, clock) else tuple(Week)[nth]
    return TimeZoneTransition(offset, clock.time(), tuple(Month)[clock.month - 1], week, _DAYS[clock.weekday()])


def _is_last(day: datetime) -> bool:
    return day.day + 7 > monthrange(day.year, day.month)[1]


def _is_last_elsewhere(zone: ZoneInfo, clock: datetime) -> bool:
    """Whether the fourth day of its name, that is the last one too, stands for the last: going by the years around, the next one first."""
    for year in (clock.year + 1, clock.year - 1, clock.year + 2, clock.year - 2):
        for other in (_clock(zone, change) for change in _changes(zone, year)):
            if (other.month, other.weekday()) == (clock.month, clock.weekday()) and not (_is_last(other) and other.day <= 28):
                return _is_last(other)
    return True


def _prevailing(zone: ZoneInfo, start: datetime, end: datetime) -> timedelta:
    """The offset that lasts longest between two moments; of two that last as long, the first."""
    lasting: dict[timedelta, timedelta] = {}
    for since, until in pairwise([start, *_changes_between(zone, start, end), end]):
        offset = _offset(zone, since)
        lasting[offset] = lasting.get(offset, timedelta()) + (until - since)
    return max(lasting, key=lambda offset: lasting[offset])
