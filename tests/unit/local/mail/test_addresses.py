import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.mail import addresses
from local.mail.addresses import is_mailbox, parse


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(addresses).failed == 0


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com",
        "first.last+tag@sub.example.com",
        "two..dots.@example.com",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        '"a b"@example.com',
        '"a\\"b>@c"@example.com',
        "a@[192.0.2.1]",
        "a@[IPv6:2001:db8::1]",
        "a@localhost",
        "a@under_score.example.com",
        "ünal@example.com",
        "用户@例え.example.org",
        "x" * 308 + "@example.com",
    ],
)
def test_an_address_is_taken_as_it_stands(address: str) -> None:
    assert is_mailbox(address)
    found = parse("TO:", f"to: <{address}> SIZE=1 X")
    assert found is not None
    assert (found.address, found.parameters) == (address, {"SIZE": "1", "X": ""})


@pytest.mark.parametrize(
    "address",
    [
        "a",
        "@example.com",
        "a@",
        "a@b@example.com",
        "a b@example.com",
        "a@exam ple.com",
        "a@.example.com",
        "a@example..com",
        "a@example.com.",
        "a\r\n@example.com",
        "a\0@example.com",
        "a\x85@example.com",
        "a@example.com\n",
        "\udcfc@example.com",
        "a,b@example.com",
        "(comment)a@example.com",
        'a"b"@example.com',
        '"unclosed@example.com',
        "a@[192.0.2.1",
        "x" * 309 + "@example.com",
        "ü" * 155 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert not is_mailbox(address)
    assert parse("FROM:", f"FROM:<{address}>") is None


def test_an_encoded_word_in_an_address_is_not_decoded() -> None:
    found = parse("TO:", "TO:<=?utf-8?q?root?=@example.com>")
    assert found is not None
    assert found.address == "=?utf-8?q?root?=@example.com"


@given(st.text(st.sampled_from('ab@.<>"\\ :,[]ü\0=\r\n') | st.characters(), max_size=40))
def test_reading_never_fails_and_gives_an_address_or_nothing(text: str) -> None:
    found = parse("FROM:", f"FROM:{text}")
    assert found is None or is_mailbox(found.address) or found.address.lower() in {"", "postmaster"}
