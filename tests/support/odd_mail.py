"""Messages around a program that mix what mail programs read differently."""

from collections.abc import Callable, Sequence
from typing import Any, Final

PROGRAM: Final = b"invoice.exe"

Choose = Callable[[Sequence[Any]], Any]
"""Chooses one of some values: `Random.choice`, or a draw of Hypothesis."""

_TEXT: Final = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nSee the file.\r\n"
_NOTE: Final = b'Content-Type: application/pdf; name="note.pdf"\r\nContent-Disposition: attachment; filename="note.pdf"\r\n\r\n%PDF\r\n'
_BODY: Final = b"TVqQAAMAAAAEAAAA\r\n"

_NAMES: Final = (
    b'name="invoice.exe"',
    b"name=invoice.exe",
    b'name="note.pdf"; name="invoice.exe"',
    b'name="invoice.exe"; name="note.pdf"',
    b"name*=us-ascii''invoice.exe; name=note.pdf",
    b"name=note.pdf; name*=us-ascii''invoice.exe",
    b'name*0="invoice"; name*1=".exe"',
    b'name*1=".exe"; name*0="invoice"; name=note.pdf',
    b"name*0*=us-ascii''invoice; name*1=.exe",
    b"name=note.pdf; (x) name=invoice.exe",
    b"name=invoice.exe (a comment)",
    b'name="note.pdf" "invoice.exe"',
    b"name=\"in\\voice.exe\"",
    b"name==?us-ascii?q?invoice=2Eexe?=",
    b'name="=?us-ascii?b?aW52b2ljZS5leGU=?="',
    b"x=y\r\n ;name=\r\n invoice.exe",
    b'name="C:invoice.exe"',
    b"NAME = invoice.exe",
    b"name=note.pdf invoice.exe",
    b'name="invoice.exe',
    b"",
)  # fmt: skip

_LINES: Final = (
    b"this is no field",
    b"name=invoice.exe",
    b'name="invoice.exe"',
    b'filename="a:invoice.exe"',
    b": no name",
    b"From ada@example.com Mon May  4 08:00:00 2026",
    b">From ada@example.com Mon May  4 08:00:00 2026",
    b"X-Note : spaced",
    b"X Note: two words",
    b" ",
    b" ; name=invoice.exe",
    b"--",
    b"--b",
    b"X-Note: a\rb",
    b"X-Note: a\r",
    b"X-Note: \0",
    b"Gr\xc3\xbc\xc3\x9fe",
    b"X-Note: fine",
    b"Content-Type: text/plain",
    b"Content-Type: application/pdf; name=note.pdf",
    b"Content-Type:",
    b"Content-Type: message/rfc822",
    b"Content-Type: multipart/mixed; boundary=d",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: 7bit",
    b"Content-Transfer-Encoding: x",
    b"Content-Disposition: inline",
    b"Content-Disposition: attachment; filename=note.pdf",
    b"Content-Disposition: attachment; filename=invoice.exe",
)

_BOUNDARIES: Final = (
    b"boundary=b",
    b'boundary="b"',
    b'boundary="b "',
    b"boundary=a; boundary=b",
    b"boundary=b; boundary=a",
    b"boundary=a; boundary*=us-ascii''b",
    b"boundary*=us-ascii''b; boundary=a",
    b"boundary*=us-ascii''a; boundary=b",
    b"boundary*0=b; boundary=a",
    b"boundary=a; boundary*0=b",
    b"boundary*0=b",
    b"(boundary=a) boundary=b",
    b"boundary=b (x)",
    b"boundary=b x",
    b'boundary="b" x',
    b'boundary="b',
    b"boundary='b'",
    b"boundary=<b>",
    b'boundary="\\b"',
    b"BOUNDARY = b",
    b"boundary=b; boundary=b",
    b'boundary=""; boundary=b',
    b"boundary=",
    b"",
    b"boundary=b\0c",
    b"x=y;\r\n boundary=b",
    b"x=y;\r\nboundary=b",
    b"boundary==?us-ascii?q?b?=",
)

_MULTIPARTS: Final = (
    b"multipart/mixed",
    b"Multipart/Mixed",
    b"multipart/digest",
    b"multipart/alternative",
    b"multipart/related",
    b"multipart/report",
    b"multipart/signed",
    b"multipart/x-unknown",
    b"multipart",
    b"multipart/",
    b'"multipart/mixed"',
    b"(x) multipart/mixed",
    b"multipart(x)/mixed",
    b"multipart / mixed",
    b"multipart/mixed x",
    b"text/plain",
)

_DELIMITERS: Final = (
    *[b"--b"] * 8,
    b"--b \t", b"--b x", b"--b\x0b", b"--b\0", b"--bb", b" --b", b"--b--", b"--a", b"--b ", b"--", b"--c", b"--<b>", b"--'b'", b"--b\r",
)  # fmt: skip

_ENDS: Final = (b"--b--\r\n", b"", b"--b--", b"--b\r\n", b"--b--\r\n--b\r\n" + _NOTE + b"--b--\r\n", b"--b --\r\n", b"--b--x\r\n")


def make_odd_message(choose: Choose) -> bytes:
    """Return a message in which at least one mail program may find `PROGRAM`."""
    return (
        b"From: ada@example.com\r\nDate: Mon, 4 May 2026 09:00:00 +0200\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
        + _make_multipart(choose, 0)
    )


def _make_multipart(choose: Choose, level: int) -> bytes:
    kind = choose(_MULTIPARTS) if choose((False, False, True)) else _MULTIPARTS[0]
    boundary = choose(_BOUNDARIES) if choose((False, True)) else _BOUNDARIES[0]
    fields = [b"Content-Type: " + kind + b"; " + boundary]
    _add_lines(choose, fields)
    parts = [choose((_TEXT, _NOTE, b"\r\n\r\n", _TEXT)), _make_program(choose)]
    if level < 2 and choose((False, False, True)):
        parts.insert(choose((0, 1)), _make_container(choose, level + 1))
    content = b"".join(choose(_DELIMITERS) + b"\r\n" + part for part in parts)
    return b"\r\n".join(fields) + b"\r\n\r\n" + content + (choose(_ENDS) if choose((False, True)) else _ENDS[0])


def _make_container(choose: Choose, level: int) -> bytes:
    """Return a multipart or an attached message, with the boundary of the outer multipart or its own."""
    inner = _make_multipart(choose, level)
    if choose((True, True, False)):
        inner = inner.replace(b"boundary=b", b"boundary=c").replace(b"--b", b"--c")
    if choose((True, False)):
        return inner
    kind = choose((b"message/rfc822", b"message/rfc822", b"message/global", b"message/news", b"message/rfc822; name=mail.eml"))
    fields = [b"Content-Type: " + kind]
    _add_lines(choose, fields)
    return b"\r\n".join(fields) + b"\r\n\r\n" + inner


def _make_program(choose: Choose) -> bytes:
    kind = choose((b"application/octet-stream", b"application/pdf", b"text/plain", b"text/html", b"message/rfc822", b"x", b""))
    fields = [b"Content-Type: " + kind + b"; " + choose(_NAMES), b"Content-Transfer-Encoding: base64"]
    if choose((False, True)):
        fields.append(b"Content-Disposition: attachment; file" + choose(_NAMES))
    if choose((False, True)):
        fields.reverse()
    _add_lines(choose, fields)
    return b"\r\n".join(fields) + b"\r\n\r\n" + _BODY


def _add_lines(choose: Choose, fields: list[bytes]) -> None:
    for _ in range(choose((0, 0, 1, 1, 2, 3))):
        fields.insert(choose(range(len(fields) + 1)), choose(_LINES))
