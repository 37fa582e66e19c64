"""Unusual forms of freeBusy's responses. Documented errors: tests/integration/availability/test_google_errors.py."""

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
        {"busy": {}},
        {"busy": ""},
        {"busy": [], "error": {"reason": "notFound"}},
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
def test_an_unreadable_calendar_does_not_affect_the_others(entry: Any) -> None:
    found = answer({ANA: entry, BEN: {"busy": []}})
    assert type(found[ANA]) is GenerationFailed
    assert found[BEN] == Schedule()


def test_a_time_without_an_offset_is_in_the_requested_zone() -> None:
    start = datetime(2026, 5, 4, 9, tzinfo=UTC)
    for end in ("2026-05-04T10:00:00.000Z", "2026-05-04t09:59:60-00:00"):
        found = answer({ANA: {"busy": [{"start": "2026-05-04T09:00:00", "end": end}]}})
        assert found[ANA] == Schedule((CalendarEvent(start, start.replace(hour=10), BusyType.BUSY),))


def test_a_calendar_is_found_in_either_form_of_its_domain() -> None:
    content = json.dumps({"calendars": {"ana@xn--bcher-kva.example": {"busy": []}}}).encode()
    assert read_response(content, ["Ana@bücher.example"]) == {"Ana@bücher.example": Schedule()}


def test_a_response_in_pages_shows_no_free_time() -> None:
    with pytest.raises(GenerationFailed):
        answer({ANA: {"busy": []}}, nextPageToken="2")


def test_two_different_results_of_a_calendar_are_not_read() -> None:
    busy = {"busy": [{"start": "2026-05-04T09:00:00Z", "end": "2026-05-04T10:00:00Z"}]}
    for pair in ({ANA: {"busy": []}, ANA.upper(): busy}, {ANA.upper(): busy, ANA: {"busy": []}}):
        found = answer({**pair, BEN: {"busy": []}})
        assert type(found[ANA]) is GenerationFailed
        assert found[BEN] == Schedule()


def test_omitted_calendars_are_missing() -> None:
    assert set(answer({ANA: {"busy": []}})) == {ANA}


def test_a_group_is_missing_unless_it_has_an_error() -> None:
    assert TEAM not in answer({ANA: {"busy": []}}, groups={TEAM: {"calendars": [ANA]}})
    found = answer({ANA: {"busy": []}}, groups={TEAM.upper(): {"errors": [{"domain": "global", "reason": "groupTooBig"}]}})
    assert isinstance(found[TEAM], GenerationFailed)
    assert "groupTooBig" in str(found[TEAM])


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b'{"calendars": []}', b"{}", b"\xff"])
def test_a_response_that_is_not_freebusys_is_a_failure(content: bytes) -> None:
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
def test_errors_of_unusual_form_are_read(status: int, body: Any, kind: type[LookupFailed]) -> None:
    failed = failure_for(HttpResponse(status, {}, json.dumps(body).encode()))
    assert type(failed) is kind
    assert "example.com" not in str(failed)
