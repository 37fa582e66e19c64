"""The setting `"query": "free-busy"` of the backend `caldav`, for accounts that may see times only."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
)
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from tests.support.backends import DAY, look_up
from tests.support.servers.webdav import CALENDAR, HOME, WebDav, multistatus, resource

BOB = "bob@example.net"
PATH = "/bob"

Host = Callable[..., Any]


@pytest.fixture
def dav(host: Host) -> WebDav:
    return host(WebDav({("PROPFIND", PATH): multistatus(resource(PATH, CALENDAR))}))


def calendar(*lines: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()


def busy(*lines: str) -> bytes:
    return calendar("BEGIN:VFREEBUSY", *lines, "END:VFREEBUSY")


def ask(dav: WebDav, answer: Response | Callable[[Request], Response] | None = None, **more: Any) -> Result:
    """Return the result for a calendar whose queries have an answer."""
    if answer:
        dav.responses["REPORT", PATH] = answer
    return look_up(CalDavBackend({"type": "caldav", "url": f"{dav.url}/{{localPart}}", "query": "free-busy"}), BOB, **more)


def seen(found: Result) -> list[tuple[str, str, str]]:
    assert isinstance(found, Schedule), found
    return sorted((f"{e.start_time:%dT%H:%M}", f"{e.end_time:%dT%H:%M}", str(e.busy_type)) for e in found.events)


NINE = Response(busy("FREEBUSY:20260504T090000Z/PT1H"))


def test_the_report_follows_the_rfc(dav: WebDav) -> None:
    assert seen(ask(dav, Response(busy()))) == []
    (_, _, asked, _), (method, path, headers, body) = dav.requests
    assert (method, path, headers["depth"], asked["depth"]) == ("REPORT", PATH, "1", "0")
    assert b'<C:time-range start="20260504T000000Z" end="20260505T000000Z"/>' in body


def test_the_calendars_of_a_home_are_merged(dav: WebDav) -> None:
    # DAViCal responds to a query of a home with depth 1 as if all time was free.
    members = (resource("/bob/main", CALENDAR), resource("/bob/other", CALENDAR))
    dav.responses["PROPFIND", PATH] = lambda request: multistatus(
        resource(PATH, HOME), *(members if request.headers["Depth"] == "1" else ())
    )
    dav.responses["REPORT", "/bob/main"] = NINE
    dav.responses["REPORT", "/bob/other"] = Response(busy("FREEBUSY:20260504T110000Z/PT1H"))
    assert [start for start, _, _ in seen(ask(dav, Response(busy())))] == ["04T09:00", "04T11:00"]


@pytest.mark.parametrize("status", [403, 404])
def test_an_unseen_mailbox_is_free_only_if_it_has_busy_times_within_a_year(dav: WebDav, status: int) -> None:
    dav.responses["PROPFIND", PATH] = Response("", status)
    assert seen(ask(dav, NINE)) == [("04T09:00", "04T10:00", "BUSY")]
    # DAViCal responds so for an unknown user.
    assert type(ask(dav, Response(busy()))) is MailboxNotFound
    found = ask(dav, lambda _: Response(busy("FREEBUSY:20260901T090000Z/PT1H") if b"2025" in dav.requests[-1][3] else busy()))
    assert seen(found) == []


def test_a_mailbox_that_is_not_there_has_the_first_failure(dav: WebDav) -> None:
    dav.responses["PROPFIND", PATH] = Response("", 404)
    assert type(ask(dav, Response("", 501))) is MailboxNotFound
    dav.responses["PROPFIND", PATH] = Response("", 403)
    assert type(ask(dav, Response("", 501))) is NoAccess


@pytest.mark.parametrize(
    "status, failure",
    [
        (400, GenerationFailed),
        (401, AuthenticationFailed),
        (403, NoAccess),
        (404, MailboxNotFound),
        (410, MailboxNotFound),
        (429, ServerBusy),
        (500, GenerationFailed),
        (502, ServerBusy),
        (503, ServerBusy),
        (504, TimedOut),
        (408, TimedOut),
        (507, GenerationFailed),
        (207, GenerationFailed),
        (302, GenerationFailed),
    ],
)
def test_each_http_status_has_its_failure(dav: WebDav, status: int, failure: type[LookupFailed]) -> None:
    found = ask(dav, Response("bob@example.net is unknown", status, {"Retry-After": "7", "Location": "https://other.example.net/"}))
    assert type(found) is failure
    assert "example" not in str(found)
    assert found.retry_after == (7.0 if failure in {ServerBusy, TimedOut} else None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Sign in</html>",
        b"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\n",
        busy("FREEBUSY:tomorrow/later"),
        busy("FREEBUSY:20260504T100000Z/20260504T090000Z"),
    ],
)
def test_invalid_content_is_a_failure_and_not_free_time(dav: WebDav, content: bytes) -> None:
    assert type(ask(dav, Response(content))) is GenerationFailed


@pytest.mark.parametrize(
    "kind, busy_type",
    [
        ("", BusyType.BUSY),
        (";FBTYPE=BUSY", BusyType.BUSY),
        (";FBTYPE=busy-unavailable", BusyType.BUSY),
        (";FBTYPE=BUSY-TENTATIVE", BusyType.TENTATIVE),
        (";FBTYPE=X-OUT-FOR-LUNCH", BusyType.BUSY),
        (";FBTYPE=FREE", None),
    ],
)
def test_unknown_types_of_periods_are_busy(dav: WebDav, kind: str, busy_type: BusyType | None) -> None:
    found = seen(ask(dav, Response(busy(f"FREEBUSY{kind}:20260504T090000Z/20260504T100000Z"))))
    assert found == ([("04T09:00", "04T10:00", str(busy_type))] if busy_type else [])


def test_busy_times_in_a_multistatus_response_are_read(dav: WebDav) -> None:
    def wrapped(content: bytes) -> Response:
        names = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
        data = f"<C:calendar-data>{content.decode()}</C:calendar-data>"
        return Response(f"<multistatus {names}><response><href>/x</href>{data}</response></multistatus>", 207)

    assert len(seen(ask(dav, wrapped(busy("FREEBUSY:20260504T090000Z/PT1H"))))) == 1
    event = calendar("BEGIN:VEVENT", "DTSTART:20260504T090000Z", "END:VEVENT")
    for answer in (wrapped(event), Response(event), wrapped(b"")):
        assert type(ask(dav, answer)) is GenerationFailed


def test_a_window_that_is_too_long_is_split_into_halves(dav: WebDav) -> None:
    def answer(request: Request) -> Response:
        return next(answers)

    too_much = Response("<D:error><D:number-of-matches-within-limits/></D:error>", 403)
    halves = [busy("FREEBUSY:20260504T090000Z/PT1H"), busy("FREEBUSY:20260506T090000Z/PT1H")]
    answers = iter([too_much, *map(Response, halves)])
    found = ask(dav, answer, window=Window(DAY, DAY + timedelta(days=4)))
    assert seen(found) == [("04T09:00", "04T10:00", "BUSY"), ("06T09:00", "06T10:00", "BUSY")]
    ranges = [body.split(b"time-range ")[1].split(b"/>")[0] for method, _, _, body in dav.requests if method == "REPORT"]
    assert ranges[1:] == [b'start="20260504T000000Z" end="20260506T000000Z"', b'start="20260506T000000Z" end="20260508T000000Z"']


def test_a_failure_of_one_half_is_a_failure_of_the_window(dav: WebDav) -> None:
    answers = iter([Response("", 507), Response(busy()), Response("", 500)])
    assert type(ask(dav, lambda _: next(answers), window=Window(DAY, DAY + timedelta(days=4)))) is GenerationFailed


def test_the_window_is_widened_to_whole_seconds(dav: WebDav) -> None:
    ask(dav, Response(busy()), window=Window(DAY + timedelta(microseconds=1), DAY + timedelta(microseconds=2)))
    assert b'start="20260504T000000Z" end="20260504T000001Z"' in dav.requests[1][3]


def test_the_number_of_requests_for_a_rejected_window_is_limited(dav: WebDav) -> None:
    found = ask(dav, Response("no", 507), window=Window(DAY, DAY + timedelta(days=366)))
    assert type(found) is GenerationFailed
    assert len(dav.requests) <= 10
