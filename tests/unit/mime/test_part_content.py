import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime import part_content
from mailhooks.mime.displayed_text import read_text
from mailhooks.mime.message import Part, scan


def message(encoding: str, body: bytes) -> tuple[bytes, Part]:
    raw = f"Content-Type: application/x\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    return raw, scan(raw).root


def in_base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def in_uuencode(octets: bytes) -> bytes:
    lines = [binascii.b2a_uu(octets[at : at + 45]) for at in range(0, len(octets), 45)]
    return b"begin 644 a.bin\r\n" + b"".join(line.replace(b"\n", b"\r\n") for line in lines) + b"`\r\nend\r\n"


def in_quoted_printable(octets: bytes) -> bytes:
    return quopri.encodestring(octets.replace(b"\n", b"\r\n"))


def tail(raw: bytes, part: Part, limit: int) -> bytes:
    return next(part_content.read(raw, part)).ending(limit)


ENCODERS = {"base64": in_base64, "quoted-printable": quopri.encodestring, "binary": bytes, "x-uuencode": in_uuencode, "x-unknown": bytes}


@pytest.mark.fuzz
@pytest.mark.parametrize("encoding", ENCODERS)
@given(octets=st.binary(max_size=3000), limit=st.integers(1, 4000))
def test_prefix_and_tail_are_the_ends_of_the_content(encoding: str, octets: bytes, limit: int):
    if encoding == "quoted-printable":
        octets = octets.replace(b"\r", b"x").replace(b"\n", b"y")
    raw, part = message(encoding, ENCODERS[encoding](octets))
    assert part_content.prefix(raw, part, limit) == octets[:limit]
    assert tail(raw, part, limit) == octets[-limit:]


@pytest.mark.fuzz
@given(octets=st.binary(min_size=200, max_size=3000), width=st.integers(20, 200))
def test_a_tail_begins_at_a_group_of_base64(octets: bytes, width: int):
    letters = base64.b64encode(octets)
    raw, part = message("base64", b"\r\n".join(letters[at : at + width] for at in range(0, len(letters), width)))
    assert tail(raw, part, 50) == octets[-50:]


@pytest.mark.fuzz
@given(octets=st.binary(max_size=3000))
def test_the_size_is_exact_without_decoding(octets: bytes):
    assert part_content.size(*message("base64", in_base64(octets))) == len(octets)
    assert part_content.size(*message("binary", octets)) == len(octets)
    quoted = octets.replace(b"\r", b"x").replace(b"\n", b"y")
    assert part_content.size(*message("quoted-printable", quopri.encodestring(quoted))) == len(quoted)


def test_the_size_of_uuencoded_content_is_an_estimate():
    octets = bytes(range(256)) * 40
    assert part_content.size(*message("x-uuencode", in_uuencode(octets))) == pytest.approx(len(octets), rel=0.05)


@pytest.mark.parametrize("junk", [b" ", b"\r\n", b"-", b"\xff"])
def test_a_program_is_found_after_a_megabyte_of_ignored_octets(junk: bytes):
    body = junk * 1_000_000 + b"T" + junk * 1_000_000 + b"VqQAAMAAAA"
    raw, part = message("base64", body)
    assert part_content.prefix(raw, part, 4).startswith(b"MZ\x90\0")


@pytest.mark.parametrize("body", [b"TVqQ=AAA", b"TVqQAAMA=", b"TVqQAAMAA", b"TVqQ\r\nAA==\r\nTVqQ", b"TVqQAAMA" + b"!" * 99])
def test_damaged_base64_has_a_prefix(body: bytes):
    raw, part = message("base64", body)
    assert part_content.prefix(raw, part, 3) == b"MZ\x90"


def test_padding_within_the_last_line_of_a_text_ends_a_group():
    assert read_text(*message("base64", b"Hi you\r\nQUJDRA=QUJ\r\n")) == "Hi you\r\nQUJDRA=QUJ"


def test_soft_line_breaks_do_not_hide_a_prefix():
    raw, part = message("quoted-printable", b"M" + b"=\r\n" * 100_000 + b"Z=00")
    assert part_content.prefix(raw, part, 10) == b"MZ\0"


@pytest.mark.fuzz
@given(
    encoding=st.sampled_from([*ENCODERS, "7-bit", ""]),
    body=st.one_of(
        st.binary(max_size=300), st.lists(st.sampled_from([b"=", b"AAAA", b"\r\n", b"begin 6 x\n", b"!"]), max_size=40).map(b"".join)
    ),
    limit=st.integers(1, 50),
)
def test_any_body_has_a_size_a_prefix_and_a_tail(encoding: str, body: bytes, limit: int):
    raw, part = message(encoding, body)
    assert part_content.size(raw, part) >= 0 or encoding == "base64"
    assert len(part_content.prefix(raw, part, limit)) <= limit
    assert len(tail(raw, part, limit)) <= limit
