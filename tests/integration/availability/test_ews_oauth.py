"""The EWS backend with bearer tokens of an OAuth token server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse

from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy, TimedOut
from mailhooks.availability.model import Schedule
from tests.support.backends import look_up
from tests.support.servers.ews import Bearer, EwsServer, ews_backend
from tests.support.servers.oauth import TokenServer


@pytest.fixture
def tokens(exchange: EwsServer, host: Callable[..., Any]) -> TokenServer:
    exchange.sign_in = Bearer(set())
    return host(TokenServer(exchange.sign_in))


def test_a_token_is_fetched_once(exchange: EwsServer, tokens: TokenServer) -> None:
    ews = ews_backend(exchange.endpoint, tokens.auth(scope="https://mail.example.org/.default"))
    assert [look_up(ews) for _ in range(3)] == [Schedule()] * 3
    (form,) = tokens.requests
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": ["s3cret"],
        "scope": ["https://mail.example.org/.default"],
    }
    assert [asked.headers["authorization"] for asked in exchange.requests] == ["Bearer token-1"] * 3


def test_threads_share_one_token(exchange: EwsServer, tokens: TokenServer) -> None:
    tokens.after_s = 0.2
    ews = ews_backend(exchange.endpoint, tokens.auth())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: look_up(ews), range(8))) == [Schedule()] * 8
    assert len(tokens.requests) == 1


def test_a_token_is_renewed_before_it_ends(exchange: EwsServer, tokens: TokenServer) -> None:
    tokens.expires_in = 0
    ews = ews_backend(exchange.endpoint, tokens.auth())
    assert [look_up(ews) for _ in range(3)] == [Schedule()] * 3
    assert len(tokens.requests) == 3


def test_a_revoked_token_is_renewed_once(exchange: EwsServer, tokens: TokenServer) -> None:
    ews = ews_backend(exchange.endpoint, tokens.auth())
    assert look_up(ews) == Schedule()
    tokens.bearer.tokens.clear()
    assert look_up(ews) == Schedule()
    assert [asked.headers["authorization"] for asked in exchange.requests] == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_a_server_that_rejects_every_token_is_an_authentication_failure(exchange: EwsServer, tokens: TokenServer) -> None:
    exchange.sign_in = Bearer({"other"})
    assert type(look_up(ews_backend(exchange.endpoint, tokens.auth()))) is AuthenticationFailed
    assert len(exchange.requests) == 2


def test_a_wrong_client_secret_is_an_authentication_failure(exchange: EwsServer, tokens: TokenServer) -> None:
    result = look_up(ews_backend(exchange.endpoint, tokens.auth(secret="old")))
    assert type(result) is AuthenticationFailed
    assert "old" not in str(result)
    assert not exchange.requests


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
def test_each_error_of_the_token_server_has_its_failure(
    exchange: EwsServer, tokens: TokenServer, reply: Response, kind: type[LookupFailed]
) -> None:
    tokens.reply = reply
    assert type(look_up(ews_backend(exchange.endpoint, tokens.auth()))) is kind
    assert not exchange.requests


@pytest.mark.parametrize("lifetime", [None, "3600", "soon", 1e9])
def test_a_token_without_a_valid_lifetime_is_used(exchange: EwsServer, tokens: TokenServer, lifetime: object) -> None:
    tokens.expires_in = lifetime
    ews = ews_backend(exchange.endpoint, tokens.auth())
    assert [look_up(ews), look_up(ews)] == [Schedule()] * 2
    assert len(tokens.requests) == 1


def test_a_dripping_token_server_times_out_at_the_deadline(exchange: EwsServer, tokens: TokenServer) -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" "
            await asyncio.sleep(0.05)

    tokens.reply = StreamingResponse(drops(), headers={"Content-Length": "1000"})
    begun = datetime.now(UTC)
    assert type(look_up(ews_backend(exchange.endpoint, tokens.auth()), seconds=0.4)) is TimedOut
    assert datetime.now(UTC) - begun < timedelta(seconds=0.9)


def test_a_silent_token_server_times_out_at_the_deadline(exchange: EwsServer, tokens: TokenServer) -> None:
    tokens.after_s = 2
    ews = ews_backend(exchange.endpoint, tokens.auth())
    begun = datetime.now(UTC)
    with ThreadPoolExecutor(3) as pool:
        assert [type(result) for result in pool.map(lambda _: look_up(ews, seconds=0.4), range(3))] == [TimedOut] * 3
    assert datetime.now(UTC) - begun < timedelta(seconds=1)
