"""Messages with odd octets, and the changes that Postfix itself makes to them."""

from dataclasses import dataclass
from typing import Final

_FIELDS: Final = b"From: Nora <nora@example.net>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n"


@dataclass(frozen=True)
class OddMessage:
    """A message, and the one that leaves Postfix for it.

    Attributes:
        name: unique; also its place in the table of docs/after.md if Postfix changes the message.
        arrives: the content behind Postfix's Received field; None for the same octets.
        arrives_by_milter: the same if Postfix asks a milter; None for no difference.
    """

    name: str
    sent: bytes
    arrives: bytes | None = None
    arrives_by_milter: bytes | None = None

    def expect(self, way: str) -> bytes:
        """Return the content that arrives if no rule changes it."""
        if way == "milter" and self.arrives_by_milter is not None:
            return self.arrives_by_milter
        return self.sent if self.arrives is None else self.arrives


def _with_field(field: bytes, body: bytes = b"Hello\r\n") -> bytes:
    return _FIELDS + field + b"\r\n\r\n" + body


def _with_body(body: bytes) -> bytes:
    return _FIELDS + b"Subject: Odd\r\n\r\n" + body


UNCHANGED: Final = (
    OddMessage("folded fields", _with_field(b"Subject: a\r\n b\r\n\tc\r\nX-A:\r\n\tx\r\nx-b:no space\r\nX-C:   three  ")),
    OddMessage("a fold of white space alone", _with_field(b"X-A: a\r\n \r\n b")),
    OddMessage("repeated fields", _with_field(b"Subject: x\r\nX-A: 1\r\nX-A: 2\r\nSubject: y")),
    OddMessage("8-bit fields and text", _with_field(b"Subject: Gr\xc3\xbc\xc3\x9fe \xe4\xff", b"\xe4\xff\x80\r\n")),
    OddMessage("lone dots", _with_body(b".\r\n..\r\n.a\r\n...\r\n.\r\n")),
    OddMessage("NUL in the text", _with_body(b"a\0b\r\n")),
    OddMessage("lines of 998 octets", _with_body(b"x" * 998 + b"\r\n")),
    OddMessage("white space and blank lines at the end", _with_body(b"a  \r\n \t\r\n\r\n\r\n")),
    OddMessage("no text", _FIELDS + b"Subject: a\r\n"),
    OddMessage("addresses without a domain", b"From: nora\r\nTo: bo, C <c@example.org>\r\nCc: undisclosed-recipients:;\r\n\r\nHello\r\n"),
    OddMessage("8 MB", _with_body((b"0123456789abcde\0\xff." * 55 + b"\r\n") * 8_500)),
)

CHANGED: Final = (
    OddMessage("white space before a field's colon", _with_field(b"Subject : a\r\nX-A\t: b"), _with_field(b"Subject: a\r\nX-A: b")),
    OddMessage("NUL in a field", _with_field(b"X-A: a\0b"), _with_field(b"X-A: a")),
    OddMessage("a bare LF", _with_body(b"a\nb\n\nc\r\n"), _with_body(b"a\r\nb\r\n\r\nc\r\n")),
    OddMessage("a bare CR", _with_body(b"a\rb\r\rc\r\n"), _with_body(b"a b  c\r\n")),
    OddMessage("a CR before CRLF", _with_body(b"a\r\r\nb\r\n"), _with_body(b"a\r\nb\r\n")),
    OddMessage(
        "a line above 998 octets",
        _with_body(b"x" * 2100 + b"\r\n"),
        _with_body(b"x" * 998 + b"\r\n " + b"x" * 997 + b"\r\n " + b"x" * 105 + b"\r\n"),
    ),
    OddMessage(
        "a header above 100 KB",
        _with_field(b"X-A: " + b"\r\n ".join([b"x" * 70] * 2000) + b"\r\nX-B: b"),
        _with_field(b"X-A: " + b"\r\n ".join([b"x" * 70] * 1422) + b"\r\nX-B: b"),
        _with_field(b"X-A: " + b"\r\n ".join([b"x" * 70] * 833) + b"\r\nX-B: b"),
    ),
    OddMessage(
        "a line without a colon in the header",
        _with_field(b"X-A: a\r\nno field\r\nX-B: b"),
        _with_field(b"X-A: a\r\n\r\nno field\r\nX-B: b"),
    ),
    OddMessage(
        "a line that begins with From",
        b"From nora Mon\r\n" + _with_body(b"a\r\n"),
        b"X-Mailbox-Line: From nora Mon\r\n" + _with_body(b"a\r\n"),
    ),
    OddMessage(
        "Bcc, Resent-Bcc, Return-Path and Content-Length",
        b"Return-Path: <a@example.net>\r\nBcc: b@example.net\r\nResent-Bcc: c@example.net\r\nContent-Length: 5\r\n" + _with_body(b"a\r\n"),
        _with_body(b"a\r\n"),
    ),
)
