"""Errors of gateways and broken connections, after which every backend over HTTP repeats its request."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.availability import answer, lookups
from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.backends.graph.backend import GraphBackend
from mailhooks.availability.backends.ics import IcsBackend
from mailhooks.availability.model import Backend
from tests.support.backends import BEN, request
from tests.support.servers.ews import EwsServer, Reply, ews_backend
from tests.support.servers.feeds import Feeds
from tests.support.servers.google import GoogleCloud
from tests.support.servers.graph import MicrosoftCloud
from tests.support.servers.webdav import CALENDAR, WebDav, data, multistatus, resource
from tests.support.serving import accepting

Faults = list[tuple[int, dict[str, str]]]
Host = Callable[..., Any]
Start = Callable[[Faults], tuple[Backend, str, Callable[[], int]]]
"""`start(faults)`: a backend whose server answers with these errors first, a mailbox, and the number of requests until now."""

EVENT = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260504T090000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\n"
FEED = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{EVENT}END:VCALENDAR\r\n".encode()
BUSY = b"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nFREEBUSY:20260504T090000Z/PT1H\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"


def first(faults: Faults, then: Callable[[], Response]) -> Callable[[Request], Response]:
    left = list(faults)

    def reply(_: Request) -> Response:
        if left:
            status, headers = left.pop(0)
            return Response("<html>Gateway</html>", status, headers)
        return then()

    return reply


@pytest.fixture(params=["graph", "google", "ews", "ics", "caldav", "caldav free-busy"])
def start(request: pytest.FixtureRequest) -> Start:
    def fixture(name: str) -> Any:
        return request.getfixturevalue(name)

    def graph(faults: Faults) -> tuple[Backend, str, Callable[[], int]]:
        cloud: MicrosoftCloud = fixture("microsoft")
        cloud.graph_faults = [(status, "", headers) for status, headers in faults]
        backend: GraphBackend = fixture("make_graph")()
        return backend, "ana@example.com", lambda: cloud.calls.count("POST ana@example.com")

    def google(faults: Faults) -> tuple[Backend, str, Callable[[], int]]:
        cloud: GoogleCloud = fixture("google")
        cloud.api_faults = [(status, "", headers) for status, headers in faults]
        return fixture("make_google")(), "ana@example.net", lambda: cloud.calls.count("POST freeBusy")

    def ews(faults: Faults) -> tuple[Backend, str, Callable[[], int]]:
        server: EwsServer = fixture("exchange")
        server.replies = [Reply(b"<html>Gateway</html>", status, headers) for status, headers in faults]
        return ews_backend(server.endpoint), BEN, lambda: len(server.requests)

    def ics(faults: Faults) -> tuple[Backend, str, Callable[[], int]]:
        site: Feeds = fixture("site")
        site.responses["/room.ics"] = first(faults, lambda: Response(FEED))
        document = {"type": "ics", "feeds": [{"mailbox": BEN, "url": f"{site.url}/room.ics"}]}
        return IcsBackend(document), BEN, lambda: len(site.requests)

    def caldav(faults: Faults, query: str = "events") -> tuple[Backend, str, Callable[[], int]]:
        dav: WebDav = fixture("host")(WebDav({("PROPFIND", "/ben"): multistatus(resource("/ben", CALENDAR))}))
        found = {"events": lambda: multistatus(resource("/ben/1.ics", data(FEED))), "free-busy": lambda: Response(BUSY)}
        dav.responses["REPORT", "/ben"] = first(faults, found[query])
        backend = CalDavBackend({"type": "caldav", "url": f"{dav.url}/{{localPart}}", "query": query})
        return backend, BEN, lambda: dav.methods.count("REPORT")

    starts: dict[str, Start] = {"graph": graph, "google": google, "ews": ews, "ics": ics, "caldav": caldav}
    return starts.get(request.param, lambda faults: caldav(faults, "free-busy"))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_FIRST_PAUSE_S", 0.01)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_request_is_repeated_after_an_error_of_a_gateway(start: Start, status: int) -> None:
    # Case 578: 504 at once, without Retry-After.
    backend, mailbox, count = start([(status, {})])
    [found] = answer(request(mailbox), {"*": backend})["mailboxes"]
    assert "error" not in found
    assert count() == 2


@pytest.mark.parametrize(
    "faults, error, requests",
    [
        ([(504, {})] * 20, "ErrorTimeoutExpired", 4),
        ([(408, {})] * 20, "ErrorTimeoutExpired", 4),
        ([(504, {"Retry-After": "600"})], "ErrorTimeoutExpired", 1),
        ([(504, {}), (503, {"Retry-After": "600"})], "ErrorServerBusy", 2),
    ],
)
def test_the_last_error_remains_after_the_last_attempt(start: Start, faults: Faults, error: str, requests: int) -> None:
    backend, mailbox, count = start(faults)
    [found] = answer(request(mailbox), {"*": backend})["mailboxes"]
    assert found["error"] == error
    assert count() == requests


@contextmanager
def breaking(times: int) -> Iterator[tuple[str, list[int]]]:
    """Serve a feed. The first connections break in the middle of the response."""
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        connections.append(1)
        connection.recv(65536)
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(FEED) + FEED
        connection.sendall(whole if len(connections) > times else whole[:-60])

    with accepting(serve) as port:
        yield f"http://127.0.0.1:{port}/room.ics", connections


@pytest.mark.parametrize("times, error", [(1, None), (5, "ErrorFreeBusyGenerationFailed")])
def test_a_request_is_repeated_once_after_a_connection_that_broke(times: int, error: str | None) -> None:
    with breaking(times) as (url, connections):
        backend = IcsBackend({"type": "ics", "feeds": [{"mailbox": BEN, "url": url}]})
        [found] = answer(request(BEN), {"*": backend})["mailboxes"]
    assert found.get("error") == error
    assert len(connections) == 2
    assert error or len(found["events"]) == 1
