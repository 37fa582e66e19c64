from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailhooks.availability.errors import TimedOut
from mailhooks.contract.availability import Window
from tests.unit.workmail_local.free_busy.test_working_hours import BERLIN
from workmail_local.console.style import Style
from workmail_local.free_busy.model import Calendar
from workmail_local.free_busy.timeline import Timeline, choose_marks

MARKS = choose_marks("ascii")


def drawn(*mailboxes: dict[str, Any], start: str = "2026-05-04T00:00", hours: float = 24, zone: str = "UTC", width: int = 80) -> list[str]:
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    timeline = Timeline(Calendar(Window(begin, begin + timedelta(hours=hours)), ZoneInfo(zone)), MARKS, Style(), width)
    return list(timeline.draw({"mailboxes": mailboxes}, {"a@example.net": TimedOut("no answer in time")}))


def mailbox(*events: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    return {"mailbox": "a@example.net", "events": [{"startTime": s, "endTime": e, "busyType": kind} for s, e, kind in events]} | more


def test_day_is_a_row_with_marks_for_busy_and_tentative_events() -> None:
    ruler, row, *_ = drawn(
        mailbox(("2026-05-04T09:00:00Z", "2026-05-04T10:30:00Z", "BUSY"), ("2026-05-04T12:00:00Z", "2026-05-04T12:10:00Z", "TENTATIVE"))
    )
    cells = row[26:]
    assert ruler[26:].startswith("00  02  04")
    assert len(cells) == 48
    assert cells == "." * 18 + "###" + "." * 3 + "~" + "." * 23


def test_busy_covers_tentative_and_free_has_no_mark() -> None:
    _, row, *_ = drawn(
        mailbox(
            *(("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", kind) for kind in ("FREE", "TENTATIVE", "BUSY")),
            ("2026-05-04T11:00:00Z", "2026-05-04T12:00:00Z", "FREE"),
        )
    )
    assert row[26:].strip(".") == "##"


def test_time_outside_of_the_window_is_blank_also_during_an_event() -> None:
    _, row, *_ = drawn(mailbox(("2026-05-04T00:00:00Z", "2026-05-05T00:00:00Z", "BUSY")), start="2026-05-04T08:00", hours=2)
    assert row == f"{'a@example.net':26}{' ' * 16}####"


def test_each_day_is_a_row() -> None:
    lines = drawn(mailbox(("2026-05-05T23:00:00Z", "2026-05-06T01:00:00Z", "BUSY")), hours=72)
    assert [line[:12].strip() for line in lines[1:5]] == ["a@example.ne", "Mon  4 May", "Tue  5 May", "Wed  6 May"]
    assert [line[26:].count("#") for line in lines[2:5]] == [0, 2, 2]


@pytest.mark.parametrize("width, cells", [(60, 24), (80, 48), (130, 96)])
def test_wide_screen_has_more_cells(width: int, cells: int) -> None:
    _, row, *_ = drawn(mailbox(), width=width)
    assert len(row[26:]) == cells


def test_working_hours_are_marked_in_the_zone_that_is_shown() -> None:
    hours = {"timezone": BERLIN, "workingPeriods": [{"startMinutes": 540, "endMinutes": 1020, "days": ["MON"]}]}
    _, berlin, *_ = drawn(mailbox(workingHours=hours), zone="Europe/Berlin")
    _, utc, *_ = drawn(mailbox(workingHours=hours))
    assert (berlin[26:].index("-"), berlin.count("-")) == (18, 16)
    assert (utc[26:].index("-"), utc.count("-")) == (14, 16)


def test_repeated_hour_shows_the_events_of_both_passes_and_a_skipped_hour_shifts_nothing() -> None:
    # 2026-10-25 in Berlin: 02:00 to 03:00 is 00:00 to 01:00 UTC, and 01:00 to 02:00 again.
    for event in (("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "BUSY"), ("2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "BUSY")):
        _, row, *_ = drawn(mailbox(event), start="2026-10-25T00:00", hours=25, zone="Europe/Berlin")
        assert row[26:].index("#") in {4, 5}
        assert row[26:].startswith("....")
    _, row, *_ = drawn(
        mailbox(("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "BUSY")), start="2026-03-29T00:00", hours=23, zone="Europe/Berlin"
    )
    assert row[26:][6:8] == "##"


def test_error_is_shown_with_code_and_reason() -> None:
    _, row, *_ = drawn({"mailbox": "a@example.net", "error": "ErrorTimeoutExpired"})
    assert row == f"{'a@example.net':26}ErrorTimeoutExpired: no answer in time"


def test_control_characters_of_calendars_are_removed() -> None:
    described = {"subject": "\x1b[2Jgone\u202eevil", "location": "a\nb", "isPrivate": False}
    event = {"startTime": "2026-05-04T09:00:00Z", "endTime": "2026-05-04T10:00:00Z", "busyType": "BUSY", "details": described}
    lines = drawn({"mailbox": "a\x07@example.net", "events": [event]})
    assert all(line.isprintable() for line in lines)
    assert any("09:00-10:00  busy       [2Jgoneevil (a b)" in line for line in lines)


@pytest.mark.parametrize("encoding, busy", [("utf-8", "█"), ("cp437", "█"), ("ascii", "#"), (None, "#"), ("no-such", "#")])
def test_terminal_without_block_characters_gets_ascii(encoding: str | None, busy: str) -> None:
    assert choose_marks(encoding)["busy"] == busy
