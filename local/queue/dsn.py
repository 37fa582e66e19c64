"""Delivery status notifications: what a sender gets when a rule bounces his message (RFC 3464, RFC 6522, RFC 6533, RFC 3834). Pure.

Written by hand, part by part: `email.generator` cannot write a `message/*` part with 8-bit content, and fails on some of what a hostile
message brings. What comes from outside is first made harmless, and the boundary is one that stands in no part.
"""

import binascii
import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from local.mail.addresses import is_mailbox
from mailhooks.mime.headers import scan

MAX_HEADER_OCTETS = 64 * 1024
"""How much of the original's header goes back."""

MAX_TEXT_CHARACTERS = 100_000
"""How much text goes back, over all recipients."""

_MAX_LINE_OCTETS = 998
"""Without CRLF (RFC 5322 section 2.1.1)."""

_MAX_VALUE_OCTETS = 800
"""Of one value that holds text from outside: it stays on one line."""

_STATUS = "5.7.1"
"""RFC 3463 section 3.8, "Delivery not authorized, message refused"."""

_LINE_ENDS = re.compile("\r\n|[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_TEXT_7BIT = re.compile(rb"(?:[\t -~]*\r\n)*")
_TEXT_8BIT = re.compile(rb"(?:[\t -~\x80-\xff]*\r\n)*")
_MESSAGE_ID = re.compile(rb"<[!-;=?A-~]+@[!-;=?A-~]+>")
_ENHANCED = re.compile(r"(5\.[0-9]{1,3}\.[0-9]{1,3}) ")
"""A status (RFC 3463 section 2) with which a reason begins."""

_SMTP_REPLY = re.compile(r"5[0-9]{2}[ -]")
_NOT_IN_XTEXT = re.compile(r"[^!-*,-<>-\[\]-~]")
"""What is not a QCHAR of RFC 6533 section 3."""

_HALF_ESCAPE = re.compile(r"\\[^}]*\Z")

_NO = re.compile(rb"no(?:[;\s(].*)?", re.IGNORECASE | re.DOTALL)
_REPORT = re.compile(rb"multipart\s*/\s*report|message\s*/\s*(?:global-)?delivery-status", re.IGNORECASE)


def bounce(
    original: bytes,
    *,
    reverse_path: str,
    recipients: Sequence[tuple[str, str]],
    reporting_mta: str,
    postmaster: str,
    message_id: str,
    date: datetime,
    smtputf8: bool,
) -> bytes:
    """A notification that a message was not delivered. Three parts: text for people, a report for programs, the original's header.

    Same arguments, same bytes. Lines end in CRLF and have at most 998 octets. Nothing is raised, whatever is in the message and the texts.

    Args:
        original: the message, any bytes. Its header goes back, up to `MAX_HEADER_OCTETS`, its body does not.
        reverse_path: to whom it goes; see `may_bounce`.
        recipients: for each recipient who does not get the message, the address and why, such as a rule's bounce message, which may begin
            with an enhanced status code. Of one address that stands there twice, the first.
        reporting_mta: the name of this mail system, a domain (RFC 3464 section 2.2.2).
        postmaster: the address of its author.
        message_id: its own, with angle brackets.
        date: aware, or in UTC.
        smtputf8: whether it may have 8-bit content and headers: the original came with SMTPUTF8. If not, all of it is ASCII, and addresses
            that are not are written as RFC 6533 section 3 (`utf-8-addr-xtext`) and RFC 2047 have it.
    """
    told: dict[str, str] = {}
    for address, text in recipients:
        told.setdefault(_line(address) or "unknown", text)
    parts = [
        _part("text/plain; charset=utf-8", _explanation(told.items(), _line(reporting_mta)).encode(), eight_bit=smtputf8),
        _report(told.items(), _ascii(reporting_mta), eight_bit=smtputf8),
        _returned_header(original, eight_bit=smtputf8),
    ]
    boundary = _boundary(parts)
    header = [
        _address_field("From", "Mail Delivery", postmaster, eight_bit=smtputf8),
        _address_field("To", "", reverse_path, eight_bit=smtputf8),
        "Subject: Delivery status notification (failure)",
        f"Date: {format_datetime(date)}",
        f"Message-ID: {_ascii(message_id)}",
        *_thread(original),
        "Auto-Submitted: auto-replied",  # RFC 3834 section 5
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
    ]
    delimiter = f"\r\n--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part for part in parts)
    return "".join(f"{line}\r\n" for line in header).encode() + body + delimiter + b"--\r\n"


def may_bounce(reverse_path: str, original: bytes) -> bool:
    """Whether a notification may be sent for this message.

    Not to the null reverse-path (RFC 5321 section 6.1), nor to what is no address; not for what a program sent of its own accord or in
    reply (RFC 3834 section 2), nor for what is itself a report (RFC 6522): two mail systems would answer each other for ever.
    """
    if not is_mailbox(reverse_path):
        return False
    header = scan(original)
    if not all(_NO.fullmatch(field.value(original)) for field in header.named("auto-submitted")):
        return False
    return not any(_REPORT.match(field.value(original)) for field in header.named("content-type"))


def _explanation(recipients: Collection[tuple[str, str]], mail_system: str) -> str:
    """What happened, in plain words. Recipients with the same reason stand together."""
    by_text: dict[str, list[str]] = {}
    for address, text in recipients:
        by_text.setdefault(_ENHANCED.sub("", text, count=1), []).append(address)
    lines = [f"This message was made by the mail system at {mail_system}.", "", "Your message was not delivered to:"]
    for text, addresses in by_text.items():
        lines += ["", *(f"    {address}" for address in addresses), "", "The reason that was given:", ""]
        lines += [f"    {line}".rstrip() for line in _paragraph(text, MAX_TEXT_CHARACTERS // len(by_text))]
    lines += ["", "What follows is a report for mail programs, and the header of your message.", ""]
    return "\r\n".join(lines)


def _paragraph(text: str, limit: int) -> list[str]:
    cut = text if len(text) <= limit else f"{text[:limit]} [...]"
    return [_CONTROLS.sub(" ", line) for line in _LINE_ENDS.split(cut)] if cut.strip() else ["(none)"]


def _report(recipients: Collection[tuple[str, str]], mail_system: str, *, eight_bit: bool) -> bytes:
    """RFC 3464 section 2; with 8-bit addresses RFC 6533 section 4.

    The message was accepted by SMTP and is refused only now; `Diagnostic-Code: smtp` says what the reply would have been (RFC 3464 section
    2.3.6), as that is what programs that read reports look for.
    """
    international = eight_bit and not all(address.isascii() for address, _ in recipients)
    blocks = [f"Reporting-MTA: dns; {mail_system}\r\n"]
    for address, text in recipients:
        reason = _line(text) if international else _ascii(text)
        given = _ENHANCED.match(reason)
        status, diagnostic = (given[1], f"550 {reason}") if given else (_STATUS, f"550 {_STATUS} {reason}".rstrip())
        diagnostic = reason if _SMTP_REPLY.match(reason) else diagnostic
        blocks.append(
            f"Final-Recipient: {_typed(address, eight_bit=eight_bit)}\r\n"
            f"Action: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {diagnostic}\r\n"
        )
    kind = "message/global-delivery-status" if international else "message/delivery-status"
    return _part(kind, "\r\n".join(blocks).encode(), eight_bit=eight_bit)


def _typed(address: str, *, eight_bit: bool) -> str:
    if address.isascii():
        return f"rfc822; {address}"
    return f"utf-8; {address if eight_bit else _xtext(address)}"


def _xtext(address: str) -> str:
    """It is one word, which cannot be folded: what is too long for a line is cut, but not within an escape."""
    escaped = _NOT_IN_XTEXT.sub(lambda found: rf"\x{{{ord(found[0]):X}}}", address)[:_MAX_VALUE_OCTETS]
    return _HALF_ESCAPE.sub("", escaped)


def _returned_header(original: bytes, *, eight_bit: bool) -> bytes:
    """The original's header, whole fields of it. One that is 8-bit but not UTF-8 cannot be `message/global-headers` (RFC 6533);
    `text/rfc822-headers` in quoted-printable keeps its octets (RFC 6522 section 4).
    """
    head = original[:MAX_HEADER_OCTETS]
    block = scan(head)
    cut = block.end == len(head) < len(original) and len(block.fields) > 1
    end = block.fields[-1].start if cut else block.end
    content = _BARE_LF.sub(b"\r\n", head[block.start : end])
    content += b"" if content.endswith(b"\r\n") else b"\r\n"
    try:
        kind = "text/rfc822-headers" if content.decode().isascii() else "message/global-headers"
    except UnicodeDecodeError:
        return _part("text/rfc822-headers", content, eight_bit=False)
    return _part(kind, content, eight_bit=eight_bit)


def _part(kind: str, content: bytes, *, eight_bit: bool) -> bytes:
    """A body part of lines; those that could not stand as they are in any message are quoted-printable (RFC 2045 section 6.7)."""
    lines = content.split(b"\r\n")
    short = all(len(line) <= _MAX_LINE_OCTETS for line in lines)
    if short and _TEXT_7BIT.fullmatch(content):
        encoding = "7bit"
    elif short and eight_bit and _TEXT_8BIT.fullmatch(content):
        encoding = "8bit"
    else:
        encoding = "quoted-printable"
        content = b"\r\n".join(binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in lines)
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content


def _boundary(parts: Sequence[bytes]) -> str:
    """One that is in no part, for nobody can write a text with its own digest in it; the same for the same parts."""
    return f"=_{hashlib.sha256(b''.join(parts)).hexdigest()[:40]}"


def _thread(original: bytes) -> list[str]:
    """RFC 5322 section 3.6.4, where the original has a Message-ID that can be referred to."""
    head = original[:MAX_HEADER_OCTETS]
    found = next((field.value(head) for field in scan(head).named("message-id")), b"")
    if len(found) > _MAX_VALUE_OCTETS or not _MESSAGE_ID.fullmatch(found):
        return []
    return [f"{name}: {found.decode()}" for name in ("In-Reply-To", "References")]


def _address_field(name: str, phrase: str, address: str, *, eight_bit: bool) -> str:
    """A field with one address. Where that cannot be written, a group with nobody in it stands for it (RFC 5322 section 3.4, RFC 6854)."""
    if not is_mailbox(address):
        return f"{name}: {phrase or 'undisclosed-recipients'}:;"
    if address.isascii() or eight_bit:
        return f"{name}: {phrase} <{address}>" if phrase else f"{name}: <{address}>"
    return f"{name}: {Header(address, 'utf-8', header_name=name).encode(linesep=chr(13) + chr(10))} :;"


def _line(text: str) -> str:
    """Text from outside as part of one line."""
    return _CONTROLS.sub(" ", text[: 2 * _MAX_VALUE_OCTETS]).strip(" ").encode()[:_MAX_VALUE_OCTETS].decode(errors="ignore").rstrip(" ")


def _ascii(text: str) -> str:
    return _line(text).encode("ascii", "replace").decode()
