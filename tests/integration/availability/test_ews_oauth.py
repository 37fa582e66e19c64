"""How the EWS backend signs in by OAuth: whose tokens it asks for, how often, and what it does without one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mailhooks.availability.backends.ews.backend import EwsBackend
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy, TimedOut
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from tests.support.servers.ews import Bearer, EwsServer, TlsServer, calendar

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
BEN = "ben@example.org"


@pytest.fixture
def server() -> Iterator[EwsServer]:
    with EwsServer({BEN: calendar()}) as running:
        yield running


def backend(url: str, auth: dict[str, str]) -> EwsBackend:
    return EwsBackend.from_config({"type": "ews", "url": url, "auth": auth})


def look_up(ews: EwsBackend, seconds: float = 5) -> Schedule | LookupFailed:
    return ews.look_up([BEN], WINDOW, Deadline.after(seconds))[BEN]


@dataclass
class TokenServer:
    """A token endpoint (RFC 6749 section 4.4). Each request gets a token of its own, which the EWS server then takes."""

    bearer: Bearer
    secret: str = "s3cret"
    expires_in: object = 3600
    after_s: float = 0
    reply: Response | None = None
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        self.asked.append(form)
        await asyncio.sleep(self.after_s)
        if self.reply:
            return self.reply
        if form["client_secret"] != [self.secret]:
            return JSONResponse({"error": "invalid_client", "error_description": "no such secret: " + form["client_secret"][0]}, 401)
        token = f"token-{len(self.asked)}"
        self.bearer.tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in})


@contextmanager
def token_server(server: EwsServer, tls: tuple[Path, Path] | None = None) -> Iterator[TokenServer]:
    server.sign_in = Bearer(set())
    running = TokenServer(server.sign_in)
    http = TlsServer(Starlette(routes=[Route("/token", running.answer, methods=["POST"])]), tls)
    http.start()
    running.url = http.url + "/token"
    yield running
    http.stop()


@pytest.fixture
def tokens(server: EwsServer) -> Iterator[TokenServer]:
    with token_server(server) as running:
        yield running


def oauth(tokens: TokenServer, secret: str = "s3cret", **more: str) -> dict[str, str]:
    return {"type": "oauth", "tokenUrl": tokens.url, "clientId": "client", "clientSecret": secret, **more}


def test_a_token_is_asked_for_once(server: EwsServer, tokens: TokenServer) -> None:
    ews = backend(server.url, oauth(tokens, scope="https://mail.example.org/.default"))
    assert [look_up(ews) for _ in range(3)] == [Schedule()] * 3
    (form,) = tokens.asked
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": ["s3cret"],
        "scope": ["https://mail.example.org/.default"],
    }
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer token-1"] * 3


def test_threads_that_come_together_get_one_token(server: EwsServer, tokens: TokenServer) -> None:
    tokens.after_s = 0.2
    ews = backend(server.url, oauth(tokens))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: look_up(ews), range(8))) == [Schedule()] * 8
    assert len(tokens.asked) == 1


def test_a_token_is_renewed_before_it_ends(server: EwsServer, tokens: TokenServer) -> None:
    tokens.expires_in = 0
    ews = backend(server.url, oauth(tokens))
    assert [look_up(ews) for _ in range(3)] == [Schedule()] * 3
    assert len(tokens.asked) == 3


def test_a_token_that_was_revoked_is_renewed_once(server: EwsServer, tokens: TokenServer) -> None:
    ews = backend(server.url, oauth(tokens))
    assert look_up(ews) == Schedule()
    tokens.bearer.tokens.clear()
    assert look_up(ews) == Schedule()
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_a_server_that_takes_no_token_refuses_us(server: EwsServer, tokens: TokenServer) -> None:
    server.sign_in = Bearer({"other"})
    assert type(look_up(backend(server.url, oauth(tokens)))) is AuthenticationFailed
    assert len(server.asked) == 2


def test_a_rotated_secret_is_refused(server: EwsServer, tokens: TokenServer) -> None:
    result = look_up(backend(server.url, oauth(tokens, secret="old")))
    assert type(result) is AuthenticationFailed
    assert "old" not in str(result)
    assert not server.asked


@pytest.mark.parametrize(
    "reply, kind",
    [
        (JSONResponse({"error": "invalid_client"}, 400), AuthenticationFailed),
        (JSONResponse({"error": "unauthorized_client"}, 400), AuthenticationFailed),
        (JSONResponse({"error": "invalid_scope"}, 400), AuthenticationFailed),
        (JSONResponse(["no object"], 400), GenerationFailed),
        (Response("busy", 503), ServerBusy),
        (Response("<html>", 200), GenerationFailed),
        (JSONResponse({"access_token": ""}), GenerationFailed),
        (JSONResponse({"access_token": "two\r\nlines"}), GenerationFailed),
        (JSONResponse({"access_token": 7}), GenerationFailed),
        (JSONResponse(None), GenerationFailed),
    ],
)
def test_what_a_token_server_may_answer_instead(server: EwsServer, tokens: TokenServer, reply: Response, kind: type[LookupFailed]) -> None:
    tokens.reply = reply
    assert type(look_up(backend(server.url, oauth(tokens)))) is kind
    assert not server.asked


@pytest.mark.parametrize("lifetime", [None, "3600", "soon", 1e9])
def test_a_token_s_lifetime_may_be_anything(server: EwsServer, tokens: TokenServer, lifetime: object) -> None:
    tokens.expires_in = lifetime
    ews = backend(server.url, oauth(tokens))
    assert [look_up(ews), look_up(ews)] == [Schedule()] * 2
    assert len(tokens.asked) == 1


def test_a_token_server_that_drips_is_waited_for_until_the_deadline(server: EwsServer, tokens: TokenServer) -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" "
            await asyncio.sleep(0.05)

    tokens.reply = StreamingResponse(drops(), headers={"Content-Length": "1000"})
    begun = datetime.now(UTC)
    assert type(look_up(backend(server.url, oauth(tokens)), 0.4)) is TimedOut
    assert datetime.now(UTC) - begun < timedelta(seconds=0.9)


def test_a_token_server_that_says_nothing_is_waited_for_until_the_deadline(server: EwsServer, tokens: TokenServer) -> None:
    tokens.after_s = 2
    ews = backend(server.url, oauth(tokens))
    begun = datetime.now(UTC)
    with ThreadPoolExecutor(3) as pool:
        assert [type(result) for result in pool.map(lambda _: look_up(ews, 0.4), range(3))] == [TimedOut] * 3
    assert datetime.now(UTC) - begun < timedelta(seconds=1)
