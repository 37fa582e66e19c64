"""How long a token is used, and when a new one is fetched."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailhooks.availability.backends.http.bearer_tokens import Token, TokenCache
from mailhooks.availability.backends.http.client import HttpResponse
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy
from mailhooks.deadline import Deadline


class Source:
    """Issues the tokens `1`, `2`, ...; the test sets the time and failures."""

    def __init__(self, lifetime_s: float) -> None:
        self.now = 1000.0
        self.issued = 0
        self.lifetime_s = lifetime_s
        self.delay_s = 0.0
        self.failure: LookupFailed | None = None
        self.tokens = TokenCache(self._fetch, lambda: self.now)

    def _fetch(self, deadline: Deadline) -> Token:
        if self.failure:
            raise self.failure
        time.sleep(self.delay_s)
        self.issued += 1
        return Token(str(self.issued), self.lifetime_s)

    def after(self, seconds: float, rejected: str | None = None) -> str:
        self.now += seconds
        return self.tokens.get(Deadline.after(1), rejected=rejected)


def test_a_token_of_fifteen_minutes_is_used_for_fourteen() -> None:
    source = Source(900)
    assert [source.after(seconds) for seconds in (0, 839, 1)] == ["1", "1", "2"]


def test_a_token_of_a_minute_is_used_for_half_of_it() -> None:
    source = Source(60)
    assert [source.after(seconds) for seconds in (0, 29, 1)] == ["1", "1", "2"]


def test_a_token_that_has_already_expired_is_used_once() -> None:
    source = Source(-5)
    assert [source.after(0) for _ in range(3)] == ["1", "2", "3"]


def test_only_the_rejected_token_is_discarded() -> None:
    source = Source(900)
    source.after(0)
    assert source.after(0, rejected="1") == "2"
    assert source.after(0, rejected="1") == "2"
    assert source.after(0) == "2"


def test_a_token_is_used_until_it_expires_if_the_token_server_is_busy() -> None:
    source = Source(900)
    source.after(0)
    source.failure = ServerBusy("x")
    assert [source.after(seconds) for seconds in (840, 59)] == ["1", "1"]
    with pytest.raises(ServerBusy):
        source.after(1)
    source.failure = None
    assert source.after(0) == "2"


def test_threads_share_one_token_and_renew_it_once() -> None:
    source = Source(900)
    source.delay_s = 0.05
    start = threading.Barrier(4)

    def get(rejected: str | None) -> str:
        start.wait()
        return source.tokens.get(Deadline.after(5), rejected=rejected)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(get, [None] * 4)) == ["1"] * 4
        assert list(pool.map(get, ["1"] * 4)) == ["2"] * 4


def test_a_token_is_not_used_after_a_permanent_failure_to_renew_it() -> None:
    source = Source(900)
    source.after(0)
    source.failure = AuthenticationFailed("x")
    with pytest.raises(AuthenticationFailed):
        source.after(840)


def test_a_rejected_token_is_not_used_if_the_token_server_is_busy() -> None:
    source = Source(900)
    source.after(0)
    source.failure = ServerBusy("x")
    with pytest.raises(ServerBusy):
        source.after(0, rejected="1")


@pytest.mark.parametrize("statuses, tokens", [([200], ["1"]), ([403], ["1"]), ([401, 200], ["1", "2"]), ([401, 401], ["1", "2"])])
def test_a_request_is_sent_again_once_after_http_401(statuses: list[int], tokens: list[str]) -> None:
    responses = [HttpResponse(status, {}, b"") for status in statuses]
    sent: list[str] = []

    def send(authorization: str) -> HttpResponse:
        sent.append(authorization)
        return responses[len(sent) - 1]

    assert Source(900).tokens.authorize(send, Deadline.after(1)) is responses[-1]
    assert sent == [f"Bearer {token}" for token in tokens]


@pytest.mark.parametrize(
    "lifetime, seconds",
    [(900, 900), ("3600", 3600), (None, 300), ("soon", 300), ([], 300), (float("nan"), 300), (float("inf"), 300), (10**400, 300), (-1, -1)],
)
def test_an_unusable_lifetime_counts_as_five_minutes(lifetime: object, seconds: float) -> None:
    assert Token.of("t", lifetime).lifetime_s == seconds


@pytest.mark.parametrize("value", ["", "two\r\nlines", "a b", "ä", 7, None])
def test_a_token_that_a_header_cannot_carry_is_rejected(value: object) -> None:
    with pytest.raises(GenerationFailed):
        Token.of(value, 900)
