"""The verdict of the judge on `add_disclaimer`: for the corpus, and for odd mail."""

import base64
from pathlib import Path

import pytest

from mailhooks.content.disclaimer import add_disclaimer, explain
from tests.fidelity.cases import CASES
from tests.fidelity.judge import Judge
from tests.support.mail import CORPUS

_HEAD = b"From: a@example.net\r\nMIME-Version: 1.0\r\n"


def of(content_type: bytes, body: bytes, encoding: bytes = b"") -> bytes:
    """Return a message of one part."""
    field = b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
    return _HEAD + b"Content-Type: " + content_type + b"\r\n" + field + b"\r\n" + body


def mixed(*parts: tuple[bytes, bytes]) -> bytes:
    each = b"".join(b"--b\r\nContent-Type: " + kind + b"\r\n\r\n" + body + b"--b" for kind, body in parts)
    return of(b"multipart/mixed; boundary=b", each.replace(b"--b--b", b"--b") + b"--\r\n")


SHAPES = {
    "an empty text before an attachment": mixed((b"text/plain", b""), (b"image/png", b"x\r\n")),
    "two texts": mixed((b"text/plain", b"One\r\n"), (b"text/plain", b"Two\r\n")),
    "an empty text before HTML": mixed((b"text/plain", b"\r\n"), (b"text/html", b"<p>Hi</p>\r\n")),
    "no empty line after the header": b"From: a@example.net\r\nSubject: x\r\n",
    "no line end after the header": b"From: a@example.net\r\nSubject: x",
    "no Content-Type, no line end": _HEAD + b"\r\nHello",
    "two fields of the same type": of(b"text/plain\r\nContent-Type: text/plain", b"Hello\r\n"),
    "a multipart without its subtype": of(b"multipart; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--b--\r\n"),
    "a comment after the charset": of(b"text/plain; charset=us-ascii (Plain text)", b"Hello\r\n"),
    "bare LF among CRLF": of(b"text/plain", b"Hello\r\nbare\nlf\r\n"),
    "a header with LF, a body with CRLF": of(b"text/plain", b"").replace(b"\r\n", b"\n") + b"Hello\r\nworld\r\n",
    "spaces at the end": of(b"text/plain; charset=us-ascii", b"Hello   "),
    "a flowed last line": of(b"text/plain; format=flowed", b"Hello \r\n"),
    "a flowed last line, DelSp": of(b"text/plain; format=flowed; delsp=yes", b"Hello \r\n"),
    "base64 with the footer of a list": of(b"text/plain; charset=utf-8", b"SGVsbG8=\r\n-- \r\na footer\r\n", b"base64"),
    "a bare CR in quoted-printable": of(b"text/plain; charset=iso-8859-1", b"a=0Db=E9\r\n", b"quoted-printable"),
    "a soft line break at the end": of(b"text/plain", b"Hello=\r\n", b"quoted-printable"),
    "8-bit text without a charset": of(b"text/plain", "Grüße\r\n".encode()),
    "UTF-16": of(b"text/plain; charset=utf-16", base64.b64encode("Hällo".encode("utf-16")) + b"\r\n", b"base64"),
    "UTF-7": of(b"text/plain; charset=utf-7", b"Hi Mom +Jjo-!\r\n"),
    "ISO-2022-JP": of(b"text/plain; charset=iso-2022-jp", "日本\r\n".encode("iso2022_jp")),
    "one long line of HTML": of(b"text/html", b"<html><body>" + b"<p>x</p> " * 200 + b"</body></html>\r\n"),
}


def faults(raw: bytes) -> str:
    """Return the bad findings in words, case by case."""
    judge = Judge(raw, add_disclaimer, explain)
    found = [(judge.verdict(case), case.name) for case in CASES]
    bad = [f"{case}: {finding.kind}: {finding.detail}" for finding, case in found if finding.kind.bad]
    return "; ".join(bad)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_real_mail_has_the_disclaimer_or_a_reason(path: Path):
    assert faults(path.read_bytes()) == ""


@pytest.mark.parametrize("raw", SHAPES.values(), ids=SHAPES)
def test_odd_mail_has_the_disclaimer_or_a_reason(raw: bytes):
    assert faults(raw) == ""
