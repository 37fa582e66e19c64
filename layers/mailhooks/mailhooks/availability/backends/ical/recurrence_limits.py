"""Recurrence rules (RFC 5545 section 3.3.10) bounded: counted before they are expanded, for dateutil goes on until it finds what it seeks,
be it to the year 9999.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from dateutil.rrule import rrulestr

from mailhooks.availability.backends.ical.values import Unreadable

_OFTEN: Final = {"SECONDLY", "MINUTELY", "HOURLY"}
_CYCLE_YEARS: Final = 400
"""After so many years the calendar, weekdays and all, is the same again: a multiple of 20,871 weeks."""

_INTERVAL: Final = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)

_SEARCH_YEARS: Final = 40
"""What comes on the same weekday of a leap day comes again within so many."""


class BudgetExceeded(Exception):
    """Expanding takes more than it is worth."""


@dataclass(slots=True)
class Budget:
    """What may be spent on one calendar.

    Attributes:
        until: a moment of the monotonic clock, in seconds.
        steps: recurrences that may be counted; those before the time asked for are, too.
        events: recurrences in the time asked for.
        values: components, and dates in lists of them, that may be read.
    """

    until: float
    steps: int = 500_000
    events: int = 5000
    values: int = 20_000

    def check(self) -> None:
        """Raises TooMuch."""
        if min(self.steps, self.events, self.values) < 0 or time.monotonic() > self.until:
            raise BudgetExceeded


def check_rule(value: str, start: datetime) -> str:
    """The value of an RRULE that dateutil comes to an end with.

    Raises:
        Unreadable: it is none, or finds nothing, in whatever year.
    """
    parts = dict(part.split("=", 1) for part in value.upper().strip("; ").split(";") if "=" in part)
    if "FREQ" not in parts:
        raise Unreadable("a rule without a frequency")
    if not _INTERVAL.fullmatch(parts.get("INTERVAL", "1")):
        # dateutil would take the same step for ever.
        raise Unreadable("an interval that is none")
    if parts["FREQ"] in _OFTEN and "BYSETPOS" in parts:
        # dateutil looks at each second by itself. The section's own examples choose among days.
        raise Unreadable("a choice among the seconds of a day")
    if any(name.startswith("BY") for name in parts) and not _finds_something(parts, start):
        raise Unreadable("a rule that fits no day")
    return ";".join(f"{name}={content}" for name, content in parts.items())


def find_skip(rule: str, start: date, day: date) -> timedelta:
    """What a series may begin later by: whole steps of its rule, such that it is the same from `day` on. dateutil counts from the first
    one, and many series are many years old. Nothing for rules whose recurrences are numbered, or which have no fixed step.
    """
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    step = {"DAILY": 1, "WEEKLY": 7}.get(parts["FREQ"], 0) * int(parts.get("INTERVAL", "1"))
    if not step or "COUNT" in parts:
        return timedelta()
    return timedelta(days=max((day - date(start.year, start.month, start.day)).days // step * step, 0))


def _finds_something(parts: dict[str, str], start: datetime) -> bool:
    """Whether a rule fits any day, tried in the last years that dateutil knows: there it ends after a few of them."""
    years = (9999 - _SEARCH_YEARS - start.year) // _CYCLE_YEARS * _CYCLE_YEARS
    late = start.replace(tzinfo=None, year=start.year + max(years, 0))
    rule = ";".join(f"{name}={content}" for name, content in parts.items() if name not in {"UNTIL", "COUNT"})
    try:
        return next(iter(rrulestr(rule, dtstart=late)), None) is not None
    except (ValueError, TypeError, KeyError, IndexError):
        raise Unreadable("no rule") from None


def count_recurrences(series: Iterable[Any], begin: datetime, end: datetime, effort: Budget) -> None:
    """Counts the recurrences of recurring-ical-events' series up to a moment. dateutil keeps what it has found for the expansion.

    Raises:
        TooMuch: there are too many, in all or in the time asked for.
    """
    for one in series:
        # The first is the set of single dates; what has no rules of its own (`Series.NoRecurrence`) has no such list.
        for rule in getattr(one.recurrence, "rrules", ())[1:]:
            _count(rule, begin - one.recurrence.core.duration, end, effort)


def _count(rule: Any, begin: datetime, end: datetime, effort: Budget) -> None:
    compared = False
    for start in rule:
        if not compared:
            # In the rule's own zone, whose moments are then compared without a look at its offsets.
            begin, end = (_as(moment, start) for moment in (begin, end))
            compared = True
        if start > end:
            return
        effort.steps -= 1
        effort.events -= start >= begin
        effort.check()


def _as(moment: datetime, like: datetime) -> datetime:
    return moment.astimezone(like.tzinfo) if like.tzinfo else moment.astimezone(UTC).replace(tzinfo=None)
