"""Odd shapes of freeBusy's answers; the errors themselves are in tests/integration/availability/test_google.py."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailhooks.availability.backends.google.response import failure_for, read_response
from mailhooks.availability.backends.http.client import HttpResponse
from mailhooks.availability.errors import GenerationFailed, LookupFailed, ServerBusy
from mailhooks.availability.model import Schedule
from mailhooks.contract.freebusy import BusyType, CalendarEvent

ANA, BEN, TEAM = "ana@example.net", "ben@example.net", "team@example.net"


def answer(calendars: Any, **more: Any) -> dict[str, Schedule | LookupFailed]:
    return read_response(json.dumps({"kind": "calendar#freeBusy", "calendars": calendars, **more}).encode(), [ANA, BEN, TEAM])


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {},
        {"busy": None},
        {"busy": [None]},
        {"busy": [{"start": "2026-05-04T09:00:00Z"}]},
        {"busy": [{"start": "soon", "end": "later"}]},
        {"busy": [{"start": 1, "end": 2}]},
        {"busy": [{"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T09:00:00Z"}]},
        {"busy": [{"start": "0001-01-01T00:00:00+14:00", "end": "2026-05-04T09:00:00Z"}]},
        {"busy": [], "errors": [{}]},
        {"busy": [], "errors": "notFound"},
        {"busy": [], "errors": [None]},
    ],
)
def test_a_calendar_that_cannot_be_read_costs_nobody_else(entry: Any) -> None:
    found = answer({ANA: entry, BEN: {"busy": []}})
    assert type(found[ANA]) is GenerationFailed
    assert found[BEN] == Schedule()


def test_a_time_without_an_offset_is_in_the_zone_that_was_asked_for() -> None:
    found = answer({ANA: {"busy": [{"start": "2026-05-04T09:00:00", "end": "2026-05-04T10:00:00.000Z"}]}})
    start = datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert found[ANA] == Schedule((CalendarEvent(start, start.replace(hour=10), BusyType.BUSY),))


def test_a_calendar_is_found_in_either_form_of_its_domain() -> None:
    content = json.dumps({"calendars": {"ana@xn--bcher-kva.example": {"busy": []}}}).encode()
    assert read_response(content, ["Ana@bücher.example"]) == {"Ana@bücher.example": Schedule()}


def test_what_the_answer_leaves_out_is_missing() -> None:
    assert set(answer({ANA: {"busy": []}})) == {ANA}


def test_a_group_is_left_out_unless_google_has_an_error_for_it() -> None:
    assert TEAM not in answer({ANA: {"busy": []}}, groups={TEAM: {"calendars": [ANA]}})
    found = answer({ANA: {"busy": []}}, groups={TEAM.upper(): {"errors": [{"domain": "global", "reason": "groupTooBig"}]}})
    assert type(found[TEAM]) is GenerationFailed
    assert "groupTooBig" in str(found[TEAM])


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b'{"calendars": []}', b"{}", b"\xff"])
def test_what_is_no_answer_of_free_busy_fails_for_all(content: bytes) -> None:
    with pytest.raises(GenerationFailed):
        read_response(content, [ANA])


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (400, {"error": "invalid"}, GenerationFailed),
        (400, {"error": {"errors": "none"}}, GenerationFailed),
        (400, {"error": {"errors": [None, {"reason": 7}]}}, GenerationFailed),
        (400, {"error": {"errors": [{"reason": "names secret@example.com"}]}}, GenerationFailed),
        (403, {"error": {"errors": [{"reason": "somethingNewer"}, {"reason": "rateLimitExceeded"}]}}, ServerBusy),
    ],
)
def test_errors_of_odd_shapes(status: int, body: Any, kind: type[LookupFailed]) -> None:
    failed = failure_for(HttpResponse(status, {}, json.dumps(body).encode()))
    assert type(failed) is kind
    assert "example.com" not in str(failed)
