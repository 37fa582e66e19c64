"""A disclaimer next to text that looks like a delimiter: the message keeps its parts, for every parser."""

import base64
import quopri
import re
from email import message_from_bytes, policy
from email.message import Message as PythonMessage
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.content.disclaimer import Disclaimer, Position, add_disclaimer
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message, Part, scan
from mailhooks.mime.text.body import Blocked, find_displayed
from tests.support.tables import check_rows

SAID = "SAID"


def multipart(part: bytes, *, newline: bytes = b"\r\n") -> bytes:
    """Return a message of one part without closing delimiter."""
    return newline.join([b"From: a@example.com", b"Content-Type: multipart/mixed; boundary=B", b"", b"--B", part])


def parts_of(part: Part, raw: bytes, shown: set[int], depth: int = 0) -> list[tuple[object, ...]]:
    """Return the parts by this library: type and path, and the octets if they are not displayed text."""
    content = None if part.start in shown or part.children else raw[part.body : part.end]
    found: list[tuple[object, ...]] = [(depth, part.content_type, part.boundary, part.closed, content)]
    return found + [each for child in part.children for each in parts_of(child, raw, shown, depth + 1)]


def parts_for_python(part: PythonMessage, depth: int = 0) -> list[tuple[object, ...]]:
    content = part.get_payload() if not part.is_multipart() and part.get_content_maintype() != "text" else None
    found: list[tuple[object, ...]] = [(depth, part.get_content_type(), part.get_boundary(), part.preamble, part.epilogue, content)]
    return found + [each for child in (part.get_payload() if part.is_multipart() else []) for each in parts_for_python(child, depth + 1)]


def same_parts(raw: bytes, changed: bytes) -> None:
    before, after = scan(raw), scan(changed)
    shown = [{text.part.start for text in find_displayed(Message(each))} for each in (raw, changed)]
    assert parts_of(before.root, raw, shown[0]) == parts_of(after.root, changed, shown[1])
    assert parts_for_python(message_from_bytes(raw)) == parts_for_python(message_from_bytes(changed))


def quoted(octets: bytes) -> bytes:
    """Return whether the message has no bare CR and no delimiters."""
    lines = (quopri.encodestring(line).replace(b"\r", b"=0D").replace(b"\n", b"\r\n") for line in octets.split(b"\r\n"))
    return b"\r\n".join(lines).replace(b"\r\n--", b"\r\n=2D-")


def text(raw: bytes, subtype: str) -> str:
    body = message_from_bytes(raw, policy=policy.default).get_body((subtype,))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


def test_text_in_html_never_becomes_a_delimiter() -> None:
    def check(encoding: str, line: str, delimiter: str, position: Position) -> None:
        part = f"Content-Type: text/html\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{line.format(delimiter)}"
        raw = multipart(part.encode())
        changed = add_disclaimer(raw, text=SAID, html=SAID, position=position)
        if re.search(r"\n--B.*<", part):
            # For some programs the line is a delimiter already.
            assert changed is raw
            return
        assert changed.count(b"SAID") == 1
        assert text(changed, "html").count("SAID") == 1
        same_parts(raw, changed)

    check_rows(
        product(
            ["7bit", "8bit", "binary", "7-bit", "quoted-printable"],
            ["<p>Hello</p>\r\n{}<!-- unfinished", "<body>{}\r\n<p>Hello</p>", "<p>Hello</p>\r\n{}</body>"],
            ["--B", "--B--", "--B \t", "--B-- "],
            list(Position),
        ),
        check,
    )


def test_text_in_plain_text_never_becomes_a_delimiter() -> None:
    def check(position: str, body: str, said: str, encoding: str) -> None:
        part = f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}".encode("latin-1")
        raw = multipart(part)
        changed = add_disclaimer(raw, text=said, html="", position=position)
        if re.search(rb"[\r\n]--B_", raw):
            assert changed is raw
            return
        assert changed != raw
        same_parts(raw, changed)

    check_rows(
        (
            (position, body, said, encoding)
            for position, (body, said), encoding in product(
                ["prepend", "append"],
                [
                    ("x\r\n--B_DISCLAIMER_\r\ny", "\n\nSAID"),
                    ("x\r\n--_DISCLAIMER_\r\ny", "B"),
                    ("x\r\n-_DISCLAIMER_", "-B"),
                    ("x\r\n_DISCLAIMER_--B--\r\ny", "SAID\n"),
                    ("x\r\n_DISCLAIMER_B\r\ny", "--"),
                    ("\xef\xbb\xbf--B\r\ny", "SAID"),
                    ("x\r--B_DISCLAIMER_\r\ny", "\nSAID"),
                ],
                ["7bit", "quoted-printable"],
            )
        ),
        check,
    )


def test_content_encoded_again_has_no_delimiter() -> None:
    def check(charset: str, encoding: str, decoded: str) -> None:
        octets = decoded.encode(charset)
        body = base64.encodebytes(octets) if encoding == "base64" else quoted(octets)
        raw = multipart(f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body)
        for said in ("SAID", "日本", "x" * 75 + "--B", "x" * 74 + "ü--B--", "--B\n\n--B--"):
            changed = add_disclaimer(raw, text=said, html="")
            assert text(changed, "plain").replace("\r", "\n").startswith(decoded.replace("\r\n", "\n").replace("\r", "\n"))
            assert said in text(changed, "plain")
            same_parts(raw, changed)

    check_rows(
        product(
            ["utf-8", "iso-8859-1"],
            ["base64", "quoted-printable"],
            ["x\r\n--B\r\ny", "x" * 75 + "--B\r\ny", "x" * 75 + "--B--", "ü--B\r--B\r\n" + "x" * 73 + "=--B"],
        ),
        check,
    )


def test_html_stays_as_it_is_if_hyphens_make_no_delimiter():
    raw = multipart(b"Content-Type: text/html\r\n\r\n<!--\r\n--></head><body lang=DE><p>Hello</p>\r\n--B--\r\n")
    changed = add_disclaimer(raw, text=SAID, html=SAID, position="prepend")
    assert b"\r\n--></head><body lang=DE>\r\n<div" in changed
    assert b"quoted-printable" not in changed


_BOUNDARIES = ["B", "BB", "C--", "B c"]
_PIECES = [
    *(f"--{boundary}{tail}" for boundary in _BOUNDARIES for tail in ("", "--", " ", "<!--", "<body>", "</body>", "_DISCLAIMER_")),
    *("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "_DISCLAIMER_", "-", "--", " ", ".", "=", "ü"),
    *("<p>", "</p>", "<body>", "</body>", "<!--", "-->"),
    *("> On Mon, 4 May 2026 at 08:00, Ana <a@example.com> wrote:", "On Mon, 4 May 2026, Ana <a@example.com> wrote:", "x" * 73, "x" * 75),
]  # fmt: skip


@st.composite
def leaf(draw: st.DrawFn) -> bytes:
    subtype = draw(st.sampled_from(["text/plain", "text/html", "text/html", "image/png"]))
    encoding = draw(st.sampled_from(["7bit", "8bit", "binary", "quoted-printable", "base64"]))
    charset = draw(st.sampled_from(["utf-8", "iso-8859-1", "us-ascii"]))
    octets = "".join(draw(st.lists(st.sampled_from(_PIECES), max_size=12))).encode("latin-1" if charset != "utf-8" else charset)
    if encoding == "quoted-printable" and draw(st.booleans()):
        octets = quopri.encodestring(octets)
    elif encoding == "base64":
        octets = base64.encodebytes(octets)
    return f"Content-Type: {subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets


@st.composite
def entity(draw: st.DrawFn, boundaries: tuple[str, ...]) -> bytes:
    """Generate a leaf, or a multipart with one of the boundaries, perhaps without closing delimiter."""
    if not boundaries or draw(st.integers(0, 3)) == 0:
        return draw(leaf())
    kind = draw(st.sampled_from(["mixed", "alternative", "related"]))
    parts = draw(st.lists(entity(boundaries[1:]), min_size=1, max_size=3))
    delimiter = b"--" + boundaries[0].encode()
    closing = draw(st.sampled_from([b"", b"\r\n" + delimiter + b"--", b"\r\n" + delimiter + b"--\r\nepilogue\r\n"]))
    head = f'Content-Type: multipart/{kind}; boundary="{boundaries[0]}"\r\n\r\npreamble\r\n'.encode()
    return head + b"\r\n".join(piece for part in parts for piece in (delimiter, part)) + closing


@pytest.mark.fuzz
@given(
    st.permutations(_BOUNDARIES).flatmap(lambda boundaries: entity(tuple(boundaries[:3]))),
    st.sampled_from(["SAID", "SAID\n", "--B SAID", "SAID --B", "-SAID", "S日", "SAID\r--B--", "SAID" + "x" * 71 + "--B"]),
    st.sampled_from(list(Position)),
)
def test_a_message_keeps_its_parts(body: bytes, said: str, position: Position):
    raw = b"From: a@example.com\r\nMIME-Version: 1.0\r\n" + body
    # Only Python reads a delimiter between bare CRs.
    assume(not re.search(rb"(?:\r--(?:B|BB|C--|B c)(?:--)?[ \t]*(?:[\r\n]|\Z)|\n--(?:B|BB|C--|B c)(?:--)?[ \t]*\r(?!\n))", raw))
    try:
        change = Disclaimer(text=said, html=said, position=position).change(Message(raw))
    except Blocked:
        return
    changed = splice(raw, change.edits)
    same_parts(raw, changed)
    if "SAID" in said:
        texts = [text.octets for text in find_displayed(Message(changed))]
        assert all(b"SAID" in octets for octets in texts)
        leaves = [part for part in message_from_bytes(changed).walk() if not part.is_multipart()]
        assert sum((leaf.get_payload(decode=True) or b"").count(b"SAID") for leaf in leaves) == len(texts)
