"""Messages as the data of SMTP: what a strict server reads is what was sent, and no lenient server reads two messages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.relay.smtp_data import BLOCK_OCTETS, add_dots, has_false_end, is_ascii

PIECES = st.lists(st.text(alphabet="\r\n.ab\0", max_size=12).map(str.encode), max_size=6)


def receive(data: bytes) -> tuple[bytes, bytes]:
    """Return a message and what follows it, as a server reads them that knows CRLF only (RFC 5321 section 4.5.2)."""
    lines, rest = [], data
    while True:
        line, end, rest = rest.partition(b"\r\n")
        assert end, "the data does not end"
        if line == b".":
            return b"\r\n".join([*lines, b""]), rest
        lines.append(line.removeprefix(b"."))


def ends_with_line_end(content: bytes) -> bytes:
    """Return what SMTP can carry: the end of the data is a line of its own."""
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


@given(PIECES)
def test_a_server_gets_each_octet(pieces: list[bytes]) -> None:
    content, rest = receive(b"".join(add_dots(pieces)))

    assert content == ends_with_line_end(b"".join(pieces))
    assert rest == b""


@given(PIECES)
def test_the_pieces_make_no_difference(pieces: list[bytes]) -> None:
    whole = [b"".join(pieces)]

    assert b"".join(add_dots(pieces)) == b"".join(add_dots(whole))
    assert has_false_end(pieces) == has_false_end(whole)


LENIENT = re.compile(rb"(?:\r\n|\r|\n)\.(?:\r\n|\r|\n)")


@given(PIECES)
def test_what_is_sent_has_no_other_end_for_a_lenient_server(pieces: list[bytes]) -> None:
    data = b"\r\n" + b"".join(add_dots(pieces))

    for read in (data, data.replace(b"\0", b"")):
        earlier = LENIENT.search(read, 0, len(read) - 1)
        assert has_false_end(pieces) or not earlier or earlier.end() >= len(read) - 2


@pytest.mark.parametrize(
    "content",
    [
        b"a\n.\r\nb",
        b"a\r.\r\nb",
        b"a\n.\nb",
        b"a\r\n.\nb",
        b"a\r\n.\rb",
        b"a\r.\rb",
        b"a\r.\r\n",
        b"a\n.",
        b"a\r\n.\r",
        b"\n.\n",
        b".\nb",
        b"a\r\n\0.\r\nb",
        b"\0\0.",
        b"a\n.\0\0\nb",
        b"a\r\0\0.\0\0\0\rb",
    ],
)
def test_a_lone_dot_next_to_a_bare_line_end_or_nul_is_found(content: bytes) -> None:
    assert has_false_end([content])
    assert has_false_end([content[at : at + 1] for at in range(len(content))])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"a\r\n.",
        b"a\r\n.\r\nb",
        b"\r\n.\r\n.\r\n",
        b"a\nb\rc\0\r\n",
        b"a\n.b\r\n",
        b"a.\nb\r\n",
        b"a\n..\nb",
        b"a\n. \nb",
        b"a\0.\0\r\nb",
        b"\0.\0a\n",
    ],
)
def test_other_dots_and_bare_line_ends_pass(content: bytes) -> None:
    assert not has_false_end([content])


@pytest.mark.parametrize("before", range(4))
def test_a_dot_at_the_border_of_two_blocks_is_doubled(before: int) -> None:
    content = b"a" * (BLOCK_OCTETS - before) + b"\r\n.\r\n" + b"b" * 9

    assert receive(b"".join(add_dots([content])))[0] == content + b"\r\n"


def test_content_beyond_ascii_is_found_in_any_piece() -> None:
    assert is_ascii([b"a" * 200_000, memoryview(b"b\0")])
    assert not is_ascii([b"a" * 200_000 + b"\xff"])
    assert not is_ascii([b"a", memoryview("ä".encode())])
