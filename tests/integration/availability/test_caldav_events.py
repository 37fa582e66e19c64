"""How the backend `caldav` fetches events, from servers that answer in odd ways or not at all."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.ical import cache
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
    Unreachable,
)
from mailhooks.availability.model import Result, Schedule
from tests.support.backends import look_up
from tests.support.servers.certificates import Authority, ServerCertificate
from tests.support.servers.webdav import CALENDAR, WebDav, data, failed, multistatus, resource

BOB = "bob@example.net"
PATH = "/bob"

Host = Callable[..., Any]


@pytest.fixture
def dav(host: Host) -> WebDav:
    return host(WebDav())


def calendar(*components: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *components, "END:VCALENDAR", ""]).encode()


def event(hour: int, *more: str) -> bytes:
    return calendar("BEGIN:VEVENT", f"UID:{hour}", f"DTSTART:20260504T{hour:02}0000Z", "DURATION:PT30M", *more, "END:VEVENT")


def backend(dav: WebDav, **more: str) -> CalDavBackend:
    return CalDavBackend({"type": "caldav", "url": f"{dav.url}/{{localPart}}", **more})


def ask(dav: WebDav, answer: Response | Callable[[Request], Response], **more: Any) -> Result:
    """Return the result for a calendar whose queries have an answer."""
    dav.responses["PROPFIND", PATH] = multistatus(resource(PATH, CALENDAR))
    dav.responses["REPORT", PATH] = answer
    return look_up(backend(dav), BOB, **more)


def hours(found: Result) -> list[int]:
    assert isinstance(found, Schedule), found
    return sorted(event.start_time.hour for event in found.events)


EIGHT = resource(f"{PATH}/8.ics", data(event(8)))
NINE = resource(f"{PATH}/9.ics", data(event(9)))


def test_the_whole_calendar_is_queried_without_expansion(dav: WebDav) -> None:
    assert hours(ask(dav, multistatus(EIGHT, NINE))) == [8, 9]
    [_, (method, path, headers, body)] = dav.requests
    assert (method, path, headers["depth"]) == ("REPORT", PATH, "1")
    assert b"time-range" not in body
    assert b"expand" not in body


@pytest.mark.parametrize(
    "status, failure",
    [
        (302, GenerationFailed),
        (400, GenerationFailed),
        (401, AuthenticationFailed),
        (403, NoAccess),
        (404, MailboxNotFound),
        (410, MailboxNotFound),
        (429, ServerBusy),
        (500, GenerationFailed),
        (501, GenerationFailed),
        (502, ServerBusy),
        (503, ServerBusy),
        (504, TimedOut),
        (507, GenerationFailed),
        (207, GenerationFailed),
        (200, GenerationFailed),
    ],
)
def test_each_http_status_has_its_failure(dav: WebDav, status: int, failure: type[LookupFailed]) -> None:
    headers = {"Retry-After": "7", "Location": "https://other.example.net/"}
    found = ask(dav, Response("bob@example.net is unknown", status, headers))
    assert type(found) is failure
    assert "example" not in str(found)
    assert found.retry_after == (7.0 if failure in {ServerBusy, TimedOut} else None)
    assert len(dav.requests) <= 6


@pytest.mark.parametrize(
    "answer, failure",
    [
        # An event that was removed meanwhile is not busy.
        (multistatus(EIGHT, failed(f"{PATH}/9.ics", 404)), None),
        (multistatus(EIGHT, failed(f"{PATH}/9.ics", 403)), NoAccess),
        (multistatus(EIGHT, failed(f"{PATH}/9.ics", 500)), GenerationFailed),
        (multistatus(EIGHT, failed(PATH, 507)), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", "<C:calendar-data/>", 403)), NoAccess),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", "<C:calendar-data/>", 404)), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", "<C:calendar-data/>", 500)), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", "<D:getetag>1</D:getetag>")), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", data(b""))), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", data(event(9)[:-20]))), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", data(b"<html>Sign in</html>"))), GenerationFailed),
        (multistatus(EIGHT, resource(f"{PATH}/9.ics", data(event(9, "RRULE:FREQ=SOMETIMES")))), GenerationFailed),
    ],
)
def test_a_part_of_the_events_is_not_the_calendar(dav: WebDav, answer: Response, failure: type[LookupFailed] | None) -> None:
    found = ask(dav, answer)
    assert hours(found) == [8] if failure is None else type(found) is failure


@pytest.mark.parametrize(
    "refusal",
    [
        Response("", 400),
        Response("", 501),
        Response("", 507),
        Response('<D:error xmlns:D="DAV:"><C:number-of-matches-within-limits xmlns:C="x"/></D:error>', 403),
        multistatus(EIGHT, failed(PATH, 507)),
        multistatus(resource(f"{PATH}/9.ics", "<D:getetag>1</D:getetag>")),
    ],
)
def test_a_refused_query_is_replaced_by_the_export_or_by_three_queries(dav: WebDav, refusal: Response) -> None:
    dav.responses["GET", PATH] = Response(calendar("BEGIN:VEVENT", "UID:1", "DTSTART:20260504T070000Z", "DURATION:PT1H", "END:VEVENT"))
    assert hours(ask(dav, refusal)) == [7]
    dav.responses["GET", PATH] = Response("<html>Calendar</html>")

    def answer(request: Request) -> Response:
        body = dav.requests[-1][3]
        if b"time-range" in body:
            return multistatus(EIGHT)
        return multistatus(EIGHT, NINE) if b"RRULE" in body else multistatus() if b"RDATE" in body else refusal

    assert hours(ask(dav, answer)) == [8, 9]
    bodies = [body for method, _, _, body in dav.requests if method == "REPORT"]
    # Wider than the window by three days.
    assert sum(b'start="20260501T000000Z" end="20260508T000000Z"' in body for body in bodies) == 1


def test_a_calendar_that_is_too_large_is_queried_in_parts(dav: WebDav, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_OCTETS", 2000)
    large = [resource(f"{PATH}/{number}.ics", data(event(1, f"SUMMARY:{number}"))) for number in range(20)]

    def answer(request: Request) -> Response:
        body = dav.requests[-1][3]
        return multistatus(NINE) if b"time-range" in body else multistatus() if b"prop-filter" in body else multistatus(*large)

    assert hours(ask(dav, answer)) == [9]
    assert "GET" not in dav.methods
    assert type(ask(dav, multistatus(*large))) is GenerationFailed


def test_busy_times_in_the_answer_to_each_query_are_read(dav: WebDav) -> None:
    # Case 123: Radicale 3.2 to 3.5.
    busy = ["BEGIN:VFREEBUSY", "DTSTART:20260504T090000Z", "DTEND:20260504T100000Z", "FBTYPE:BUSY", "END:VFREEBUSY"]
    for answer in (Response(calendar(*busy)), multistatus(resource(PATH, data(calendar(*busy))))):
        assert hours(ask(dav, answer)) == [9]


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "us-ascii", "windows-1252"])
def test_each_encoding_of_xml_is_read(dav: WebDav, encoding: str) -> None:
    assert hours(ask(dav, multistatus(EIGHT, encoding=encoding))) == [8]


@pytest.mark.parametrize("name", ["klingon", "rot13", "utf-7", "shift_jis", "utf-32", "x" * 10_000, "base64"])
def test_an_unknown_encoding_is_a_failure(dav: WebDav, name: str) -> None:
    content = bytes(multistatus(EIGHT).body).replace(b"utf-8", name.encode(), 1)
    assert type(ask(dav, Response(content, 207))) is GenerationFailed


def test_characters_that_are_no_xml_do_not_hide_an_event(dav: WebDav) -> None:
    for odd in (b"\x0b", b"\x00", b"&#11;", b"&#x1F;", b"\xe9", b"\xff\xfe", "\ufffe".encode()):
        content = bytes(multistatus(resource("1.ics", data(event(8, "SUMMARY:here")))).body).replace(b"here", b"a" + odd + b"b")
        assert hours(ask(dav, Response(content, 207))) == [8], odd


def test_prefixes_cdata_and_line_ends_of_xml_do_not_matter(dav: WebDav) -> None:
    text = event(8).decode()
    for inner in (f"<![CDATA[{text}]]>", text.replace("\r\n", "\n"), text.replace("\r\n", "&#13;\n"), f"\n  {text}  "):
        content = (
            '<ns0:multistatus xmlns:ns0="DAV:" xmlns:data="urn:ietf:params:xml:ns:caldav"><ns0:response><ns0:href>8.ics</ns0:href>'
            f"<ns0:propstat><ns0:status>HTTP/1.1 200 OK</ns0:status><ns0:prop><data:calendar-data>{inner}</data:calendar-data>"
            "</ns0:prop></ns0:propstat></ns0:response></ns0:multistatus>"
        )
        assert hours(ask(dav, Response(content, 207))) == [8], inner


def test_compressed_and_chunked_responses_are_read(dav: WebDav) -> None:
    content = bytes(multistatus(EIGHT).body)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    assert hours(ask(dav, Response(gzip.compress(content), 207, {"Content-Encoding": "gzip"}))) == [8]
    assert hours(ask(dav, lambda _: StreamingResponse(chunks(), 207))) == [8]
    assert type(ask(dav, Response(content, 207, {"Content-Encoding": "gzip"}))) is GenerationFailed


# The cache


def with_version(dav: WebDav, version: str, *objects: bytes) -> None:
    dav.add_calendar(PATH, *objects, properties=f"<S:getctag>{version}</S:getctag>" if version else "")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("mailhooks.availability.backends.caldav.backend.monotonic", lambda: now[0])
    return now


def test_events_are_fetched_again_only_for_another_version(dav: WebDav, clock: list[float]) -> None:
    asked = backend(dav)
    with_version(dav, "1", event(8))
    for _ in range(3):
        assert hours(look_up(asked, BOB)) == [8]
        clock[0] += 3
    # The version may have changed its content soon after the first look-up, but not after the second one.
    assert dav.methods == ["PROPFIND", "REPORT", "PROPFIND", "REPORT", "PROPFIND"]
    with_version(dav, "2", event(9))
    assert hours(look_up(asked, BOB)) == [9]


def test_a_version_that_changes_within_a_second_is_fetched_again(dav: WebDav, clock: list[float]) -> None:
    asked = backend(dav)
    with_version(dav, "1", event(8))
    assert hours(look_up(asked, BOB)) == [8]
    clock[0] += 0.5
    with_version(dav, "1", event(9))
    assert hours(look_up(asked, BOB)) == [9]
    clock[0] += 60
    assert hours(look_up(asked, BOB)) == [9]


def test_calendars_without_a_version_and_large_ones_are_not_kept(dav: WebDav, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = backend(dav)
    for version in ("", "1"):
        dav.requests.clear()
        with_version(dav, version, event(8))
        for _ in range(4):
            assert hours(look_up(asked, BOB)) == [8]
            clock[0] += 3
        assert dav.methods.count("REPORT") == (2 if version else 4)
    monkeypatch.setattr(cache, "CACHE_OCTETS", 10)
    dav.requests.clear()
    with_version(dav, "2", event(8))
    for _ in range(3):
        assert hours(look_up(asked, BOB)) == [8]
        clock[0] += 3
    assert dav.methods.count("REPORT") == 3


# Connections


def test_a_hanging_server_times_out_and_a_missing_one_is_unreachable(dav: WebDav) -> None:
    dav.delay = 5
    assert type(ask(dav, multistatus(), seconds=0.3)) is TimedOut
    missing = CalDavBackend({"type": "caldav", "url": "http://127.0.0.1:9/{mailbox}"})
    assert type(look_up(missing, BOB)) is Unreachable


def test_a_response_that_drips_times_out(dav: WebDav) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for number in range(1000):
            yield b"x"
            await asyncio.sleep(0.05 if number < 100 else 5)

    found = ask(dav, lambda _: StreamingResponse(drip(), 207, headers={"Content-Length": "1000"}), seconds=0.5)
    assert type(found) is TimedOut


def test_a_private_authority_is_trusted_only_if_it_is_configured(host: Host, authority: Authority, certificate: ServerCertificate) -> None:
    dav = host(WebDav(), certificate)
    dav.add_calendar(PATH, event(8))
    assert type(look_up(backend(dav), BOB)) is Unreachable
    assert hours(look_up(backend(dav, caCertificates=authority.pem), BOB)) == [8]


def test_the_end_of_the_window_is_not_cut(dav: WebDav) -> None:
    dav.add_calendar(PATH, event(23, "SUMMARY:late").replace(b"PT30M", b"P40D"))
    schedule = look_up(backend(dav), BOB)
    assert isinstance(schedule, Schedule)
    [found] = schedule.events
    assert found.end_time - found.start_time == timedelta(days=40)
