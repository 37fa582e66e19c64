"""Expands recurrence rules (RFC 5545 section 3.3.10) in a window of clock times.

dateutil is not used here: it counts from the first recurrence, and searches for the next one up to the year 9999.
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import product
from typing import Final

from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.values import InvalidValue

_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBER: Final = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)
_SIGNED: Final = re.compile(r"[+-]?\d{1,3}", re.ASCII)
_BYDAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_STEPS: Final = {"HOURLY": timedelta(hours=1), "MINUTELY": timedelta(minutes=1), "SECONDLY": timedelta(seconds=1)}
_FREQUENCIES: Final = {"YEARLY", "MONTHLY", "WEEKLY", "DAILY", *_STEPS}
_LIMITS: Final = {
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 60),
}
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EVERY_MONTH: Final = 28
"""The days 1 to 28 are in each month."""

_Test = Callable[[date], bool]


class Rule:
    """A recurrence rule of a series.

    Attributes:
        until: the raw value of UNTIL, which depends on the series' zone; "" if there is none.
    """

    def __init__(self, value: str, start: datetime) -> None:
        """Parse an RRULE's value.

        Args:
            start: the clock time of DTSTART, which gives the parts that the rule does not contain.

        Raises:
            InvalidValue: the value is not a rule, or matches no day in any year.
        """
        # QUIRK: some programs write the name of the property into its value.
        text = value.upper().replace(" ", "").removeprefix("RRULE:")
        # QUIRK: some programs write parts without a value, and mean none.
        pairs = {(name, found) for name, _, found in (part.partition("=") for part in text.split(";")) if found}
        parts = dict(pairs)
        if len(parts) < len(pairs):
            raise InvalidValue("a rule with two values of one part")
        self.start = start
        self._ended: datetime | None = None
        self.frequency = parts.get("FREQ", "")
        if self.frequency not in _FREQUENCIES:
            raise InvalidValue("a rule without a frequency")
        if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN" or parts.get("SKIP", "OMIT") != "OMIT":
            raise InvalidValue("a rule of another calendar (RFC 7529)")
        if not _NUMBER.fullmatch(parts.get("INTERVAL", "1")) or not _NUMBER.fullmatch(parts.get("COUNT", "1")):
            raise InvalidValue("an invalid interval or number of recurrences")
        self.interval = int(parts.get("INTERVAL", "1"))
        self.count = int(parts["COUNT"]) if "COUNT" in parts else None
        self.until = parts.get("UNTIL", "")
        week_start = parts.get("WKST", "MO")
        if week_start not in _WEEKDAYS:
            raise InvalidValue("an invalid start of the week")
        self._week_start = _WEEKDAYS.index(week_start)
        self._read_parts(parts)
        self._add_defaults()
        self._check()

    @property
    def repeats_within_days(self) -> bool:
        """Whether the recurrences have an interval of hours, minutes or seconds."""
        return self.frequency in _STEPS

    def _read_parts(self, parts: dict[str, str]) -> None:
        lists = {name: _read_numbers(parts[name], *limits) if name in parts else [] for name, limits in _LIMITS.items()}
        self._months, self._month_days, self._year_days = lists["BYMONTH"], lists["BYMONTHDAY"], lists["BYYEARDAY"]
        self._week_numbers, self._positions = lists["BYWEEKNO"], lists["BYSETPOS"]
        self._hours, self._minutes = lists["BYHOUR"], lists["BYMINUTE"]
        # Programs without leap seconds read 60 as 59, as in times.
        self._seconds = sorted({min(second, 59) for second in lists["BYSECOND"]})
        self._days = _read_weekdays(parts["BYDAY"]) if "BYDAY" in parts else []

    def _add_defaults(self) -> None:
        """Add the parts that the start gives."""
        start = self.start
        if not (self._month_days or self._year_days or self._week_numbers or self._days):
            if self.frequency == "YEARLY" and not self._months:
                self._months = [start.month]
            if self.frequency in {"YEARLY", "MONTHLY"}:
                self._month_days = [start.day]
        if (self.frequency == "WEEKLY" or self._week_numbers) and not (self._days or self._month_days or self._year_days):
            self._days = [(0, start.weekday())]
        if self.frequency not in {"YEARLY", "MONTHLY"}:
            # Numbers are only for months and years (section 3.3.10). QUIRK: some calendars have them elsewhere, too.
            self._days = sorted({(0, weekday) for _, weekday in self._days})
        if self.frequency == "DAILY" and self.interval == 1 and self._days and not self._positions:
            # The same as a weekly rule, whose recurrences can be counted faster.
            self.frequency = "WEEKLY"
        clocks = product(self._hours or [start.hour], self._minutes or [start.minute], self._seconds or [start.second])
        self._times = [time(*clock) for clock in clocks]
        self._tests = self._build_tests()

    def _build_tests(self) -> list[_Test]:
        """Return one test of a day for each part that limits the days."""
        tests: list[_Test] = []
        if self._months:
            months = frozenset(self._months)
            tests.append(lambda day: day.month in months)
        if self._month_days:
            month_days = frozenset(self._month_days)
            tests.append(lambda day: day.day in month_days or day.day - monthrange(day.year, day.month)[1] - 1 in month_days)
        if self._year_days:
            year_days = frozenset(self._year_days)
            tests.append(lambda day: _year_day(day) in year_days or _year_day(day) - _year_length(day.year) - 1 in year_days)
        if self._week_numbers:
            numbers = frozenset(self._week_numbers)
            tests.append(lambda day: not numbers.isdisjoint(_count_weeks(day, self._week_start)))
        if self._days:
            plain = frozenset(weekday for nth, weekday in self._days if not nth)
            counted = frozenset(pair for pair in self._days if pair[0])
            of_year = self.frequency == "YEARLY" and not self._months
            tests.append(
                lambda day: (
                    (weekday := day.weekday()) in plain
                    or (bool(counted) and any((nth, weekday) in counted for nth in _count_weekdays(day, of_year)))
                )
            )
        return tests

    def _check(self) -> None:
        """Reject rules that never match.

        Raises:
            InvalidValue: the rule matches no day, or selects a recurrence that no period has.
        """
        months, days = self._months, self._month_days
        if months and days and not any(abs(day) <= _LONGEST_MONTHS[month - 1] for month in months for day in days):
            raise InvalidValue("a rule that matches no day")
        is_short = self.frequency in {"DAILY", *_STEPS}
        if is_short and self._positions and min(map(abs, self._positions)) > self._size_of_day():
            raise InvalidValue("a rule that selects a recurrence that no period has")

    def _size_of_day(self) -> int:
        """Return the number of recurrences of one period that is not longer than a day."""
        match self.frequency:
            case "DAILY":
                return len(self._times)
            case "HOURLY":
                return len(self._minutes or [0]) * len(self._seconds or [0])
            case "MINUTELY":
                return len(self._seconds or [0])
            case _:
                return 1

    # Periods: a year, a month, a week, a day, an hour, a minute or a second, by their number from the period of the start on.

    def _find_period(self, moment: datetime) -> int:
        """Return the number of the last period that begins at or before a time."""
        start = self.start
        match self.frequency:
            case "YEARLY":
                distance = moment.year - start.year
            case "MONTHLY":
                distance = 12 * (moment.year - start.year) + moment.month - start.month
            case "WEEKLY":
                distance = (moment.toordinal() - self._first_week) // 7
            case "DAILY":
                distance = moment.toordinal() - start.toordinal()
            case _:
                distance = (moment - self._first_moment) // _STEPS[self.frequency]
        return max(distance // self.interval, 0)

    @cached_property
    def _first_week(self) -> int:
        return self.start.toordinal() - (self.start.weekday() - self._week_start) % 7

    @cached_property
    def _places_in_week(self) -> list[int]:
        return sorted((weekday - self._week_start) % 7 for _, weekday in self._days)

    @cached_property
    def _first_moment(self) -> datetime:
        match self.frequency:
            case "HOURLY":
                return self.start.replace(minute=0, second=0)
            case "MINUTELY":
                return self.start.replace(second=0)
            case _:
                return self.start

    def _list_days(self, number: int) -> tuple[date, Sequence[date]] | None:
        """Return the first day of a period and the days that match; None after the year 9999."""
        try:
            match self.frequency:
                case "YEARLY":
                    first = date(self.start.year + number * self.interval, 1, 1)
                    months = self._months or range(1, 13)
                case "MONTHLY":
                    year, month = divmod(12 * self.start.year + self.start.month - 1 + number * self.interval, 12)
                    first = date(year, month + 1, 1)
                    months = [first.month]
                case "WEEKLY":
                    begin = self._first_week + 7 * number * self.interval
                    if self._days and len(self._tests) == 1:
                        # The usual case, without a test of each day.
                        return date.fromordinal(begin), [date.fromordinal(begin + place) for place in self._places_in_week]
                    first = date.fromordinal(max(begin, 1))
                    return first, self._select(map(date.fromordinal, range(max(begin, 1), begin + 7)))
                case _:
                    first = date.fromordinal(self.start.toordinal() + number * self.interval)
                    return first, self._select([first])
        except (ValueError, OverflowError):
            return None
        months = [month for month in months if not self._months or month in self._months]
        return first, [day for month in months for day in self._list_days_of_month(first.year, month)]

    def _list_days_of_month(self, year: int, month: int) -> Sequence[date]:
        weekday, length = monthrange(year, month)
        is_counted_in_month = self.frequency == "MONTHLY" or bool(self._months)
        if self._year_days or self._week_numbers or (self._days and not is_counted_in_month):
            return self._select(date(year, month, day) for day in range(1, length + 1))
        # The usual cases, without a test of each day.
        by_day = {day if day > 0 else length + 1 + day for day in self._month_days}
        by_weekday: set[int] = set()
        for nth, wanted in self._days:
            same = range(1 + (wanted - weekday) % 7, length + 1, 7)
            by_weekday.update(same if not nth else same[nth - 1 : nth] if nth > 0 else same[nth : nth + 1 or None])
        found = by_day & by_weekday if self._month_days and self._days else by_day | by_weekday
        if not (self._month_days or self._days):
            found = set(range(1, length + 1))
        return [date(year, month, day) for day in sorted(found) if 1 <= day <= length]

    def _select(self, days: "map[date] | Iterator[date] | Sequence[date]") -> list[date]:
        return [day for day in days if all(test(day) for test in self._tests)]

    @cached_property
    def _is_regular(self) -> bool:
        """Whether all periods have the same number of recurrences, so that those before a window need not be counted."""
        month_days, numbers = self._month_days, [nth for nth, _ in self._days]
        if self._year_days or self._week_numbers:
            return False
        match self.frequency:
            case "DAILY":
                return not self._tests
            case "WEEKLY":
                return not (self._months or month_days)
            case "MONTHLY" | "YEARLY":
                # Days from the start and from the end of a month may be the same.
                if self._months and self.frequency == "MONTHLY":
                    return False
                if month_days:
                    return not self._days and 0 < min(month_days) <= max(month_days) <= _EVERY_MONTH
                most = 52 if self.frequency == "YEARLY" and not self._months else 4
                return 1 <= min(numbers) <= max(numbers) <= most or -most <= min(numbers) <= max(numbers) <= -1
            case "HOURLY":
                return not (self._tests or self._hours)
            case "MINUTELY":
                return not (self._tests or self._hours or self._minutes)
            case _:
                return not (self._tests or self._hours or self._minutes or self._seconds)

    @cached_property
    def _recurs_in_each_period(self) -> bool:
        """Whether each period after the first one has a recurrence for sure."""
        if self._is_regular or self.frequency not in {"MONTHLY", "YEARLY"}:
            return self._is_regular
        days, numbers, positions = self._month_days, [abs(nth) for nth, _ in self._days], list(map(abs, self._positions))
        is_whole_year = self.frequency == "YEARLY" and not self._months
        if self._year_days or (days and numbers) or (self._months and self.frequency == "MONTHLY"):
            return False
        if self._week_numbers:
            # Days of other weeks may be in the year before or after.
            return is_whole_year and not any(numbers) and not positions and any(2 <= abs(week) <= 51 for week in self._week_numbers)
        if positions:
            # Each weekday is in each month four times.
            return bool(numbers) and not any(numbers) and min(positions) <= 4 * len(numbers)
        return any(day and abs(day) <= _EVERY_MONTH for day in days) or any(nth <= (52 if is_whole_year else 4) for nth in numbers)

    def expand(self, begin: datetime, end: datetime, budget: Budget) -> Iterator[datetime]:
        """Yield the recurrences from `begin` to `end`, in order. UNTIL is not considered.

        A series that ended before costs nothing if it has UNTIL, or if all its periods have a recurrence. For others with COUNT all
        recurrences are counted once.

        Raises:
            GenerationFailed: the expansion needs too much work.
        """
        number, left = self._find_period(begin), self.count
        if left is not None and number:
            if self._ended and self._ended < begin:
                return
            if number > left and self._recurs_in_each_period:
                return
            if self._is_regular:
                first = sum(1 for _ in self._expand_period(0))
                left -= first + (number - 1) * sum(1 for _ in self._expand_period(1))
            else:
                number = 0
        if left is not None and left <= 0:
            return
        since = begin if left is None else self.start
        for moment in self._expand_from(number, since, end, budget):
            if moment >= begin:
                yield moment
            if left is not None:
                left -= 1
                if not left:
                    self._ended = moment
                    return

    def _expand_period(self, number: int) -> Iterator[datetime]:
        """Yield the recurrences of one period of a regular rule."""
        if self.frequency in _STEPS:
            moment = self._first_moment + number * self.interval * _STEPS[self.frequency]
            yield from (one for one in self._expand_moment(moment) if one >= self.start)
        elif found := self._list_days(number):
            yield from (one for one in self._combine(found[1]) if one >= self.start)

    def _expand_from(self, number: int, begin: datetime, end: datetime, budget: Budget) -> Iterator[datetime]:
        """Yield the recurrences from a period on that are not before `begin`."""
        if self.frequency in _STEPS:
            yield from self._expand_within_days(number, begin, end, budget)
            return
        begin, first_day, last_day = max(begin, self.start), max(begin, self.start).date(), end.date()
        while (found := self._list_days(number)) and found[0] <= last_day:
            budget.count_step()
            days = found[1]
            if not self._positions:
                days = days[bisect_left(days, first_day) :]
            for moment in self._combine(days):
                if moment > end:
                    return
                budget.count_step()
                if moment >= begin:
                    yield moment
            number += 1

    def _combine(self, days: Sequence[date]) -> Iterator[datetime]:
        """Yield the times of a period's days in order, or those that BYSETPOS selects."""
        times = self._times
        if not self._positions:
            for day in days:
                for clock in times:
                    yield datetime.combine(day, clock)
            return
        size = len(days) * len(times)
        places = {position - 1 if position > 0 else size + position for position in self._positions if abs(position) <= size}
        for place in sorted(places):
            yield datetime.combine(days[place // len(times)], times[place % len(times)])

    def _expand_within_days(self, number: int, begin: datetime, end: datetime, budget: Budget) -> Iterator[datetime]:
        """Yield the recurrences of a rule whose periods are shorter than a day. Skip whole days, hours and minutes without one."""
        step, start = self.interval * _STEPS[self.frequency], self._first_moment
        begin = max(begin, self.start)
        day, matches = date.min, False
        while True:
            budget.count_step()
            try:
                moment = start + number * step
            except OverflowError:
                return
            if moment > end:
                return
            if moment.date() != day:
                day = moment.date()
                matches = all(test(day) for test in self._tests)
            skipped = self._find_skipped(moment) if matches else datetime.combine(day, time.max)
            if skipped:
                number = (skipped - start) // step + 1
                continue
            for one in self._expand_moment(moment):
                budget.count_step()
                if begin <= one <= end:
                    yield one
            number += 1

    def _find_skipped(self, moment: datetime) -> datetime | None:
        """Return the end of the hour, minute or second of a time that has no recurrence; None if it may have one."""
        if self._hours and moment.hour not in self._hours:
            return moment.replace(minute=59, second=59)
        if self.frequency != "HOURLY" and self._minutes and moment.minute not in self._minutes:
            return moment.replace(second=59)
        if self.frequency == "SECONDLY" and self._seconds and moment.second not in self._seconds:
            return moment
        return None

    def _expand_moment(self, moment: datetime) -> Iterator[datetime]:
        """Yield the recurrences of an hour, a minute or a second, or those that BYSETPOS selects."""
        found = [moment]
        if self.frequency == "HOURLY":
            pairs = product(self._minutes or [self.start.minute], self._seconds or [self.start.second])
            found = [moment.replace(minute=minute, second=second) for minute, second in pairs]
        elif self.frequency == "MINUTELY":
            found = [moment.replace(second=second) for second in self._seconds or [self.start.second]]
        size = len(found)
        places = {position - 1 if position > 0 else size + position for position in self._positions if abs(position) <= size}
        yield from (one for place, one in enumerate(found) if not self._positions or place in places)


def _read_numbers(text: str, lowest: int, highest: int) -> list[int]:
    """Return the sorted numbers of a list."""
    texts = text.rstrip(",").split(",")
    if len(texts) > 1000 or not all(map(_SIGNED.fullmatch, texts)):
        raise InvalidValue("an invalid list of numbers in a rule")
    found = sorted(set(map(int, texts)))
    if found[0] < lowest or found[-1] > highest or (lowest < 0 and 0 in found) or (lowest == 1 and found[0] < 1):
        raise InvalidValue("a number in a rule that is out of range")
    return found


def _read_weekdays(text: str) -> list[tuple[int, int]]:
    """Return pairs of a number and a weekday; the number is 0 if there is none."""
    texts = text.rstrip(",").split(",")
    matches = [match for match in map(_BYDAY.fullmatch, texts) if match]
    if len(matches) != len(texts) or len(texts) > 1000:
        raise InvalidValue("an invalid weekday in a rule")
    found = {(int(match[1] or 0), _WEEKDAYS.index(match[2])) for match in matches}
    if any(match[1] and not int(match[1]) for match in matches) or any(abs(nth) > 53 for nth, _ in found):
        raise InvalidValue("a number in a rule that is out of range")
    return sorted(found)


def _year_day(day: date) -> int:
    return day.toordinal() - date(day.year, 1, 1).toordinal() + 1


def _year_length(year: int) -> int:
    return 337 + monthrange(year, 2)[1]


def _count_weekdays(day: date, of_year: bool) -> tuple[int, int]:
    """Return a day's number among the same weekdays of its month or year, from the start and from the end."""
    place, length = (_year_day(day), _year_length(day.year)) if of_year else (day.day, monthrange(day.year, day.month)[1])
    return (place - 1) // 7 + 1, -((length - place) // 7 + 1)


def _count_weeks(day: date, week_start: int) -> tuple[int, int]:
    """Return the number of a day's week in its year, from the start and from the end. Week 1 has at least four days of the year."""
    middle = day.toordinal() - (day.weekday() - week_start) % 7 + 3
    year = date.fromordinal(min(middle, date.max.toordinal())).year
    place = middle - date(year, 1, 1).toordinal()
    return place // 7 + 1, -((_year_length(year) - 1 - place) // 7 + 1)
