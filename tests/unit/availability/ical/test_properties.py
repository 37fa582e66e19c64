"""Properties of reading calendars, compared with the libraries alone and with parts of calendars."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mailhooks.availability.backends.ical.calendars import Calendars
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.errors import GenerationFailed
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from tests.unit.availability.ical.test_events import DAY, NINE, calendar, event, expanded

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ZONES = ("UTC", "Europe/Berlin", "America/Santiago", "Asia/Kolkata", "America/New_York")
_STARTS = st.datetimes(datetime(1995, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(microsecond=0))


@st.composite
def _rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 9))}")
    if draw(st.booleans()):
        parts.append("BYDAY=" + ",".join(draw(st.lists(st.sampled_from(_DAYS), min_size=1, max_size=4, unique=True))))
    if draw(st.booleans()):
        parts.append("WKST=" + draw(st.sampled_from(_DAYS)))
    if frequency in {"DAILY", "MONTHLY"} and draw(st.booleans()):
        parts.append("BYMONTH=" + ",".join(map(str, draw(st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True)))))
    end = draw(st.sampled_from(["", "COUNT", "UNTIL"]))
    if end == "COUNT":
        parts.append(f"COUNT={draw(st.integers(1, 2000))}")
    if end == "UNTIL":
        parts.append(f"UNTIL={draw(_STARTS):%Y%m%dT%H%M%SZ}")
    return ";".join(parts)


@st.composite
def _series(draw: st.DrawFn) -> str:
    """Draw a series with a rule and up to two exceptions."""
    start, zone, all_day = draw(_STARTS), draw(st.sampled_from(_ZONES)), draw(st.booleans())
    name = f"TZID={zone}" if not all_day else "VALUE=DATE"
    form = "%Y%m%d" if all_day else "%Y%m%dT%H%M%S"
    length = f"P{draw(st.integers(1, 40))}D" if all_day else f"PT{draw(st.integers(0, 5000))}M"
    lines = [f"DTSTART;{name}:{start:{form}}", f"DURATION:{length}", f"RRULE:{draw(_rules())}"]
    away = [start + timedelta(days=days) for days in draw(st.lists(st.integers(0, 12_000), max_size=3))]
    lines += [f"EXDATE;{name}:{moment:{form}}" for moment in away]
    parts = [event(*lines)]
    if draw(st.booleans()):
        of, to = start + timedelta(days=draw(st.integers(0, 12_000))), draw(_STARTS)
        parts.append(event(f"RECURRENCE-ID;{name}:{of:{form}}", f"DTSTART;{name}:{to:{form}}", f"DURATION:{length}"))
    return "".join(parts)


def _judged(content: bytes, window: Window, zone: ZoneInfo) -> set[tuple[datetime, datetime]]:
    """Expand a calendar with the libraries alone."""

    def utc(value: datetime) -> datetime:
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)

    def end(first: date, last: date) -> datetime:
        # Hours and minutes of a duration are exact (RFC 5545 section 3.3.6). The libraries add them to the local time.
        return utc(first) + (last - first) if isinstance(first, datetime) else utc(last)

    day = timedelta(days=1)
    query = recurring_ical_events.of(icalendar.Calendar.from_ical(content))
    found = [(one["DTSTART"].dt, one["DTEND"].dt) for one in query.between(window.start_date - day, window.end_date + day)]
    return {(utc(first), end(first, last)) for first, last in found}


def _touching(found: set[tuple[datetime, datetime]], window: Window) -> set[tuple[datetime, datetime]]:
    return {(start, end) for start, end in found if start < window.end_date and (end > window.start_date or start == end)}


@pytest.mark.fuzz
@given(st.lists(_series(), min_size=1, max_size=3), st.integers(-4000, 700), st.integers(1, 60), st.sampled_from(_ZONES))
def test_the_selection_of_events_changes_no_result(series: list[str], first: int, days: int, zone: str) -> None:
    window = Window(DAY + timedelta(days=first), DAY + timedelta(days=first + days))
    content = calendar(*(part.replace("UID:1", f"UID:{number}") for number, part in enumerate(series)))
    try:
        expected = _touching(_judged(content, window, ZoneInfo(zone)), window)
        found = _touching({(e.start_time, e.end_time) for e in expanded(content, window, zone)}, window)
    except GenerationFailed as failure:
        # Only a rule that never matches is rejected here and accepted by the libraries.
        if "matches no day" not in str(failure):
            raise
        reject()
    # An event without length is in one of two adjacent windows.
    inside = {pair for pair in expected | found if pair[0] != pair[1] or pair[0] >= window.start_date}
    assert found & inside == expected & inside


FEED = calendar(
    event("DTSTART;TZID=Europe/Berlin:20200106T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=MO", "EXDATE:20260511T070000Z"),
    event("RECURRENCE-ID:20260504T070000Z", *NINE, "BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM"),
    event("DTSTART;VALUE=DATE:20260504", "SUMMARY:Ü", uid="2"),
    "BEGIN:VFREEBUSY\r\nFREEBUSY:20260504T100000Z/PT1H\r\nEND:VFREEBUSY\r\n",
)


@pytest.mark.fuzz
@given(st.integers(0, len(FEED) - 3))
def test_a_calendar_cut_anywhere_is_a_failure(length: int) -> None:
    with pytest.raises(GenerationFailed):
        parse_calendars(FEED[:length])


_SNIPPETS = st.sampled_from(
    [b"\r\n", b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n", b";", b":", b",", b"0", b"9999", b"-", b"P", b"T", b"Z", b"\x00", b"\xff", b'"', b"="]
)


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.integers(0, len(FEED)), st.integers(0, 30), st.one_of(_SNIPPETS, st.binary(max_size=8))), max_size=4))
def test_any_feed_leads_to_events_or_a_failure(edits: list[tuple[int, int, bytes]]) -> None:
    content = FEED
    for at, length, snippet in edits:
        content = content[:at] + snippet + content[at + length :]
    with suppress(GenerationFailed):
        Calendars.parse([content]).events(Window(DAY, DAY + timedelta(days=7)), Deadline.after(60))


@settings(deadline=None)
@given(st.lists(st.sampled_from(FEED.split(b"\r\n")), max_size=40))
def test_lines_in_any_order_lead_to_events_or_a_failure(lines: list[bytes]) -> None:
    content = b"\r\n".join([b"BEGIN:VCALENDAR", *lines, b"END:VCALENDAR"])
    with suppress(GenerationFailed):
        Calendars.parse([content]).events(Window(DAY, DAY + timedelta(days=7)), Deadline.after(60))
