"""How long a token is used."""

import pytest

from mailhooks.availability.backends.ews.oauth import Token, Tokens
from mailhooks.availability.errors import GenerationFailed
from mailhooks.deadline import Deadline


class Source:
    """Gives out `1`, `2`, ...; the time is what a test says."""

    def __init__(self, lifetime_s: float) -> None:
        self.now = 1000.0
        self.given = 0
        self.lifetime_s = lifetime_s
        self.tokens = Tokens(self._fetch, lambda: self.now)

    def _fetch(self, deadline: Deadline) -> Token:
        self.given += 1
        return Token(str(self.given), self.lifetime_s)

    def after(self, seconds: float, refused: str | None = None) -> str:
        self.now += seconds
        return self.tokens.get(Deadline.after(1), refused=refused)


def test_a_token_of_fifteen_minutes_is_used_for_fourteen() -> None:
    source = Source(900)
    assert [source.after(seconds) for seconds in (0, 839, 1)] == ["1", "1", "2"]


def test_a_token_of_a_minute_is_used_for_half_of_it() -> None:
    source = Source(60)
    assert [source.after(seconds) for seconds in (0, 29, 1)] == ["1", "1", "2"]


def test_a_token_that_has_ended_when_it_comes_is_used_once() -> None:
    source = Source(-5)
    assert [source.after(0) for _ in range(3)] == ["1", "2", "3"]


def test_only_the_token_that_was_refused_is_given_up() -> None:
    source = Source(900)
    source.after(0)
    assert source.after(0, refused="1") == "2"
    assert source.after(0, refused="1") == "2"
    assert source.after(0) == "2"


@pytest.mark.parametrize(
    "lifetime, seconds",
    [(900, 900), ("3600", 3600), (None, 300), ("soon", 300), ([], 300), (float("nan"), 300), (float("inf"), 300), (10**400, 300), (-1, -1)],
)
def test_a_lifetime_that_is_none_is_short(lifetime: object, seconds: float) -> None:
    assert Token.of("t", lifetime).lifetime_s == seconds


@pytest.mark.parametrize("value", ["", "two\r\nlines", "a b", "ä", 7, None])
def test_a_token_is_fit_for_a_header(value: object) -> None:
    with pytest.raises(GenerationFailed):
        Token.of(value, 900)
