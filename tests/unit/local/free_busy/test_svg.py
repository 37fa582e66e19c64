from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.free_busy.svg import MAX_DAYS, Bar, Picture
from mailhooks.contract.availability import Window

BERLIN = ZoneInfo("Europe/Berlin")


def picture(begin: str, end: str, zone: ZoneInfo = BERLIN) -> Picture:
    return Picture(Window(datetime.fromisoformat(begin).astimezone(UTC), datetime.fromisoformat(end).astimezone(UTC)), zone)


def event(start: str, end: str, kind: str = "BUSY", **details: Any) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "busyType": kind, **({"details": details} if details else {})}


def answer(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mailboxes": [{"mailbox": "bob@example.net", "events": list(events), **more}]}


def test_an_event_over_midnight_is_drawn_on_both_days_and_told_once() -> None:
    [mailbox] = picture("2026-05-05T00:00+02:00", "2026-05-07T00:00+02:00").mailboxes(
        answer(event("2026-05-05T20:00Z", "2026-05-05T23:00Z"))
    )
    assert [row.said for row in mailbox.rows] == ["busy 22:00 to 24:00", "busy 00:00 to 01:00"]
    assert [entry.when for entry in mailbox.entries] == ["Tue 5 May 22:00 - Wed 6 May 01:00"]


def test_what_is_not_asked_for_is_drawn_as_outside() -> None:
    [mailbox] = picture("2026-05-05T06:00+02:00", "2026-05-05T18:00+02:00").mailboxes(answer())
    assert mailbox.rows[0].bars == [Bar("outside", 0.0, 25.0), Bar("outside", 75.0, 25.0)]
    assert mailbox.rows[0].said == "nothing"


def test_what_takes_time_is_drawn_over_what_does_not_and_said_in_the_days_order() -> None:
    events = (event("2026-05-05T12:00Z", "2026-05-05T13:00Z"), event("2026-05-05T10:00Z", "2026-05-05T14:00Z", "FREE"))
    [mailbox] = picture("2026-05-05T00:00+02:00", "2026-05-06T00:00+02:00").mailboxes(answer(*events))
    assert [bar.kind for bar in mailbox.rows[0].bars] == ["free", "busy"]
    assert mailbox.rows[0].said == "free 12:00 to 16:00; busy 14:00 to 15:00"


def test_the_nights_in_which_the_clocks_change_have_their_events_in_the_row() -> None:
    for begin, end, start, stop in (
        ("2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", "2026-10-25T00:30Z", "2026-10-25T01:15Z"),
        ("2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", "2026-03-29T00:30Z", "2026-03-29T01:15Z"),
    ):
        [mailbox] = picture(begin, end).mailboxes(answer(event(start, stop)))
        [row] = mailbox.rows
        [bar] = row.bars
        assert 0 < bar.width < 10
        assert bar.x + bar.width <= 100


def test_working_hours_are_drawn_in_the_zone_that_is_shown() -> None:
    hours = {"timezone": {"name": "UTC", "bias": 0}, "workingPeriods": [{"startMinutes": 480, "endMinutes": 960, "days": ["TUE"]}]}
    [mailbox] = picture("2026-05-05T00:00+02:00", "2026-05-07T00:00+02:00").mailboxes(answer(workingHours=hours))
    assert [row.bars for row in mailbox.rows] == [[Bar("working", 41.667, 33.333)], []]


def test_a_long_window_and_a_full_calendar_are_bounded() -> None:
    [mailbox] = picture("2026-01-01T00:00+01:00", "2027-01-01T00:00+01:00").mailboxes(
        answer(*[event("2026-05-05T12:00Z", "2026-05-05T13:00Z")] * 1000)
    )
    assert (len(mailbox.rows), len(mailbox.entries), mailbox.more) == (MAX_DAYS, 300, 700)
