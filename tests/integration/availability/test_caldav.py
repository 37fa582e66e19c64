"""The backend `caldav` with Radicale, and with a server that sends every error."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mailhooks.availability.backends.caldav import CalDavBackend, build_url
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
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.errors import SettingsError
from tests.support.backends import DAY, look_up
from tests.support.servers import radicale
from tests.support.servers.certificates import Authority, ServerCertificate
from tests.support.servers.feeds import Feeds

BOB = "bob@example.net"

Host = Callable[..., Any]


def backend(url: str, **more: str) -> CalDavBackend:
    return CalDavBackend({"type": "caldav", "url": url, **more})


def seen(found: Result) -> list[tuple[str, str, str]]:
    assert isinstance(found, Schedule), found
    return sorted((f"{e.start_time:%dT%H:%M}", f"{e.end_time:%dT%H:%M}", str(e.busy_type)) for e in found.events)


# Radicale


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[radicale.Server]:
    with radicale.running(tmp_path_factory.mktemp("radicale"), max_freebusy_occurrence="40") as found:
        berlin = "TZID=Europe/Berlin"
        found.make(
            f"/{radicale.USER}/bob@example.net/",
            radicale.event("one", "DTSTART:20260504T090000Z", "DTEND:20260504T100000Z", "SUMMARY:Secret"),
            radicale.event("two", f"DTSTART;{berlin}:20260504T140000", "DURATION:PT45M", "STATUS:TENTATIVE"),
            radicale.event("three", "DTSTART:20260504T180000Z", "DTEND:20260504T190000Z", "TRANSP:TRANSPARENT"),
            radicale.event("four", "DTSTART:20260504T200000Z", "DTEND:20260504T210000Z", "STATUS:CANCELLED"),
            radicale.event("five", "DTSTART:20260427T060000Z", "DTEND:20260427T063000Z", "RRULE:FREQ=WEEKLY"),
            radicale.event("six", "DTSTART:20260503T230000Z", "DTEND:20260504T010000Z"),
        )
        found.make(f"/{radicale.USER}/empty@example.net/")
        found.make(
            f"/{radicale.USER}/often@example.net/",
            radicale.event("x", "DTSTART:20260101T060000Z", "DTEND:20260101T063000Z", "RRULE:FREQ=DAILY"),
        )
        yield found


def of_radicale(server: radicale.Server, password: str = radicale.PASSWORD) -> CalDavBackend:
    return backend(f"{server.url}/{radicale.USER}/{{mailbox}}/", username=radicale.USER, password=password)


def test_busy_times_are_read_from_radicale(server: radicale.Server) -> None:
    found = seen(look_up(of_radicale(server), BOB))
    # Radicale cuts events that start before the window.
    assert found == [
        (found[0][0], "04T01:00", "BUSY"),
        ("04T06:00", "04T06:30", "BUSY"),
        ("04T09:00", "04T10:00", "BUSY"),
        ("04T12:00", "04T12:45", "TENTATIVE"),
    ]


def test_an_empty_calendar_is_free_and_a_missing_one_not_found(server: radicale.Server) -> None:
    assert seen(look_up(of_radicale(server), "empty@example.net")) == []
    assert isinstance(look_up(of_radicale(server), "nobody@example.net"), MailboxNotFound)


def test_a_wrong_password_is_an_authentication_failure(server: radicale.Server) -> None:
    assert isinstance(look_up(of_radicale(server, "wrong"), BOB), AuthenticationFailed)


def test_a_window_with_too_many_occurrences_is_split(server: radicale.Server) -> None:
    found = look_up(of_radicale(server), "often@example.net", Window(DAY, DAY + timedelta(days=100)))
    assert isinstance(found, Schedule)
    assert len({event.start_time for event in found.events}) == 100


# Addresses


@pytest.mark.parametrize(
    "mailbox, path",
    [
        ("bob@example.net", "/bob@example.net/"),
        ("b/../x@example.net", "/b%2F..%2Fx@example.net/"),
        ("b?x#y@example.net", "/b%3Fx%23y@example.net/"),
        ("bøb@example.net", "/b%C3%B8b@example.net/"),
        ("%2e%2e@example.net", "/%252e%252e@example.net/"),
        ("../admin@example.net", "/..%2Fadmin@example.net/"),
        ("b\\..\\x@example.net", "/b%5C..%5Cx@example.net/"),
        ("{domain}@example.net", "/%7Bdomain%7D@example.net/"),
        ("b\r\nX: y@example.net", "/b%0D%0AX%3A%20y@example.net/"),
    ],
)
def test_a_mailbox_stays_in_its_segment_of_the_path(mailbox: str, path: str) -> None:
    assert build_url("https://dav.example.net/{mailbox}/", mailbox) == f"https://dav.example.net{path}"


@pytest.mark.parametrize("mailbox", ["..@example.net", ".@example.net", "@example.net", "bob@..", "bob", "\ud800@example.net"])
def test_a_mailbox_that_would_change_the_path_is_not_found(mailbox: str) -> None:
    assert build_url("https://dav.example.net/{domain}/{localPart}/", mailbox) is None
    assert isinstance(look_up(backend("http://127.0.0.1:9/{domain}/{localPart}/"), mailbox), MailboxNotFound)


@pytest.mark.parametrize("url", ["https://x.example/", "https://{mailbox}/", "https://x.example/{user}/", "https://x.example/{domain}/"])
def test_a_url_that_is_the_same_for_all_mailboxes_is_rejected(url: str) -> None:
    with pytest.raises(SettingsError, match="localPart"):
        backend(url)


# Faults


def calendar(*lines: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()


def busy(*lines: str) -> bytes:
    return calendar("BEGIN:VFREEBUSY", *lines, "END:VFREEBUSY")


def look_up_at(site: Feeds, answer: Response | Any, **more: Any) -> Result:
    site.responses["/bob@example.net"] = answer
    return look_up(backend(f"{site.url}/{{mailbox}}"), BOB, **more)


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
        (507, GenerationFailed),
        (207, GenerationFailed),
        (302, GenerationFailed),
    ],
)
def test_each_http_status_has_its_failure(site: Feeds, status: int, failure: type[LookupFailed]) -> None:
    found = look_up_at(site, Response("bob@example.net is unknown", status, {"Retry-After": "7", "Location": "https://other.example.net/"}))
    assert type(found) is failure
    assert "example" not in str(found)
    assert found.retry_after == (7.0 if failure is ServerBusy else None)  # type: ignore[union-attr]


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
def test_invalid_content_is_a_failure_and_not_free_time(site: Feeds, content: bytes) -> None:
    assert type(look_up_at(site, Response(content))) is GenerationFailed


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
def test_unknown_types_of_periods_are_busy(site: Feeds, kind: str, busy_type: BusyType | None) -> None:
    found = seen(look_up_at(site, Response(busy(f"FREEBUSY{kind}:20260504T090000Z/20260504T100000Z"))))
    assert found == ([("04T09:00", "04T10:00", str(busy_type))] if busy_type else [])


def test_the_server_receives_the_quoted_path(site: Feeds) -> None:
    look_up(backend(f"{site.url}/dav/{{mailbox}}/"), "..%2f..%2F../x?y#z@example.net")
    [(_, path, _, _)] = site.requests
    # Starlette unquotes the path, except characters that would change its meaning.
    assert path == "/dav/..%2f..%2F../x%3Fy%23z@example.net/"


def test_busy_times_in_a_multistatus_response_are_read(site: Feeds) -> None:
    def wrapped(content: bytes) -> Response:
        names = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
        data = f"<C:calendar-data>{content.decode()}</C:calendar-data>"
        return Response(f"<multistatus {names}><response><href>/x</href>{data}</response></multistatus>", 207)

    assert len(seen(look_up_at(site, wrapped(busy("FREEBUSY:20260504T090000Z/PT1H"))))) == 1
    event = calendar("BEGIN:VEVENT", "DTSTART:20260504T090000Z", "END:VEVENT")
    for answer in (wrapped(event), Response(event), wrapped(b"")):
        assert type(look_up_at(site, answer)) is GenerationFailed


def test_a_window_that_is_too_long_is_split_into_halves(site: Feeds) -> None:
    def answer(request: Request) -> Response:
        return next(answers)

    too_much = Response("<D:error><D:number-of-matches-within-limits/></D:error>", 403)
    halves = [busy("FREEBUSY:20260504T090000Z/PT1H"), busy("FREEBUSY:20260506T090000Z/PT1H")]
    answers = iter([too_much, *map(Response, halves)])
    found = look_up_at(site, answer, window=Window(DAY, DAY + timedelta(days=4)))
    assert seen(found) == [("04T09:00", "04T10:00", "BUSY"), ("06T09:00", "06T10:00", "BUSY")]
    ranges = [body.split(b"time-range ")[1].split(b"/>")[0] for _, _, _, body in site.requests]
    assert ranges[1:] == [b'start="20260504T000000Z" end="20260506T000000Z"', b'start="20260506T000000Z" end="20260508T000000Z"']


def test_a_failure_of_one_half_is_a_failure_of_the_window(site: Feeds) -> None:
    answers = iter([Response("", 507), Response(busy()), Response("", 500)])
    assert type(look_up_at(site, lambda _: next(answers), window=Window(DAY, DAY + timedelta(days=4)))) is GenerationFailed


def test_the_report_follows_the_rfc(site: Feeds) -> None:
    look_up_at(site, Response(busy()))
    [(method, path, headers, body)] = site.requests
    assert (method, path, headers["depth"]) == ("REPORT", "/bob@example.net", "1")
    assert b'<C:time-range start="20260504T000000Z" end="20260505T000000Z"/>' in body


def test_the_window_is_widened_to_whole_seconds(site: Feeds) -> None:
    look_up_at(site, Response(busy()), window=Window(DAY + timedelta(microseconds=1), DAY + timedelta(microseconds=2)))
    assert b'start="20260504T000000Z" end="20260504T000001Z"' in site.requests[0][3]


def test_only_redirects_on_the_same_server_are_followed(site: Feeds, host: Host) -> None:
    other = host(Feeds())
    site.responses["/here"] = Response(busy("FREEBUSY:20260504T090000Z/PT1H"))
    assert len(seen(look_up_at(site, Response(status_code=301, headers={"Location": "/here"})))) == 1
    assert type(look_up_at(site, Response(status_code=301, headers={"Location": f"{other.url}/here"}))) is GenerationFailed
    assert type(look_up_at(site, Response(status_code=301, headers={"Location": "http://[broken/"}))) is GenerationFailed
    assert other.requests == []


def test_the_number_of_requests_for_a_rejected_window_is_limited(site: Feeds) -> None:
    found = look_up_at(site, Response("no", 507), window=Window(DAY, DAY + timedelta(days=366)))
    assert type(found) is GenerationFailed
    assert len(site.requests) <= 10


def test_a_hanging_server_times_out_and_a_missing_one_is_unreachable(site: Feeds) -> None:
    site.delay = 5
    assert type(look_up_at(site, Response(busy()), seconds=0.3)) is TimedOut
    assert type(look_up(backend("http://127.0.0.1:9/{mailbox}"), BOB)) is Unreachable


def test_a_response_that_drips_times_out(site: Feeds) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for number in range(1000):
            yield b"x"
            await asyncio.sleep(0.05 if number < 100 else 5)

    found = look_up_at(site, lambda _: StreamingResponse(drip(), headers={"Content-Length": "1000"}), seconds=0.5)
    assert type(found) is TimedOut


def test_a_private_authority_is_trusted_only_if_it_is_configured(host: Host, authority: Authority, certificate: ServerCertificate) -> None:
    url = host(Feeds({f"/{BOB}": Response(busy())}), certificate).url
    assert type(look_up(backend(f"{url}/{{mailbox}}"), BOB)) is Unreachable
    assert look_up(backend(f"{url}/{{mailbox}}", caCertificates=authority.pem), BOB) == Schedule()


def test_an_unreadable_certificate_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="caCertificates"):
        backend("https://dav.example.net/{mailbox}", caCertificates="-----BEGIN PRIVATE KEY-----")
