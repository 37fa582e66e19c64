"""Recurrence rules and times of a calendar in words (RFC 5545 section 3.3)."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mailhooks.availability.backends.ical.values import parse_moment

_MAX_RULE: Final = 500
_UNITS: Final = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year", "HOURLY": "hour", "MINUTELY": "minute"}
_DAYS: Final = dict(
    zip(
        ("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)
_WORKING_DAYS: Final = {"MO", "TU", "WE", "TH", "FR"}
_MONTHS: Final = "January February March April May June July August September October November December".split()
_PLACES: Final = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "second last"}
_IN_WORDS: Final = frozenset("FREQ INTERVAL COUNT UNTIL BYDAY BYMONTHDAY BYMONTH BYSETPOS WKST".split())
_DAY: Final = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


class _Unusual(ValueError):
    """A rule that these words cannot describe."""


def describe_rule(text: str) -> str:
    """Describe a rule; an unusual one is quoted.

    >>> describe_rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=10")
    'every 2 weeks on Monday and Wednesday, 10 times'
    >>> describe_rule("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20261231T225959Z")
    'every month on the last Friday, until 31 December 2026'
    """
    try:
        parts = dict(part.upper().split("=", 1) for part in text[:_MAX_RULE].strip().strip(";").split(";"))
        if len(text) > _MAX_RULE or not _IN_WORDS.issuperset(parts):
            raise _Unusual
        return _describe(parts)
    except (ValueError, LookupError):
        return f"by the rule {text[:_MAX_RULE]}"


def _describe(parts: dict[str, str]) -> str:
    unit, interval = _UNITS[parts["FREQ"]], _read_number(parts.get("INTERVAL", "1"))
    words = [f"every {unit}" if interval == 1 else f"every {interval} {unit}s"]
    if "BYMONTH" in parts:
        words.append(f"in {join_words([_MONTHS[_read_number(month) - 1] for month in parts['BYMONTH'].split(',')])}")
    if "BYDAY" in parts and "BYMONTHDAY" in parts:
        raise _Unusual
    if "BYMONTHDAY" in parts:
        words.append(f"on {join_words([_describe_day_of_month(day) for day in parts['BYMONTHDAY'].split(',')])}")
    if "BYDAY" in parts:
        words.append(f"on {_describe_days(parts['BYDAY'].split(','), parts.get('BYSETPOS'))}")
    elif "BYSETPOS" in parts:
        raise _Unusual
    end = ""
    if "UNTIL" in parts:
        last = parse_moment(parts["UNTIL"], lambda: UTC)
        end = f", until {last.day} {_MONTHS[last.month - 1]} {last.year}"
    elif "COUNT" in parts:
        count = _read_number(parts["COUNT"])
        end = ", once" if count == 1 else f", {count:,} times"
    return " ".join(words) + end


def _describe_days(days: list[str], position: str | None) -> str:
    found = [_DAY.fullmatch(day) for day in days]
    if not all(found):
        raise _Unusual
    pairs = [(int(day[1] or 0), day[2]) for day in found if day]
    if position is not None:
        place = _PLACES[int(position)]
        if any(number for number, _ in pairs):
            raise _Unusual
        names = {name for _, name in pairs}
        if names == _WORKING_DAYS:
            return f"the {place} working day"
        if names == set(_DAYS):
            return f"the {place} day"
        if len(names) > 1:
            raise _Unusual
        return f"the {place} {_DAYS[pairs[0][1]]}"
    if {name for number, name in pairs if not number} == _WORKING_DAYS and len(pairs) == len(_WORKING_DAYS):
        return "working days (Monday to Friday)"
    return join_words([f"the {_PLACES[number]} {_DAYS[name]}" if number else _DAYS[name] for number, name in pairs])


def _describe_day_of_month(text: str) -> str:
    number = int(text)
    if not 1 <= abs(number) <= 31:
        raise _Unusual
    return f"day {number}" if number > 0 else "the last day" if number == -1 else f"day {-number} before the end"


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        raise _Unusual
    return int(text)


def join_words(words: list[str]) -> str:
    """Join words with commas and an "and".

    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def describe_here(start: datetime, end: datetime) -> str:
    """Describe a time in this machine's zone; "" if that is the same or does not exist."""
    try:
        first, last = start.astimezone(), end.astimezone()
    except (OverflowError, ValueError, OSError):  # the years 1 and 9999
        return ""
    if first.utcoffset() == start.utcoffset() and last.utcoffset() == end.utcoffset():
        return ""
    return f"{describe_span(first, last)} ({first.tzname()})"


def describe_span(start: date, end: date) -> str:
    """Describe a time, or whole days whose end is the day after the last one.

    >>> describe_span(date(2026, 5, 4), date(2026, 5, 6)), describe_span(datetime(2026, 5, 4, 9), datetime(2026, 5, 4, 10, 30))
    ('Mon 4 May 2026 to Tue 5 May 2026, all day', 'Mon 4 May 2026, 09:00 to 10:30')
    """
    if not (isinstance(start, datetime) and isinstance(end, datetime)):
        last = max(start, end - timedelta(days=1)) if end > start else start
        return f"{_describe_day(start)}, all day" if last == start else f"{_describe_day(start)} to {_describe_day(last)}, all day"
    if start == end:
        return f"{_describe_day(start)}, {start:%H:%M}"
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{_describe_day(end)}, {end:%H:%M}"
    return f"{_describe_day(start)}, {start:%H:%M} to {until}"


def _describe_day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b} {day.year}"
