import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.address_patterns import canonical
from mailhooks.relay import addresses
from mailhooks.relay.addresses import is_mailbox
from workmail_local.mail.addresses import domain_of


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
def test_accepts_an_address(address: str) -> None:
    assert is_mailbox(address)


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
def test_rejects_text_that_is_not_an_address(address: str) -> None:
    assert not is_mailbox(address)


@given(st.text(st.sampled_from('ab@.<>"\\ :,[]ü\0=\r\n') | st.characters(), max_size=40))
def test_an_address_has_a_domain_and_stays_on_one_line(text: str) -> None:
    if is_mailbox(text):
        assert len(text.splitlines()) == 1
        assert domain_of(text) == domain_of(canonical(text)) != ""
