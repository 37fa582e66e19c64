"""Recurrence rules, compared with dateutil."""

from datetime import datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, reject
from hypothesis import strategies as st

from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.rules import Rule
from mailhooks.availability.backends.ical.values import InvalidValue
from mailhooks.deadline import Deadline

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def numbers(lowest: int, highest: int, size: int = 3) -> st.SearchStrategy[str]:
    valid = st.integers(lowest, highest).filter(lambda number: number or not lowest)
    return st.lists(valid, min_size=1, max_size=size, unique=True).map(lambda found: ",".join(map(str, found)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    # Not SECONDLY, for which dateutil needs minutes.
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.sampled_from([1, 1, 2, 3, 7, 25, 61]))}"]
    days = st.lists(st.sampled_from(_DAYS), min_size=1, max_size=4, unique=True)

    def add(name: str, values: st.SearchStrategy[str], chance: int) -> None:
        if not draw(st.integers(0, chance)):
            parts.append(f"{name}={draw(values)}")

    add("BYMONTH", numbers(1, 12), 3)
    add("BYMONTHDAY", numbers(-31, 31), 3)
    if not draw(st.integers(0, 2)):
        number = draw(st.sampled_from(["", "", "1", "-1", "2", "5", "-5"])) if frequency in {"YEARLY", "MONTHLY"} else ""
        parts.append("BYDAY=" + ",".join(number + day for day in draw(days)))
    if frequency == "YEARLY":
        add("BYYEARDAY", numbers(-366, 366), 5)
        if "BYDAY" in parts[-1] and not draw(st.integers(0, 2)) and not any(char.isdigit() for char in parts[-1]):
            parts.append(f"BYWEEKNO={draw(numbers(-53, 53))}")
    add("BYHOUR", numbers(0, 23), 4)
    add("BYMINUTE", numbers(0, 59), 5)
    add("BYSECOND", numbers(0, 59), 6)
    # Not WEEKLY: dateutil reads its first week from the start on only.
    if frequency in {"YEARLY", "MONTHLY", "DAILY"} and any(part.startswith("BY") for part in parts):
        add("BYSETPOS", numbers(-8, 8, 2), 3)
    add("WKST", st.sampled_from(_DAYS), 2)
    add("COUNT", st.integers(1, 300).map(str), 2)
    return ";".join(parts)


def _expand_by_dateutil(rule: str, start: datetime, begin: datetime, end: datetime) -> list[datetime]:
    try:
        recurrences = rrulestr(rule, dtstart=start)
    except ValueError:  # no hour or minute of the rule is ever reached
        return []
    until = recurrences.replace(until=end) if "COUNT" not in rule else recurrences
    return [moment for moment in takewhile(lambda moment: moment <= end, until) if moment >= begin]


# Late, because dateutil searches up to the year 9999 if no day matches.
_STARTS = st.datetimes(datetime(9970, 1, 1), datetime(9975, 1, 1))


@pytest.mark.fuzz
@given(rules(), _STARTS, st.integers(-40, 3000), st.integers(0, 400))
def test_the_recurrences_are_those_of_dateutil(rule: str, start: datetime, first: int, days: int) -> None:
    start = start.replace(microsecond=0)
    short = "HOURLY" in rule or "MINUTELY" in rule
    begin = start + timedelta(days=first % 20 if short else first)
    end = begin + timedelta(days=days % 4 if short else days)
    try:
        parsed = Rule(rule, start)
    except InvalidValue:
        reject()
    assert list(parsed.expand(begin, end, Budget(Deadline.after(60)))) == _expand_by_dateutil(rule, start, begin, end)
