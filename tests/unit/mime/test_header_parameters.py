import doctest
import time
from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.mime import headers as module
from mailhooks.mime.headers import is_bounded, parse_boundary, parse_parameters, parse_strictly, remove_comments
from mailhooks.mime.message import scan

PIECES = [*"; ;; = \" boundary charset name Boundary a/b text/plain x utf-8 == <x> ' % ( ) , ?= /".split(), " ", "\t", ' "a b"', "\\"]


@pytest.mark.fuzz
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("boundary; boundary=x")
@example('multipart/mixed; boundary="<x>"')
@example("text/plain; charset=utf-8;")
def test_parameters_of_the_usual_form_are_those_of_the_standard_library(value: str):
    message = Message()
    message["Content-Type"] = value
    assert parse_parameters(value.encode()) == dict(reversed([(name.lower(), text) for name, text in message.get_params([])[1:]]))
    assert parse_boundary(value.encode()) == message.get_boundary("").rstrip(" \t").encode()


def test_the_examples_are_correct():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "field, without",
    [
        (b"a; b=c", b"a; b=c"),
        (b"a (x); b=c(y)", b"a ; b=c"),
        (b"(x)(y)a(z)", b"a"),
        (b"(x (y (z)) (w)) a", b" a"),
        (b"((x)) a ((y)", b" a "),
        (b"(x\\)y) a", b" a"),
        (b"(x\\(y) a", b" a"),
        (b'"(x)" a', b'"(x)" a'),
        (b'"\\"(x)" (y)', b'"\\"(x)" '),
        (b'(x " y) a "(z)"', b' a "(z)"'),
        (b'((x) " y) a "(z)"', b' a "(z)"'),
        (b"a)b (x))", b"a)b )"),
        (b'"a (x)', b'"a (x)'),
        (b"a (x", b"a "),
        (b"a (x\\", b"a "),
        (b"a (x (y) z", b"a "),
        (b"(" * 1000 + b"x" + b")" * 1000 + b"a", b"a"),
        (b"", b""),
    ],
)
def test_nested_comments_are_removed_outside_of_quotes(field: bytes, without: bytes):
    assert remove_comments(field) == without


def simply_without_comments(value: bytes) -> bytes:
    """Remove comments by their definition, octet by octet."""
    kept, depth, position, quoted = bytearray(), 0, 0, False
    while position < len(value):
        octets = value[position : position + 1]
        pair = octets == b"\\" and (depth or quoted)
        octets = value[position : position + 2] if pair else octets
        if not pair and not quoted and octets == b"(":
            depth += 1
        elif not pair and depth and octets == b")":
            depth -= 1
        elif not depth:
            quoted ^= octets == b'"'
            kept += octets
        position += len(octets)
    return bytes(kept)


@pytest.mark.fuzz
@given(st.lists(st.sampled_from([b"(", b")", b"\\", b'"', b"a", b";", b"((", b"(a)", b"\n"]), max_size=30).map(b"".join))
def test_comments_match_a_simple_parser(value: bytes):
    assert remove_comments(value) == simply_without_comments(value)


@pytest.mark.parametrize(
    "pattern", [b"(", b"()", b"(()", b"(())", b"(\\", b'"("(', b"((a)(", b")", b'(")', b";name=(", b"=", b";", b"; ", b"\\"]
)
def test_hostile_fields_take_linear_time(pattern: bytes):
    value = b"attachment; filename=" + pattern * (200_000 // len(pattern))
    started = time.perf_counter()
    remove_comments(value)
    sum(1 for _ in parse_strictly(value))
    assert time.perf_counter() - started < 20  # a quadratic search would need minutes


@pytest.mark.parametrize(
    "field, written",
    [
        (b"a; B=c", [(b"b", b"c")]),
        (b'a; b="c; d=e" f; g=h i', [(b"b", b"c; d=e"), (b"g", b"h")]),
        (b'a; b="c\\"d\\\\e"', [(b"b", b'c"d\\e')]),
        (b"a; b = c(d)", [(b"b", b"c")]),
        (b"a; b=c\\d", [(b"b", b"c\\d")]),
        (b"b=c; d=e", [(b"b", b"c"), (b"d", b"e")]),
        (b'a; b="c', [(b"b", b"c")]),
        (b"a; b=; c", [(b"b", b"")]),
    ],
)
def test_a_strict_value_is_a_token_or_a_quoted_string(field: bytes, written: list[tuple[bytes, bytes]]):
    assert list(parse_strictly(field)) == written


@pytest.mark.parametrize("odd", [b"name*=utf-8''a; name*0=b", b"name*0*=utf-8''a; name*=c", b"name*" + b"9" * 5000 + b"=x"])
def test_an_unreadable_parameter_hides_no_other(odd: bytes):
    field = b"multipart/mixed; boundary=b; boundary=c; " + odd
    assert parse_boundary(field) == b"b"
    assert parse_parameters(field)["boundary"] == "b"
    assert len(scan(b"Content-Type: " + field + b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n").root.children) == 1


def test_a_boundary_has_the_octets_of_the_delimiters():
    assert parse_boundary(b'multipart/mixed; boundary="\xe4 b "') == b"\xe4 b"
    assert parse_boundary(b"multipart/mixed") == b""
    assert parse_boundary(b"multipart/mixed; boundary*=%00utf-8''x") == b""


def test_long_fields_are_not_parsed_as_a_whole():
    assert is_bounded(b"a; b=c" * 10)
    assert not is_bounded(b"a" * 9000)
    assert not is_bounded(b";" * 60)
    assert parse_parameters(b"a" + b"; b=c" * 60) == {}
    assert parse_parameters(b"a; b=c; d=" + b"e" * 9000)["b"] == "c"


@pytest.mark.fuzz
@given(st.binary(max_size=200))
def test_any_octets_can_be_parsed(value: bytes):
    parse_parameters(value)
    parse_boundary(value)
    remove_comments(value)
    list(parse_strictly(value))


@pytest.mark.parametrize("name", ["unicode_escape", "raw_unicode_escape", "idna", "punycode", "rot13", "base64", "undefined", "x-none"])
def test_an_extended_parameter_without_charset_is_read_as_latin_1(name: str):
    assert parse_parameters(f"attachment; filename*={name}''%5Cud800%E4.exe".encode())["filename"] == "\\ud800ä.exe"


@pytest.mark.parametrize("octets", ["%2B2AA-", "%ED%A0%80", "+2AA-"])
@pytest.mark.parametrize("name", ["utf-7", "UTF-7", "utf-8", "utf-16-le", "unicode_escape"])
def test_no_parameter_has_a_lone_surrogate(name: str, octets: str):
    for field in (f"a; n*={name}''{octets}.exe", f"a; n*0*={name}''{octets}; n*1=.exe", f'a; n="=?{name}?q?{octets}?="'):
        assert parse_parameters(field.encode())["n"].encode("utf-8")


@pytest.mark.parametrize(
    "parameter, name",
    [
        ("filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("filename*=''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("filename*=us-ascii''Gr%FC%DFe.txt", "Grüße.txt"),
        ("filename*=x-unknown''Gr%FC%DFe.txt", "Grüße.txt"),
        ("filename*=x-sjis''%93%FA%96%7B.txt", "日本.txt"),
        ("filename*0*=iso-8859-1''%93Gr; filename*1*=%FC%DFe%94.txt", "“Grüße”.txt"),
    ],
)
def test_an_extended_parameter_is_read_in_the_charset_of_mail_programs(parameter: str, name: str):
    assert parse_parameters(f"attachment; {parameter}".encode())["filename"] == name
