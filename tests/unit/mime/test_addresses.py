import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime import addresses
from mailhooks.mime.addresses import find_addresses, find_envelope_addresses, parse_addresses, parse_display_name
from mailhooks.mime.message import Message


def test_the_examples_are_correct():
    assert doctest.testmod(addresses).failed == 0


@pytest.mark.parametrize(
    "value, expected",
    [
        ("Ana <ana@example.com>, bo@example.com (at work)", ["ana@example.com", "bo@example.com"]),
        ("Friends: a@example.com, <b@example.com>;, c@example.com", ["a@example.com", "b@example.com", "c@example.com"]),
        ("<@relay.example,@x.example:ana@example.com>", ["ana@example.com"]),
        ('"never closed <ana@example.com>', ["ana@example.com"]),
        ("( never closed <ana@example.com>", ["ana@example.com"]),
        ('"ana b"@example.com, "ana"@example.com.', ["ana_b@example.com", "ana@example.com"]),
        ("Ana <ana@example . com>", ["ana@example", "ana@example.com"]),
        (
            "Ana <ana@[IPv6:2001:db8::1]>, bo@[IPv6:2001:db8::2], c@[192.0.2.1]",
            ["ana@[IPv6:2001:db8::1]", "bo@[IPv6:2001:db8::2]", "c@[192.0.2.1]"],
        ),
        ("Team [Sales]: Ana @[x y: <ana@example.com>", ["ana@example.com"]),
        ("undisclosed-recipients:;", []),
        ("(" * 10_000 + "<" * 10_000, []),
    ],
)
def test_addresses_are_found_in_every_form(value: str, expected: list[str]):
    assert parse_addresses(value) == expected


@pytest.mark.parametrize(
    "value, name",
    [("Ana <a@example.com>", "Ana"), (r'"A \"B\"" C <a@example.com>', 'A "B" C'), ("a@example.com", ""), ('"open <a@example.com>', "")],
)
def test_a_display_name_comes_before_the_bracket(value: str, name: str):
    assert parse_display_name(value) == name


def test_each_address_of_the_fields_is_returned_once():
    message = Message(b"To: Ana <ana@example.com>\r\nCc: ANA@example.com, bo@example.com\r\nTo: c@example.com\r\n\r\n")
    assert find_addresses(message, "to", "cc") == ["ana@example.com", "bo@example.com", "c@example.com"]
    assert find_addresses(message, "from") == []


def test_an_address_of_an_envelope_has_no_white_space_around_dots():
    to = b"Mary <@relay.example:mary@example.net>, , jdoe@test   . example, a . b@example.com."
    message = Message(b"To: " + to + b"\r\nCc: JDOE@test.example\r\n\r\n")
    assert find_envelope_addresses(message, "to", "cc") == ["mary@example.net", "jdoe@test.example", "a.b@example.com"]


@pytest.mark.parametrize(
    "value, expected",
    [
        ("Verkauf <verkäufer@bücher-shop.example>".encode(), "verkäufer@bücher-shop.example"),
        ("Verkauf <verkäufer@bücher-shop.example>".encode("latin-1"), "verkäufer@bücher-shop.example"),
        ("нора@пример.example".encode(), "нора@пример.example"),
        ("<用户@例子.example>".encode(), "用户@例子.example"),
        (b"J\xf6rg <" + "jörg@bücher.example".encode() + b">", "jörg@bücher.example"),
        ("Jörg (größte Freude) <jörg@example.net>".encode("cp1252"), "jörg@example.net"),
        ('"Jörg, Dr." <jörg@example.net>'.encode(), "jörg@example.net"),
        ("=?utf-8?q?J=C3=B6rg?= <jörg@example.net>".encode(), "jörg@example.net"),
        ('"jörg x"@example.net'.encode("latin-1"), "jörg_x@example.net"),
    ],
)
def test_addresses_beyond_ascii_have_no_replacement_characters(value: bytes, expected: str):
    message = Message(b"From: " + value + b"\r\n\r\n")
    assert find_addresses(message, "from") == [expected]
    assert find_envelope_addresses(message, "from") == [expected]


@pytest.mark.fuzz
@given(st.text(alphabet='ab@.,;:<>()" \\', max_size=60))
def test_any_text_can_be_parsed(value: str):
    assert all("@" in address for address in parse_addresses(value))
    parse_display_name(value)
