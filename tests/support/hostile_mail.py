"""Messages of hostile senders and of broken mail programs."""

from typing import Final

from tests.support.messages import mail, mixed, multipart, part
from tests.support.policies import HEAD, PLAIN

_LONG: Final = 300_000


def _text(content_type: bytes, body: bytes, encoding: bytes = b"8bit") -> bytes:
    return HEAD + b"Content-Type: " + content_type + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def _header(name: bytes, value: bytes) -> bytes:
    return name + b": " + value + b"\r\n" + PLAIN


HOSTILE: Final[dict[str, bytes]] = {
    "nothing": b"",
    "line ends": b"\r\n\r\n\r\n",
    "no header": b"\r\nHello world",
    "no body": HEAD,
    "NULs": b"\0" * 1000,
    "a header of garbage": b"garbage\r\n" + PLAIN,
    "a huge header": _header(b"X-Huge", b"x" * _LONG),
    "very many headers": b"X-Many: x\r\n" * (_LONG // 20) + PLAIN,
    "an endless fold": _header(b"Subject", b"a\r\n " * (_LONG // 10)),
    "brackets in brackets": b"From: " + b"(" * 50_000 + b"\r\nTo: " + b"(" * 50_000 + b"\r\n\r\n",
    "quotes": b"From: " + b'"' * 100_000 + b"\r\nTo: " + b'"<(' * 30_000 + b"\r\n\r\n",
    "routes": b"From: " + b"<@a,@b:" * 14_000 + b"\r\n\r\n",
    "no word's charset": _header(b"X-Word", b"=?x-unknown?q?=FF=00?= =?undefined?b?AAA?= =?idna?q?a?= =?base64?q?a?= =?\xff?q?a?="),
    "words of half characters": _header(b"X-Word", b"=?utf7?q?+2AA-?= =?u7?q?+2AA-?= =?utf-16?b?2AA=?= =?utf-8?q?=ED=A0=80?="),
    "words without end": _header(b"X-Word", b"=?utf-8?q?" * (_LONG // 12)),
    "half a character": _text(b"text/plain; charset=utf-7", b"+2AA- zz"),
    "half a character in HTML": _text(b"text/html; charset=utf-8", b"&#xD800;&#55296;&#x110000;&#0;"),
    "a reference of thousands of digits": _text(b"text/html", b"&#" + b"9" * 5000 + b"; Hello"),
    "no charset": _text(b'text/plain; charset="no such\0charset"', b"\xff\xfe\x00"),
    "a codec of Python's": _text(b"text/plain; charset=unicode_escape", rb"\ud800\N{x}\x"),
    "two octets": _text(b"text/plain; charset=iso-2022-jp", b"\x1b$B\xff\xff\x1b(" * 1000),
    "broken base64": _text(b"text/plain", b"!!!=A==B" * 5000 + b"=", b"base64"),
    "broken quoted-printable": _text(b"text/plain", b"=ZZ=\r=" * 5000, b"quoted-printable"),
    "no encoding": _text(b"text/plain", b"Hello", b"x-none\0"),
    "comments without end": _text(b"text/html", b"<!-- " * (_LONG // 5)),
    "tags without end": _text(b"text/html", b"<a " * (_LONG // 3)),
    "scripts without end": _text(b"text/html", b"<script>" * (_LONG // 8)),
    "digits": _text(b"text/plain", b"1-" * (_LONG // 2)),
    "letters": _text(b"text/plain", b"a" * _LONG),
    "no boundary": _text(b"multipart/mixed", b"--\r\n\r\n--b\r\n"),
    "a boundary that never comes": _text(b"multipart/mixed; boundary=b", b"--c\r\n\r\nHello\r\n--c--"),
    "parts in parts": HEAD
    + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 2000,
    "a thousand parts": mail(multipart("mixed", *[b"Content-Type: text/plain\r\n\r\nHello"] * 1000)),
    "a message in a message": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 500,
    "two types": _text(b"text/plain\r\nContent-Type: multipart/mixed; boundary=b", b"--b\r\n\r\nHello\r\n--b--"),
    "a name that climbs": mixed(part("application/x", "../../../etc/passwd\\..\\..\\con.exe")),
    "a name with a NUL": mixed(part("application/x", "a.exe\0.txt")),
    "a name in nine places": mixed(b"Content-Type: a/b; name*0=a; name*1*=utf-7'x'%2B2AA-; name*2=.exe\r\n\r\nx"),
    "a name of half characters": mixed(b"Content-Type: a/b; name*=utf-7''%2B2AA-.exe\r\nContent-Disposition: attachment\r\n\r\nx"),
    "an endless name": mixed(part("application/x", "a." * 50_000)),
    "half an archive": mixed(part("application/zip", "a.zip", b"PK\x03\x04" + b"\xff" * 200)),
    "an archive that lies": mixed(part("application/zip", "a.zip", b"PK\x05\x06" + b"\xff" * 18)),
    "PGP that begins": _text(b"text/plain", b"-----BEGIN PGP MESSAGE-----\r\n" * 1000),
    "verdicts of others": _header(b"Authentication-Results", b"amazonses.com; " + b"spf=(" * 20_000),
}
