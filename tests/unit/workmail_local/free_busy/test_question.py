from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailhooks.contract.availability import AvailabilityRequest
from workmail_local.errors import InvalidField
from workmail_local.free_busy.question import Question


def question(**fields: Any) -> Question:
    return Question(**{"mailboxes": ["bob@example.net"], "requester": "ana@example.com", "zone": "Europe/Berlin"} | fields)


@pytest.mark.parametrize(
    "begin, end, start_utc, end_utc",
    [
        ("2026-05-05", "", "2026-05-04T22:00", "2026-05-05T22:00"),
        ("2026-05-05", "2026-05-06", "2026-05-04T22:00", "2026-05-06T22:00"),
        ("2026-05-05T08:30", "", "2026-05-05T06:30", "2026-05-05T22:00"),
        ("2026-05-05 08:30", "2026-05-05T09:00Z", "2026-05-05T06:30", "2026-05-05T09:00"),
        ("2026-10-25", "", "2026-10-24T22:00", "2026-10-25T23:00"),
    ],
)
def test_window_is_read_in_the_zone(begin: str, end: str, start_utc: str, end_utc: str) -> None:
    document, calendar = question(begin=begin, end=end).check()
    expected = tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start_utc, end_utc))
    assert (calendar.window.start_date, calendar.window.end_date) == expected
    assert calendar.zone == ZoneInfo("Europe/Berlin")
    request = AvailabilityRequest.parse(document)
    assert (request.mailboxes, request.requester.email, request.window) == (("bob@example.net",), "ana@example.com", calendar.window)


def test_default_is_today() -> None:
    _, calendar = question(begin="today").check()
    assert question().check()[1] == calendar
    assert (calendar.window.end_date - calendar.window.start_date).total_seconds() in {23 * 3600, 24 * 3600, 25 * 3600}


def test_default_zone_is_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmail_local.free_busy.question.get_localzone", lambda: ZoneInfo("Asia/Tokyo"))
    assert question(zone="").check()[1].zone.key == "Asia/Tokyo"


def test_machine_without_a_zone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> ZoneInfo:
        raise LookupError

    monkeypatch.setattr("workmail_local.free_busy.question.get_localzone", fail)
    with pytest.raises(InvalidField, match="this machine has no time zone"):
        question(zone="").check()


@pytest.mark.parametrize(
    "field, value",
    [
        ("mailboxes", []),
        ("requester", ""),
        ("zone", "Nowhere/At-all"),
        ("zone", "../../etc/passwd"),
        ("begin", "yesterday"),
        ("begin", "0001-01-01"),
        ("end", "9999-12-31"),
        ("end", "2026-05-04"),
        ("end", "2026-05-05T00:00"),
    ],
)
def test_invalid_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        question(**{"begin": "2026-05-05", field: value}).check()
    assert caught.value.field == field
