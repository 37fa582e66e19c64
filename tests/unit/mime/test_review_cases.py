"""Messages of a review: an earlier version handled each of them wrongly."""

import pytest

from mailhooks.content.attachments import AttachmentRules, strip
from mailhooks.content.disclaimer import add_disclaimer, explain
from mailhooks.hooks.preflight import Code, rejections
from mailhooks.mime import charset, transfer_encoding
from mailhooks.mime.edits import CannotEdit
from mailhooks.mime.message import scan
from mailhooks.mime.quotes.reply import find_text_quote
from tests.unit.hooks.test_preflight import GOOD

H = b"From: a@example.com\nSubject: s\nMIME-Version: 1.0\n"


def test_lines_that_look_like_delimiters_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    class Counted(bytes):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return bytes.__eq__(self, other)

        __hash__ = bytes.__hash__

    class Lines:
        def split(self, octets: bytes) -> list[bytes]:
            return [Counted(line) for line in octets.split(b"\r")]

    monkeypatch.setattr(transfer_encoding, "_ANY_LINE_END", Lines())
    old = b"\r".join(b"--a%d" % number for number in range(3000))
    assert not transfer_encoding.makes_delimiter(b"x\r\n\r\n" + old, 5, old, old + b"\rDISC")
    assert compared < 50_000


@pytest.mark.parametrize("field", [b'text/plain; name="' + b"a" * 955 + b'"', b"text/plain; " + b"x" * 950 + b"=1; charset=x-no"])
def test_a_new_charset_makes_no_header_line_too_long(field: bytes) -> None:
    raw = H + b"Content-Type: " + field + b"\n\nhi\n"
    changed = add_disclaimer(raw, text="Grüße", html="")
    assert max(map(len, changed.split(b"\n"))) <= 998
    assert scan(changed).root.charset == "utf-8" or (scan(changed).root.charset == "x-no" and changed.endswith(b"\nGrusse\n"))


def test_an_image_disclaimer_is_only_added_to_html() -> None:
    image = '<img src="https://www.example.com/y.png">'
    assert image.encode() in add_disclaimer(H + b"Content-Type: text/html\n\n<p>hi</p>\n", text="", html=image)
    plain = H + b"\nhi\n"
    assert add_disclaimer(plain, text="", html=image) is plain
    assert "image" in explain(plain, text="", html=image)


@pytest.mark.parametrize("dash", "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
def test_a_separator_may_have_any_dashes(dash: str) -> None:
    lines = [
        "Thanks.",
        "",
        f"{dash * 7} Original Message {dash * 7}",
        "",
        "On Thursday, January 2, 2020 10:11 AM, Bob <b@example.com> wrote:",
        "",
        "> Hi",
    ]
    assert find_text_quote(lines) == 2


@pytest.mark.parametrize(
    "raw",
    [
        H + b"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 7-bit\n\n--b\n\nhi\n--b--\n",
        H + b"Content-Type: text\n\nhi\n",
        H + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: message/rfc822\n"
        b"Content-Transfer-Encoding: base64\n\n"
        b"RnJvbTogYQoKaGkK\n--b--\n",
    ],
)
def test_a_defect_that_all_read_alike_does_not_prevent_a_disclaimer(raw: bytes) -> None:
    assert b"DISC" in add_disclaimer(raw, text="DISC", html="")


RULES = AttachmentRules.checked(extensions=["exe", "js"], true_types=["executable"])


@pytest.mark.parametrize(
    "raw",
    [
        H + b"Content-Type: text/plain; name=x.exe\nContent-Disposition: inline; filename=x.exe\n"
        b"Content-Transfer-Encoding: base64\n\nTVqQAAMA\n",
        H + b"Content-Type: text/html; name=x.js\n\n<p>hi\n",
        H + b"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: text/plain; name=x.exe\n\nMZ\n--b--\n",
    ],
)
def test_a_program_declared_as_text_is_an_attachment(raw: bytes) -> None:
    assert b"An attachment was removed" in strip(raw, RULES)


def test_a_text_with_the_name_of_a_text_is_displayed() -> None:
    raw = H + b"Content-Type: text/plain; name=body.txt\n\nhi\n"
    assert strip(raw, AttachmentRules.checked(extensions=["txt"])) is raw


def test_a_structure_broken_by_a_change_is_not_reported_as_before() -> None:
    cut = GOOD.replace(b"Subject: s", b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b").replace(b"Body\r\n", b"--b\r\n\r\nhi\r\n")
    broken = cut.replace(b"--b\r\n\r\n", b"--b\r\nno field\r\n\r\n")
    [found] = [refusal for refusal in rejections(cut, broken) if refusal.code is Code.MALFORMED and "not a field" in refusal.place]
    assert not found.before


def test_korean_switches_to_ascii_before_added_text() -> None:
    assert charset.find_shifts(b"\x1b$)C\x0e0!\n", b"", "iso-2022-kr") == (b"\x0f", b"")
    assert charset.find_shifts(b"\x1b$)C\x0e0!\x0f\n", b"", "iso-2022-kr")[0] == b""
    with pytest.raises(CannotEdit):
        charset.find_shifts(b"\x1b$)C\x0e0!\n", b"0!", "iso-2022-kr")
