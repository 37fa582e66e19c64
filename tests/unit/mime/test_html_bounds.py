"""Bounds for hostile HTML, counted in tokens and not in seconds."""

from collections.abc import Iterator
from typing import Any

import pytest

from mailhooks.mime import html
from mailhooks.mime.html import Kind, find_start, find_token, tokenize


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the tokens that are read."""
    read: list[Any] = []

    def counting(text: str) -> Iterator[html.Token]:
        for token in tokenize(text):
            read.append(token)
            yield token

    monkeypatch.setattr(html, "tokenize", counting)
    return read


@pytest.mark.parametrize("tag", ["<link>", "</p>", "<!>", "<meta a=b>", "<!--x-->"])
def test_many_tags_before_the_body_do_not_prevent_a_banner(tag: str, counted: list[Any]) -> None:
    text = tag * 50_000 + "<body>Hello"
    at = find_start(text)
    assert 0 <= at < len(text) - len("<body>Hello")
    assert len(counted) == 10_000


def test_the_body_of_a_newsletter_with_a_long_head_is_found() -> None:
    text = "<html><head>" + "<meta name=x><link rel=y><!-- comment -->" * 500 + "</head><body>Hello"
    assert text[find_start(text) :] == "Hello"


def test_the_search_for_a_token_is_bounded(counted: list[Any]) -> None:
    near = "<b>" * 100_000 + "_DISCLAIMER_"
    assert find_token(near, "_DISCLAIMER_") == (300_000, 300_012)
    counted.clear()
    assert find_token("<b>" * 400_000 + "_DISCLAIMER_", "_DISCLAIMER_") is None
    assert len(counted) == 300_000


@pytest.mark.parametrize("space", [" ", "/", "\n", " / "])
def test_white_space_after_attributes_is_read_in_one_step(space: str) -> None:
    [token, *_] = tokenize(f"<a b=c d{space * 5000}>")
    assert token.attrs == {"b": "c", "d": ""}
    steps = sum(1 for _ in html._ONE_ATTRIBUTE.finditer(token.html, 2, token.end - 1))
    assert steps <= 3


def test_an_end_tag_of_plaintext_is_a_normal_tag() -> None:
    assert [token.kind for token in tokenize("</plaintext>Hello")] == [Kind.END, Kind.TEXT]
    assert [token.kind for token in tokenize("<plaintext>Hello")] == [Kind.UNFINISHED]
