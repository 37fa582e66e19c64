from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailhooks.contract.availability import Window
from workmail_local.free_busy.model import Calendar, Mailbox, Span

BERLIN = ZoneInfo("Europe/Berlin")


def calendar(begin: str, end: str, zone: ZoneInfo = BERLIN) -> Calendar:
    """Make a calendar for a window in local time."""
    start, stop = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in (begin, end))
    return Calendar(Window(start, stop), zone)


def event(start: str, end: str, kind: str = "BUSY", **details: Any) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "busyType": kind, **({"details": details} if details else {})}


def read(of: Calendar, *events: dict[str, Any], **more: Any) -> Mailbox:
    [mailbox] = of.read_mailboxes({"mailboxes": [{"mailbox": "bob@example.net", "events": list(events), **more}]})
    return mailbox


def spans(of: Calendar, *events: dict[str, Any], **more: Any) -> list[list[Span]]:
    """Return the spans of each day."""
    mailbox = read(of, *events, **more)
    return [day.find_spans(mailbox.events, mailbox.hours) for day in of.list_days(99)]


def test_event_over_midnight_has_a_span_on_both_days() -> None:
    found = spans(calendar("2026-05-05T00:00", "2026-05-07T00:00"), event("2026-05-05T20:00Z", "2026-05-05T23:00Z"))
    assert found == [[Span(22 * 60, 24 * 60, "busy")], [Span(0, 60, "busy")]]


def test_time_outside_of_the_window_is_outside() -> None:
    assert spans(calendar("2026-05-05T06:00", "2026-05-05T18:00")) == [[Span(0, 360, "outside"), Span(1080, 1440, "outside")]]


def test_busy_events_cover_tentative_and_free_events() -> None:
    times = ("2026-05-05T10:00Z", "2026-05-05T14:00Z")
    [found] = spans(calendar("2026-05-05T00:00", "2026-05-06T00:00"), *(event(*times, kind) for kind in ("BUSY", "FREE", "TENTATIVE")))
    assert [span.kind for span in found] == ["free", "tentative", "busy"]


def test_part_of_a_minute_counts_as_a_minute() -> None:
    found = spans(calendar("2026-05-05T00:00", "2026-05-06T00:00"), event("2026-05-05T07:00:10Z", "2026-05-05T07:05:10Z"))
    assert found == [[Span(540, 546, "busy")]]


@pytest.mark.parametrize(
    "day, start, end, expected",
    [
        # 02:30 in summer time to 02:15 in winter time, and the whole repeated hour.
        ("2026-10-25", "2026-10-25T00:30Z", "2026-10-25T01:15Z", [(150, 180), (120, 135)]),
        ("2026-10-25", "2026-10-25T00:00Z", "2026-10-25T02:00Z", [(120, 180), (120, 180)]),
        # The hour from 02:00 to 03:00 does not exist.
        ("2026-03-29", "2026-03-29T00:30Z", "2026-03-29T01:15Z", [(90, 120), (180, 195)]),
    ],
)
def test_event_over_a_change_of_the_clock_has_two_spans(day: str, start: str, end: str, expected: list[tuple[int, int]]) -> None:
    [found] = spans(calendar(f"{day}T00:00", f"{day}T23:59"), event(start, end))
    assert [(span.start, span.end) for span in found if span.kind == "busy"] == expected


def test_day_that_a_zone_has_skipped_is_empty() -> None:
    apia = ZoneInfo("Pacific/Apia")
    days = calendar("2011-12-29T00:00", "2012-01-01T00:00", apia).list_days(99)
    assert [(day.midnight.day, len(day.periods)) for day in days] == [(29, 1), (30, 0), (31, 1)]


def test_working_hours_are_in_the_zone_that_is_shown() -> None:
    hours = {"timezone": {"name": "UTC", "bias": 0}, "workingPeriods": [{"startMinutes": 480, "endMinutes": 960, "days": ["TUE"]}]}
    found = spans(calendar("2026-05-05T00:00", "2026-05-07T00:00"), workingHours=hours)
    assert found == [[Span(600, 1080, "working")], []]


def test_days_are_limited() -> None:
    assert len(calendar("2026-01-01T00:00", "2027-01-01T00:00").list_days(31)) == 31


def test_mailbox_with_an_error_has_no_events() -> None:
    [mailbox] = calendar("2026-05-05T00:00", "2026-05-06T00:00").read_mailboxes({"mailboxes": [{"mailbox": "a@example.net", "error": "E"}]})
    assert mailbox == Mailbox("a@example.net", "E")
