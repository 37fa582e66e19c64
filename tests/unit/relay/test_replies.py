"""Replies with a rule's bounce text."""

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.actions import COMMON_BOUNCE_TEXT
from mailhooks.relay import replies
from mailhooks.relay.replies import bounce_reply


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(replies).failed == 0


@pytest.mark.parametrize(
    "text, reply",
    [
        ("No such user.", "550 5.7.1 No such user."),
        ("5.1.1 No such user.", "550 5.1.1 No such user."),
        ("550 5.1.1 No such user.", "550 5.1.1 No such user."),
        ("554 Not now.", "550 5.7.1 Not now."),
        ("4.2.2 is the version", "550 5.7.1 4.2.2 is the version"),
        ("", f"550 5.7.1 {COMMON_BOUNCE_TEXT}"),
        (" \r\n ", f"550 5.7.1 {COMMON_BOUNCE_TEXT}"),
        ("5.1.1 ", f"550 5.1.1 {COMMON_BOUNCE_TEXT}"),
        ("One.\n\nTwo.\r\nThree.", "550-5.7.1 One.\r\n550-5.7.1 Two.\r\n550 5.7.1 Three."),
        ("Überweisung an „Bo“", '550 5.7.1 Uberweisung an "Bo"'),
        ("機密", "550 5.7.1 ?"),
        ("a\x00b\x1bc\td", "550 5.7.1 a?b?c?d"),
        ("a\u2028550 ok", "550-5.7.1 a\r\n550 5.7.1 550 ok"),
    ],
)
def test_a_reply_has_the_text_of_the_rule(text: str, reply: str) -> None:
    assert str(bounce_reply(text)) == reply


@given(st.text() | st.text(st.sampled_from("5.71 \r\nä-\x00漢\ud800")))
def test_each_line_of_a_reply_is_one_that_smtp_can_transfer(text: str) -> None:
    *lines, last = str(bounce_reply(text)).split("\r\n")
    assert all(re.fullmatch(r"550-5\.\d{1,3}\.\d{1,3} [ -~]+", line) for line in lines)
    assert re.fullmatch(r"550 5\.\d{1,3}\.\d{1,3} [ -~]+", last)


def test_a_long_text_is_cut_into_lines_and_then_cut_off() -> None:
    lines = str(bounce_reply("word " * 5000)).split("\r\n")
    assert len(lines) == 20
    assert max(map(len, lines)) <= 510
    assert lines[-1] == "550 5.7.1 [...]"
