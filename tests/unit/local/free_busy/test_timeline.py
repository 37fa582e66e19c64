from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local.console.style import Style
from local.free_busy.timeline import Marks, Timeline
from mailhooks.availability.errors import TimedOut
from mailhooks.contract.availability import Window
from tests.unit.local.free_busy.test_working_hours import BERLIN

MARKS = Marks("#", "~", "-", ".")


def drawn(*mailboxes: dict[str, Any], start: str = "2026-05-04T00:00", hours: float = 24, zone: str = "UTC", width: int = 80) -> list[str]:
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    timeline = Timeline(Window(begin, begin + timedelta(hours=hours)), ZoneInfo(zone), MARKS, Style(), width)
    return list(timeline.lines({"mailboxes": mailboxes}, {"a@example.net": TimedOut("no answer in time")}))


def mailbox(*events: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    return {"mailbox": "a@example.net", "events": [{"startTime": s, "endTime": e, "busyType": kind} for s, e, kind in events]} | more


def test_a_day_is_a_row_with_a_block_for_what_takes_time() -> None:
    ruler, row, *_ = drawn(
        mailbox(("2026-05-04T09:00:00Z", "2026-05-04T10:30:00Z", "BUSY"), ("2026-05-04T12:00:00Z", "2026-05-04T12:10:00Z", "TENTATIVE"))
    )
    cells = row[26:]
    assert ruler[26:].startswith("00  02  04")
    assert len(cells) == 48
    assert cells == "." * 18 + "###" + "." * 3 + "~" + "." * 23


def test_busy_stands_before_tentative_and_free_shows_as_nothing() -> None:
    _, row, *_ = drawn(
        mailbox(
            *(("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", kind) for kind in ("FREE", "TENTATIVE", "BUSY")),
            ("2026-05-04T11:00:00Z", "2026-05-04T12:00:00Z", "FREE"),
        )
    )
    assert row[26:].strip(".") == "##"


def test_what_is_outside_of_the_window_is_blank_even_where_an_event_goes_on() -> None:
    _, row, *_ = drawn(mailbox(("2026-05-04T00:00:00Z", "2026-05-05T00:00:00Z", "BUSY")), start="2026-05-04T08:00", hours=2)
    assert row == f"{'a@example.net':26}{' ' * 16}####"


def test_several_days_are_a_row_each() -> None:
    lines = drawn(mailbox(("2026-05-05T23:00:00Z", "2026-05-06T01:00:00Z", "BUSY")), hours=72)
    assert [line[:12].strip() for line in lines[1:5]] == ["a@example.ne", "Mon  4 May", "Tue  5 May", "Wed  6 May"]
    assert [line[26:].count("#") for line in lines[2:5]] == [0, 2, 2]


@pytest.mark.parametrize("width, cells", [(60, 24), (80, 48), (130, 96)])
def test_a_wide_screen_shows_finer_time(width: int, cells: int) -> None:
    _, row, *_ = drawn(mailbox(), width=width)
    assert len(row[26:]) == cells


def test_working_hours_are_marked_in_the_zone_that_is_shown() -> None:
    hours = {"timezone": BERLIN, "workingPeriods": [{"startMinutes": 540, "endMinutes": 1020, "days": ["MON"]}]}
    _, berlin, *_ = drawn(mailbox(workingHours=hours), zone="Europe/Berlin")
    _, utc, *_ = drawn(mailbox(workingHours=hours))
    assert (berlin[26:].index("-"), berlin.count("-")) == (18, 16)
    assert (utc[26:].index("-"), utc.count("-")) == (14, 16)


def test_the_hour_that_comes_twice_shows_what_is_in_either_and_the_one_left_out_breaks_nothing() -> None:
    # 2026-10-25 in Berlin: 02:00 to 03:00 is 00:00 to 01:00 UTC, and 01:00 to 02:00 again.
    for event in (("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "BUSY"), ("2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "BUSY")):
        _, row, *_ = drawn(mailbox(event), start="2026-10-25T00:00", hours=25, zone="Europe/Berlin")
        assert row[26:].index("#") in {4, 5}
        assert row[26:].startswith("....")
    _, row, *_ = drawn(
        mailbox(("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "BUSY")), start="2026-03-29T00:00", hours=23, zone="Europe/Berlin"
    )
    assert row[26:][6:8] == "##"


def test_an_error_is_shown_with_its_code_and_its_reason_in_full() -> None:
    _, row, *_ = drawn({"mailbox": "a@example.net", "error": "ErrorTimeoutExpired"})
    assert row == f"{'a@example.net':26}ErrorTimeoutExpired: no answer in time"


def test_what_calendars_say_does_not_move_the_cursor_or_turn_the_text() -> None:
    described = {"subject": "\x1b[2Jgone\u202eevil", "location": "a\nb", "isPrivate": False}
    event = {"startTime": "2026-05-04T09:00:00Z", "endTime": "2026-05-04T10:00:00Z", "busyType": "BUSY", "details": described}
    lines = drawn({"mailbox": "a\x07@example.net", "events": [event]})
    assert all(line.isprintable() for line in lines)
    assert any("09:00-10:00  busy       [2Jgoneevil (a b)" in line for line in lines)


@pytest.mark.parametrize("encoding, busy", [("utf-8", "█"), ("cp437", "█"), ("ascii", "#"), (None, "#"), ("no-such", "#")])
def test_a_terminal_that_has_no_blocks_gets_ascii(encoding: str | None, busy: str) -> None:
    assert Marks.of(encoding).busy == busy
