"""Random calendars: the answer never has less busy time than that of ical.js, except where RFC 5545 requires it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.contract.availability import Window
from tests.support import ical_js
from tests.support.ical_js import IcalJs
from tests.unit.availability.ical.test_events import calendar, event, expanded

ZONES: Final = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
_RULES: Final = {
    "Europe/Berlin": ((("+0100", "+0200"), "19810329T020000", "3;BYDAY=-1SU"), (("+0200", "+0100"), "19961027T030000", "10;BYDAY=-1SU")),
    "America/New_York": ((("-0500", "-0400"), "20070311T020000", "3;BYDAY=2SU"), (("-0400", "-0500"), "20071104T020000", "11;BYDAY=1SU")),
    "Asia/Kolkata": ((("+0530", "+0530"), "19700101T000000", ""),),
    "Australia/Lord_Howe": (
        (("+1100", "+1030"), "20080406T020000", "4;BYDAY=1SU"),
        (("+1030", "+1100"), "20081005T020000", "10;BYDAY=1SU"),
    ),
}
DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
CHANGES: Final = [datetime(2026, 3, 28), datetime(2026, 10, 24), datetime(2026, 3, 7), datetime(2026, 10, 31), datetime(2026, 4, 4)]


def zone_text(name: str) -> str:
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
    for (before, after), start, rule in _RULES[name]:
        kind = "DAYLIGHT" if after > before else "STANDARD"
        rules = [f"RRULE:FREQ=YEARLY;BYMONTH={rule}"] if rule else []
        lines += [f"BEGIN:{kind}", f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *rules, f"END:{kind}"]
    return "\r\n".join([*lines, "END:VTIMEZONE", ""])


@dataclass(frozen=True)
class Case:
    """A calendar with one series in a zone, and a window.

    Attributes:
        plain: the same calendar with all exceptions in the form of DTSTART. EXDATE and RECURRENCE-ID mean a moment (RFC 5545 sections
            3.8.5.1 and 3.8.4.4), but ical.js finds no recurrence for a RECURRENCE-ID in another zone and for an EXDATE without a zone.
    """

    content: bytes
    plain: bytes
    zone: str
    lines: tuple[str, ...]
    window: Window


def written(moment: datetime, form: str) -> str:
    """Return a moment, which is aware, as parameters and a value."""
    if form == "DATE":
        return f";VALUE=DATE:{moment:%Y%m%d}"
    if form == "UTC":
        return f":{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if form == "floating":
        return f":{moment:%Y%m%dT%H%M%S}"
    return f";TZID={form}:{moment.astimezone(ZoneInfo(form)):%Y%m%dT%H%M%S}"


@st.composite
def rules(draw: st.DrawFn, start: datetime, form: str) -> str:
    # ical.js fails with hours in a series of whole days, and never ends if it finds no day (BYMONTHDAY=31, or -1 with DAILY).
    has_times = form != "DATE"
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY", *(["HOURLY"] if has_times else [])]))
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 5))}")
    days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True)
    match draw(st.integers(0, 4)):
        case 0:
            counted = frequency == "MONTHLY" and draw(st.booleans())
            number = draw(st.sampled_from(["1", "2", "4", "-1", "-2"])) if counted else ""
            parts.append("BYDAY=" + ",".join(number + day for day in draw(days)))
        case 1 if frequency in {"MONTHLY", "DAILY"}:
            parts.append("BYMONTHDAY=" + draw(st.sampled_from(["1,15", "28", *(["-1", "13,-2"] if frequency == "MONTHLY" else [])])))
        case 2 if frequency == "MONTHLY":
            parts.append("BYDAY=MO,TU,WE,TH,FR;BYSETPOS=" + draw(st.sampled_from(["1", "-1", "2,-2"])))
        case 3 if frequency == "DAILY" and has_times:
            parts.append("BYHOUR=" + draw(st.sampled_from(["8,10", "2", "0,12,23"])))
    if draw(st.booleans()):
        parts.append("WKST=" + draw(st.sampled_from(["MO", "SU"])))
    match draw(st.integers(0, 4)):
        case 0 | 1:
            parts.append(f"COUNT={draw(st.integers(1, 60))}")
        case 2:
            parts.append(f"UNTIL={start + timedelta(days=draw(st.integers(0, 90))):%Y%m%d}")
        case 3:
            parts.append(f"UNTIL={(start + timedelta(days=draw(st.integers(0, 90)))).astimezone(UTC):%Y%m%dT%H%M%SZ}")
    return "RRULE:" + ";".join(parts)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone, form = draw(st.sampled_from(ZONES)), draw(st.sampled_from(["zoned", "zoned", "UTC", "DATE", "floating"]))
    first = draw(st.sampled_from(CHANGES)) - timedelta(days=draw(st.integers(0, 40)))
    start = (first + timedelta(minutes=30 * draw(st.integers(0, 47)))).replace(tzinfo=ZoneInfo(zone))
    form = zone if form == "zoned" else form
    length = draw(st.sampled_from(["PT30M", "PT8H", "P1D", "P1DT2H", "P2D"])) if form != "DATE" else draw(st.sampled_from(["P1D", "P3D"]))
    lines = [f"DTSTART{written(start, form)}", f"DURATION:{length}"]
    if draw(st.integers(0, 3)):
        lines.append(draw(rules(start, form)))

    def other() -> datetime:
        return start + timedelta(days=draw(st.integers(0, 40)))

    # A time without a zone is in the zone of DTSTART.
    others = ["UTC", *ZONES, *(["floating"] if form != "UTC" else [])]
    forms = st.sampled_from([form, form, *others]) if form != "DATE" else st.just("DATE")
    plain = list(lines)
    # One at most: ical.js ignores an EXDATE that follows one of no recurrence.
    for moment in [other() for _ in range(draw(st.integers(0, 1)))]:
        lines.append(f"EXDATE{written(moment, draw(forms))}")
        plain.append(f"EXDATE{written(moment, form)}")
    # ical.js reads the clock time of RDATE in the zone of a change of all following recurrences.
    recurs = any(line.startswith("RRULE") for line in lines)
    further = [f"RDATE{written(other(), form)}" for _ in range(draw(st.integers(0, 1)) if recurs else 0)]
    parts, plain_parts = [event(*lines, *further)], [event(*plain, *further)]
    for _ in range(draw(st.integers(0, 2)) if recurs else 0):
        moment, following = other(), draw(st.sampled_from(["", "", ";RANGE=THISANDFUTURE"]))
        rest = (f"DTSTART{written(other(), form)}", "DURATION:" + length)
        parts.append(event(f"RECURRENCE-ID{following}{written(moment, draw(forms))}", *rest))
        plain_parts.append(event(f"RECURRENCE-ID{following}{written(moment, form)}", *rest))
    begin = first.replace(tzinfo=UTC) + timedelta(days=draw(st.integers(-1, 50)))
    window = Window(begin, begin + timedelta(days=draw(st.integers(1, 20))))
    zones = [zone_text(name) for name in (zone, *(name for name in ZONES if name != zone))]
    return Case(calendar(*zones, *parts), calendar(*zones, *plain_parts), zone, tuple("".join(parts).split()), window)


def subtract(
    times: set[tuple[datetime, datetime]], covered: set[tuple[datetime, datetime]], window: Window
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of times, within the window, that are not covered."""
    ordered = sorted(covered)
    for start, end in sorted(times):
        begin, end = max(start, window.start_date), min(end, window.end_date)
        for first, last in ordered:
            if begin < min(first, end):
                yield begin, min(first, end)
            begin = max(begin, last)
        if begin < end:
            yield begin, end


@pytest.fixture(scope="module")
def judge() -> Iterator[IcalJs]:
    if not ical_js.starts():
        pytest.skip("the node of Playwright lacks a library (Debian: apt-get install libatomic1)")
    with ical_js.running() as process:
        yield process


@pytest.mark.fuzz
@given(case=cases())
def test_no_busy_time_of_ical_js_is_free(case: Case, judge: IcalJs) -> None:
    expected = judge.expand(case.plain, case.window.end_date + timedelta(days=60))
    assert not isinstance(expected, str), expected
    found = {(one.start_time, one.end_time) for one in expanded(case.content, case.window, case.zone)}
    missing = list(subtract(expected, found, case.window))
    assert not missing or find_reason(case, missing), (missing, case.lines)


def find_reason(case: Case, missing: list[tuple[datetime, datetime]]) -> str:
    """Return the rule of RFC 5545 by which ical.js has too much busy time; "" if there is none."""
    excluded, further = (
        {line.partition(":")[2] for line in case.plain.decode().split() if line.startswith(name)} for name in ("EXDATE", "RDATE")
    )
    if excluded & further:
        return "section 3.8.5.1: EXDATE also removes an RDATE"
    if all(end - start <= timedelta(hours=1) for start, end in missing):
        if any(line.startswith("DURATION:") and "T" in line for line in case.lines):
            return "section 3.3.6: hours of DURATION are exact, and not added to the clock time"
        if any(_changes(case.zone, start) for start, _ in missing):
            return "section 3.3.5: a clock time that does not exist has the offset before the change"
    return ""


def _changes(zone: str, moment: datetime) -> bool:
    day = timedelta(days=1)
    return len({(moment + shift).astimezone(ZoneInfo(zone)).utcoffset() for shift in (-day, day)}) > 1
