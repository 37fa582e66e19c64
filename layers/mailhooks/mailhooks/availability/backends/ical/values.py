"""Parses values of calendar data (RFC 5545 section 3.3) strictly."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final, NamedTuple

_PARAMETER: Final = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)')
_TIME_PARAMETER: Final = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^;]*)')
_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_MOMENT: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:T(?:(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d{1,9})?)?(Z|[+-]\d\d:?[0-5]\d)?)?)?", re.ASCII | re.IGNORECASE
)
"""QUIRK: the other forms of ISO 8601, a time without seconds, and a day with a `T` but no time, which means the whole day."""

_ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION: Final = re.compile(r"([+-]?)P(?=[\dT])(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII | re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)

Period = tuple[datetime, datetime]
"""A start, and an end in UTC."""


class Duration(NamedTuple):
    """A duration that is not negative (section 3.3.6).

    Attributes:
        days: nominal days. A day has 23 or 25 hours when the clocks change.
        time: an exact time.
    """

    days: timedelta
    time: timedelta

    def add_to(self, start: datetime) -> datetime:
        """Return the end, in UTC, of an aware start."""
        # Python adds days to the clock time.
        return (start + self.days).astimezone(UTC) + self.time


class InvalidValue(ValueError):
    """A value or a property breaks the RFC. The text does not quote it."""


def split_line(line: str) -> tuple[dict[str, str], str]:
    """Split a line into its parameters and its value.

    Parameters are by name in upper case, without quotation marks.

    >>> split_line('DTSTART;TZID="Europe/Berlin":20260504T090000')
    ({'TZID': 'Europe/Berlin'}, '20260504T090000')

    Raises:
        InvalidValue: the line is not a content line (RFC 5545 section 3.1).
    """
    name = _NAME.match(line)
    if not name:
        raise InvalidValue("a line without a name")
    at = name.end()
    parameters = {}
    while match := _PARAMETER.match(line, at):
        parameters[match[1].upper()] = match[2].strip('"')
        at = match.end()
    if line[at : at + 1] != ":":
        raise InvalidValue("a line without a value")
    return parameters, line[at + 1 :].strip()


def split_time_line(line: str) -> tuple[dict[str, str], str]:
    """Split the line of a date or time, whose value has no colon, into its parameters and its value.

    QUIRK: Outlook writes `TZID=(UTC+01:00) Amsterdam` without quotation marks.

    Raises:
        InvalidValue: the line has no value, has a parameter with two values, or consists of two lines.
    """
    head, colon, value = line.rpartition(":")
    if line.count(":") > 1:
        # QUIRK: `2026-05-04T09:00:00Z`, whose value has colons.
        with suppress(InvalidValue):
            parameters, written = split_line(line)
            if _ISO_DAY.match(written):
                return parameters, written
    name = _NAME.match(head)
    if not colon or not name or head[name.end() :].lstrip()[:1] not in {"", ";"}:
        raise InvalidValue("a line without a value")
    pairs = {(match[1].upper(), match[2]) for match in _TIME_PARAMETER.finditer(head)}
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise InvalidValue("a parameter with two values")
    return parameters, value.strip()


def parse_moment(text: str, zone: Callable[[], tzinfo]) -> date:
    """Parse a date or a time, which is aware.

    Args:
        zone: returns the zone of a time that does not end in Z.

    Raises:
        InvalidValue: the text is neither, or the day or time does not exist.
    """
    match = _MOMENT.fullmatch(text)
    if not match:
        raise InvalidValue("an invalid date or time")
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
        if match[4] is None:
            return day
        second = match[6] or "00"
        if match[4] + match[5] + second == "240000":
            # QUIRK: the end of a day, as ISO 8601 allows and section 3.3.12 does not.
            found = datetime(day.year, day.month, day.day) + timedelta(days=1)
        else:
            # Section 3.3.12: programs without leap seconds read 60 as 59.
            found = datetime(day.year, day.month, day.day, int(match[4]), int(match[5]), min(int(second), 59))
    except (ValueError, OverflowError):
        raise InvalidValue("a day or time that does not exist") from None
    return found.replace(tzinfo=_read_offset(match[7]) if match[7] else zone())


def _read_offset(text: str) -> tzinfo:
    if text in {"Z", "z"}:
        return UTC
    found = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if found >= timedelta(days=1):
        raise InvalidValue("an invalid offset")
    return timezone(-found if text[0] == "-" else found)


def parse_duration(text: str) -> tuple[Duration, bool]:
    """Parse a duration with an optional sign. Return its length, and whether it is negative.

    >>> parse_duration("-P1DT12H")
    (Duration(days=datetime.timedelta(days=1), time=datetime.timedelta(seconds=43200)), True)

    Raises:
        InvalidValue: the text is not a duration, or the duration is too long.
    """
    match = _DURATION.fullmatch(text)
    # Longer numbers would overflow, and parsing them would be slow.
    if not match or not any(match.groups()[1:]) or len(text) > 40:
        raise InvalidValue("an invalid duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    try:
        found = Duration(timedelta(weeks=weeks, days=days), timedelta(hours=hours, minutes=minutes, seconds=seconds))
    except OverflowError:
        raise InvalidValue("a duration that is too long") from None
    return found, match[1] == "-"


def parse_period(text: str, zone: Callable[[], tzinfo]) -> Period:
    """Parse a period with an end or a duration (section 3.3.9).

    Raises:
        InvalidValue: the text is not a period, or the period ends before it starts.
    """
    first, _, second = text.partition("/")
    start = parse_moment(first.strip(), zone)
    if not isinstance(start, datetime):
        raise InvalidValue("a period of dates")
    if second[:1] in {"P", "p", "+", "-"}:
        length, negative = parse_duration(second)
        if negative:
            raise InvalidValue("a period that ends before it starts")
        try:
            return start, length.add_to(start)
        except OverflowError:
            raise InvalidValue("a period that is too long") from None
    end = parse_moment(second.strip(), zone)
    if not isinstance(end, datetime):
        raise InvalidValue("a period of dates")
    if end.astimezone(UTC) < start.astimezone(UTC):
        raise InvalidValue("a period that ends before it starts")
    return start, end.astimezone(UTC)


def parse_text(line: str) -> str:
    """Return the value of a line of type TEXT (section 3.3.11), such as SUMMARY; "" if it is invalid."""
    try:
        value = split_line(line)[1]
    except InvalidValue:
        return ""
    return unescape(value)


def unescape(value: str) -> str:
    """Resolve the escapes of a TEXT value (section 3.3.11)."""
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
