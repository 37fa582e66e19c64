"""No line of an encoded body begins like a delimiter, and no insertion makes one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime import transfer_encoding
from mailhooks.mime.edits import splice

_PIECES = [b"--b", b"--b--", b"-", b"=", b"\r\n", b"\n", b"\r", b" ", b"x" * 73, b"x" * 74, b"\xc3\xbc" * 12, b"."]
_OCTETS = st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join)


@pytest.mark.fuzz
@given(_OCTETS, st.sampled_from(["quoted-printable", "base64"]))
def test_encoded_lines_are_short_and_no_delimiters(octets: bytes, encoding: str):
    encoded = transfer_encoding.encode(octets, encoding, b"\r\n")
    assert transfer_encoding.decode(encoded, encoding).replace(b"\r\n", b"\n") == octets.replace(b"\r\n", b"\n")
    lines = encoded.split(b"\n")
    assert max(map(len, lines)) <= 77
    assert not any(line.startswith(b"--") for line in lines)


def test_thousands_of_bare_crs_are_wrapped():
    encoded = transfer_encoding.encode(b"a line\r" * 10_000, "quoted-printable", b"\r\n")
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert transfer_encoding.decode(encoded, "quoted-printable") == b"a line\r" * 10_000


@pytest.mark.parametrize("at", [0, 10, 74])
def test_an_insertion_makes_no_quoted_printable_line_too_long(at: int):
    body = b"x" * 73 + b"=20\r\nnext"  # the maximal line: no soft break fits
    edit = transfer_encoding.insert(body, 0, len(body), "quoted-printable", at, b"y" * 76, b"\r\n")
    changed = splice(body, [edit])
    assert max(map(len, changed.split(b"\r\n"))) <= 76
    decoded = transfer_encoding.decode(body, "quoted-printable")
    assert transfer_encoding.decode(changed, "quoted-printable") == decoded[:at] + b"y" * 76 + decoded[at:]


@pytest.mark.parametrize(
    "old, new, makes",
    [
        (b"--b<!--", b"--b\r\n<p>\r\n<!--", True),
        (b"--b--<!--", b"--b--\n<!--", True),
        (b"--b \t<!--", b"--b \t\r\n<!--", True),
        (b"--b<!--", b"--b\r<!--", True),
        (b"--c<!--", b"--c\r\n<p>", False),
        (b"--b<!--", b"--b<!--\r\n<p>", False),
        (b"--bc<!--", b"--bc\r\n<!--", True),
        (b"--<!--", b"--\r\n<!--", False),
        (b"----<!--", b"----\r\n<!--", False),
        (b"x", b"x\r\n-- b", False),
    ],
)
def test_a_line_is_a_delimiter_if_the_same_comes_before(old: bytes, new: bytes, makes: bool):
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\nx --c\r\n--b \r\n\r\n"
    assert transfer_encoding.makes_delimiter(head + old, len(head), old, new) is makes


@pytest.mark.fuzz
@given(_OCTETS, _OCTETS, st.data())
def test_no_insertion_into_quoted_printable_makes_a_delimiter(decoded: bytes, new: bytes, data: st.DataObject):
    body = transfer_encoding.encode(decoded, "quoted-printable", b"\r\n").replace(b"=2D", b"-")  # as other programs encode it
    head = b"--b\r\n\r\n"
    at = data.draw(st.integers(0, len(transfer_encoding.decode(body, "quoted-printable"))))
    raw = head + body
    changed = splice(raw, [transfer_encoding.insert(raw, len(head), len(raw), "quoted-printable", at, new, b"\r\n")])[len(head) :]
    delimiters = {b"--b", b"--b--"}
    assert {line.rstrip() for line in changed.splitlines()} & delimiters <= {line.rstrip() for line in body.splitlines()} & delimiters
