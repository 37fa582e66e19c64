"""Limits the work of recurrence rules (RFC 5545 section 3.3.10).

dateutil would search for the next recurrence up to the year 9999.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from dateutil.rrule import rrulestr

from mailhooks.availability.backends.ical.values import InvalidValue

_OFTEN: Final = {"SECONDLY", "MINUTELY", "HOURLY"}
_CYCLE_YEARS: Final = 400
"""The Gregorian calendar repeats after this time, including weekdays: 20,871 weeks."""

_INTERVAL: Final = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)

_SEARCH_YEARS: Final = 40
"""Within this time a leap day falls on each weekday."""


class BudgetExceeded(Exception):
    """The expansion needs too much work."""


@dataclass(slots=True)
class Budget:
    """The remaining work budget for one calendar.

    Attributes:
        until: a time of the monotonic clock, in seconds.
        steps: recurrences to count, including those before the window.
        events: recurrences in the window.
        values: components, and dates in lists, to read.
    """

    until: float
    steps: int = 500_000
    events: int = 5000
    values: int = 20_000

    def check(self) -> None:
        """Raise BudgetExceeded if the budget is used up."""
        if min(self.steps, self.events, self.values) < 0 or time.monotonic() > self.until:
            raise BudgetExceeded


def check_rule(value: str, start: datetime) -> str:
    """Return the value of an RRULE in a form that dateutil expands in finite time.

    Raises:
        InvalidValue: the value is not a rule, or matches no day in any year.
    """
    parts = dict(part.split("=", 1) for part in value.upper().strip("; ").split(";") if "=" in part)
    if "FREQ" not in parts:
        raise InvalidValue("a rule without a frequency")
    if not _INTERVAL.fullmatch(parts.get("INTERVAL", "1")):
        # With an interval of 0 dateutil would never advance.
        raise InvalidValue("an invalid interval")
    if parts["FREQ"] in _OFTEN and "BYSETPOS" in parts:
        # dateutil would check each second. The RFC's examples select among days.
        raise InvalidValue("a rule that selects among the seconds of a day")
    if any(name.startswith("BY") for name in parts) and not _has_recurrence(parts, start):
        raise InvalidValue("a rule that matches no day")
    return ";".join(f"{name}={content}" for name, content in parts.items())


def find_skip(rule: str, start: date, day: date) -> timedelta:
    """Return the time by which a series can start later without changing its recurrences from `day` on.

    It saves work, because dateutil counts from the start and many series are many years old. It is zero for rules with COUNT or without a
    fixed step.
    """
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    step = {"DAILY": 1, "WEEKLY": 7}.get(parts["FREQ"], 0) * int(parts.get("INTERVAL", "1"))
    if not step or "COUNT" in parts:
        return timedelta()
    return timedelta(days=max((day - date(start.year, start.month, start.day)).days // step * step, 0))


def _has_recurrence(parts: dict[str, str], start: datetime) -> bool:
    """Return whether a rule matches any day. The search is in dateutil's last years, where it ends soon."""
    years = (9999 - _SEARCH_YEARS - start.year) // _CYCLE_YEARS * _CYCLE_YEARS
    late = start.replace(tzinfo=None, year=start.year + max(years, 0))
    rule = ";".join(f"{name}={content}" for name, content in parts.items() if name not in {"UNTIL", "COUNT"})
    try:
        return next(iter(rrulestr(rule, dtstart=late)), None) is not None
    except (ValueError, TypeError, KeyError, IndexError):
        raise InvalidValue("an invalid rule") from None


def count_recurrences(series: Iterable[Any], begin: datetime, end: datetime, budget: Budget) -> None:
    """Count the recurrences of recurring-ical-events' series before `end`. dateutil caches them for the expansion.

    Raises:
        BudgetExceeded: there are too many, in total or from `begin` on.
    """
    for one in series:
        # The first rule is the set of single dates. A series without rules (`Series.NoRecurrence`) has no list.
        for rule in getattr(one.recurrence, "rrules", ())[1:]:
            _count(rule, begin - one.recurrence.core.duration, end, budget)


def _count(rule: Any, begin: datetime, end: datetime, budget: Budget) -> None:
    compared = False
    for start in rule:
        if not compared:
            # Python compares times in the same zone faster, because it ignores their offsets.
            begin, end = (_convert(moment, start) for moment in (begin, end))
            compared = True
        if start > end:
            return
        budget.steps -= 1
        budget.events -= start >= begin
        budget.check()


def _convert(moment: datetime, like: datetime) -> datetime:
    return moment.astimezone(like.tzinfo) if like.tzinfo else moment.astimezone(UTC).replace(tzinfo=None)
