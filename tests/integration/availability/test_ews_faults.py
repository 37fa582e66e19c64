"""Error responses of an EWS server, or of another program at its address."""

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

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
from mailhooks.availability.model import Schedule
from mailhooks.deadline import Deadline
from tests.support.backends import BEN, WINDOW, look_up
from tests.support.servers.ews import PATH, EwsServer, Reply, answer, back_off, calendar, error, event, ews_backend, fault
from tests.support.serving import accepting


@pytest.fixture
def raw() -> Iterator[Callable[[bytes], str]]:
    """`raw(octets)`: returns the URL of a server that reads a request, sends these octets and closes the connection."""
    with ExitStack() as servers:

        def start(octets: bytes) -> str:
            def serve(connection: socket.socket) -> None:
                connection.recv(65536)
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
                # A close before the request is read would discard the sent octets.
                while connection.recv(65536):
                    pass

            return f"http://127.0.0.1:{servers.enter_context(accepting(serve))}{PATH}"

        yield start


HTML = b"<!DOCTYPE html><html><head><title>Outlook</title></head><body><form>Sign in, ben@example.org<br></form></body></html>"
PAGE = {"Content-Type": "text/html"}
BOMB = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>"
FILE = b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"


@pytest.mark.parametrize(
    "reply, kind",
    [
        (Reply(status=401), AuthenticationFailed),
        (Reply(status=403), NoAccess),
        (Reply(HTML, 403, PAGE), NoAccess),
        (Reply(status=404), GenerationFailed),
        (Reply(status=400), GenerationFailed),
        (Reply(status=429), ServerBusy),
        (Reply(HTML, 500, PAGE), GenerationFailed),
        (Reply(b"", 500), GenerationFailed),
        (Reply(HTML, 502, PAGE), ServerBusy),
        (Reply(HTML, 503, PAGE), ServerBusy),
        (Reply(status=504), TimedOut),
        (Reply(status=408), TimedOut),
        (Reply(HTML, 200, PAGE), GenerationFailed),
        (Reply(HTML.removeprefix(b"<!DOCTYPE html>").replace(b"<br>", b""), 200, PAGE), GenerationFailed),
        (Reply(status=302, headers={"Location": "/owa/auth/logon.aspx"}), GenerationFailed),
        (Reply(status=302, headers={"Location": "https://elsewhere.example.org/"}), GenerationFailed),
        (Reply(b""), GenerationFailed),
        (Reply(b"   \r\n"), GenerationFailed),
        (Reply(b"\x00\xff\x00"), GenerationFailed),
        (Reply(b'{"error": "ben@example.org"}'), GenerationFailed),
        (Reply(answer(calendar())[:-20]), GenerationFailed),
        (Reply(answer()), GenerationFailed),
        (Reply(answer("<m:FreeBusyResponse/>")), GenerationFailed),
        (Reply(answer(calendar(kind="None"))), NoAccess),
        (Reply(answer(calendar(kind="MergedOnly"))), GenerationFailed),
        (Reply(answer(calendar(event("soon", "2026-05-04T10:00:00Z")))), GenerationFailed),
        (Reply(answer(calendar()).replace(b"<s:Envelope", BOMB + b"<s:Envelope")), GenerationFailed),
        (Reply(answer(calendar()).replace(b"<s:Envelope", FILE + b"<s:Envelope")), GenerationFailed),
        (Reply(answer(calendar()), headers={"Content-Encoding": "gzip"}), GenerationFailed),
        (Reply(fault("ErrorAccessDenied")), NoAccess),
        (Reply(fault("ErrorAccessDenied"), 500), NoAccess),
        (Reply(fault("ErrorNonExistentMailbox"), 500), MailboxNotFound),
        (Reply(fault("ErrorSchemaValidation"), 500), GenerationFailed),
        (Reply(fault("ErrorInvalidServerVersion"), 500), GenerationFailed),
        (Reply(fault("ErrorExceededConnectionCount"), 500), ServerBusy),
        (Reply(fault("ErrorTooManyObjectsOpened"), 500), ServerBusy),
        (Reply(fault("ErrorTimeoutExpired"), 500), TimedOut),
        (Reply(fault("ErrorPasswordExpired"), 500), AuthenticationFailed),
        (Reply(fault("m:ErrorCannotFindUser"), 500), MailboxNotFound),
        (Reply(fault("errorcannotfinduser"), 500), MailboxNotFound),
        (Reply(fault("ErrorServerBusy"), 500, {"Content-Type": ""}), ServerBusy),
        (Reply(fault("ErrorTimeoutExpired"), 503), TimedOut),
        (Reply(fault("ErrorInNoSchema"), 503), ServerBusy),
        (Reply(fault("ErrorInNoSchema"), 500), GenerationFailed),
        (Reply(answer(error("ErrorTimeoutExpired"))), TimedOut),
    ],
)
def test_each_error_response_has_its_failure(exchange: EwsServer, reply: Reply, kind: type[LookupFailed]) -> None:
    exchange.replies = [reply]
    result = look_up(ews_backend(exchange.endpoint))
    assert type(result) is kind
    assert "ben@" not in str(result)
    assert len(exchange.requests) == 1


@pytest.mark.parametrize(
    "reply, seconds",
    [
        (Reply(fault("ErrorServerBusy", back_off(1500)), 500), 1.5),
        (Reply(fault("ErrorServerBusy", back_off(1500))), 1.5),
        (Reply(fault("ErrorServerBusy"), 500), None),
        (Reply(fault("ErrorServerBusy").replace(b"</detail>", b'<t:Value Name="BackOffMilliseconds">soon</t:Value></detail>'), 500), None),
        (Reply(answer(error("ErrorServerBusy", more=back_off(2500)))), 2.5),
        (Reply(status=503, headers={"Retry-After": "7"}), 7.0),
        (Reply(status=503), None),
    ],
)
def test_a_busy_server_may_ask_for_a_pause(exchange: EwsServer, reply: Reply, seconds: float | None) -> None:
    exchange.replies = [reply]
    result = look_up(ews_backend(exchange.endpoint))
    assert type(result) is ServerBusy
    assert result.retry_after == seconds
    assert len(exchange.requests) == 1


def test_a_look_up_works_after_failures(exchange: EwsServer) -> None:
    ews = ews_backend(exchange.endpoint)
    exchange.replies = [Reply(status=503), Reply(b"\xff"), Reply(fault("ErrorServerBusy"), 500), Reply(answer(calendar()), after_s=2)]
    found = [ews.look_up([BEN], WINDOW, Deadline.after(0.5))[BEN] for _ in range(5)]
    assert [type(result) for result in found] == [ServerBusy, GenerationFailed, ServerBusy, TimedOut, Schedule]


def test_a_silent_server_times_out_at_the_deadline(exchange: EwsServer) -> None:
    exchange.replies = [Reply(answer(calendar()), after_s=3)]
    begun = time.monotonic()
    assert type(look_up(ews_backend(exchange.endpoint), seconds=0.5)) is TimedOut
    assert 0.4 < time.monotonic() - begun < 1


@pytest.mark.parametrize("drip_s", [0.05, 1.5])
def test_a_dripping_server_times_out_at_the_deadline(exchange: EwsServer, drip_s: float) -> None:
    exchange.replies = [Reply(answer(calendar()), drip_s=drip_s)]
    begun = time.monotonic()
    assert type(look_up(ews_backend(exchange.endpoint), seconds=0.5)) is TimedOut
    assert 0.4 < time.monotonic() - begun < 1


def test_no_request_is_sent_after_the_deadline(exchange: EwsServer) -> None:
    assert type(look_up(ews_backend(exchange.endpoint), seconds=0)) is TimedOut
    assert not exchange.requests


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert type(look_up(ews_backend(f"http://127.0.0.1:{port}{PATH}"))) is Unreachable


def test_an_unknown_host_is_unreachable() -> None:
    assert type(look_up(ews_backend(f"http://nowhere.invalid{PATH}"))) is Unreachable


@pytest.mark.parametrize(
    "octets",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<?xml", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<?x"],
)
def test_an_incomplete_response_is_a_failure(raw: Callable[[bytes], str], octets: bytes) -> None:
    assert type(look_up(ews_backend(raw(octets)))) in (Unreachable, GenerationFailed)


def test_a_response_that_is_not_http_is_a_failure(raw: Callable[[bytes], str]) -> None:
    assert type(look_up(ews_backend(raw(b"220 mail.example.org ESMTP\r\n")))) in (Unreachable, GenerationFailed)


def test_an_incomplete_response_without_a_length_is_a_failure(raw: Callable[[bytes], str]) -> None:
    whole = answer(calendar(*(event(f"2026-05-04T{hour:02}:00:00Z", f"2026-05-04T{hour:02}:30:00Z") for hour in range(9))))
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n"
    assert type(look_up(ews_backend(raw(head + whole)))) is Schedule
    for length in range(0, len(whole), 211):
        assert type(look_up(ews_backend(raw(head + whole[:length])))) is GenerationFailed


def test_a_compressed_response_is_decompressed(exchange: EwsServer) -> None:
    exchange.replies = [Reply(gzip.compress(answer(calendar())), headers={"Content-Encoding": "gzip"})]
    assert look_up(ews_backend(exchange.endpoint)) == Schedule()


def test_a_response_that_is_too_large_is_a_failure(exchange: EwsServer) -> None:
    huge = answer(calendar()).replace(b"</s:Envelope>", b" " * 25_000_000 + b"</s:Envelope>")
    exchange.replies = [Reply(gzip.compress(huge, 1), headers={"Content-Encoding": "gzip"})]
    assert type(look_up(ews_backend(exchange.endpoint))) is GenerationFailed


def test_characters_that_are_invalid_in_xml_are_replaced(exchange: EwsServer) -> None:
    details = "<t:Subject>a&#x3;b\x01c&amp;&#xE9;</t:Subject>"
    exchange.mailboxes[BEN] = calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details=details))
    result = look_up(ews_backend(exchange.endpoint))
    assert isinstance(result, Schedule)
    assert result.events[0].details is not None
    assert result.events[0].details.subject == "a\ufffdb\ufffdc&é"
