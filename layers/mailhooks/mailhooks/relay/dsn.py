"""Delivery status notifications for messages that a rule bounces (RFC 3464, RFC 6522, RFC 6533, RFC 3834). Pure.

A notification is ASCII, except for a `To` field with an address beyond ASCII. Text from outside is made harmless before it is used.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from email.message import EmailMessage, Message, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from mailhooks.mime.headers import scan
from mailhooks.relay.addresses import is_mailbox

MAX_HEADER_OCTETS: Final = 64 * 1024
"""Octets of the original's header that a notification returns, at most."""

MAX_TEXT_CHARACTERS: Final = 100_000
"""Characters of the reasons for all recipients together, at most."""

_MAX_VALUE_OCTETS: Final = 800
"""Octets of one value with text from outside, at most: it stays on one line."""

_STATUS: Final = "5.7.1"
"""RFC 3463 section 3.8, "Delivery not authorized, message refused"."""

_POLICY: Final = SMTP.clone(max_line_length=76)
"""Quoted-printable has lines of at most 76 characters (RFC 2045 section 6.7)."""

_MAX_LINE: Final = 998
"""Octets of a line without its line end, at most (RFC 5322 section 2.1.1)."""

_LINE_ENDS: Final = re.compile("\r\n|[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MESSAGE_ID: Final = re.compile(rb"<[!-;=?A-~]+@[!-;=?A-~]+>")
_ENHANCED: Final = re.compile(r"(5\.[0-9]{1,3}\.[0-9]{1,3}) ")
"""A status (RFC 3463 section 2) at the start of a reason."""

_SMTP_REPLY: Final = re.compile(r"5[0-9]{2}[ -]")
_NOT_IN_XTEXT: Final = re.compile(r"[^!-*,-<>-\[\]-~]")
"""Characters that are no QCHAR of RFC 6533 section 3."""

_HALF_ESCAPE: Final = re.compile(r"\\[^}]*\Z")

_NO: Final = re.compile(rb"no(?:[;\s(].*)?", re.IGNORECASE | re.DOTALL)
_REPORT: Final = re.compile(rb"multipart\s*/\s*report|message\s*/\s*(?:global-)?delivery-status", re.IGNORECASE)


def write_bounce(
    original: bytes,
    *,
    reverse_path: str,
    recipients: Sequence[tuple[str, str]],
    reporting_mta: str,
    postmaster: str,
    message_id: str,
    date: datetime,
) -> bytes:
    """Write a notification that a message was not delivered: a text for people, a report for programs, the original's header.

    The same arguments give the same bytes. Lines end in CRLF and have at most 998 octets. Never raises.

    Args:
        original: the message, any bytes. Its header is returned, up to `MAX_HEADER_OCTETS`, without its body.
        reverse_path: the recipient of the notification; see `may_bounce`.
        recipients: for each recipient who does not get the message, the address and the reason, such as a rule's bounce message, which
            may begin with an enhanced status code. The first reason counts when an address is repeated.
        reporting_mta: the domain of this mail system (RFC 3464 section 2.2.2).
        postmaster: the author of the notification, an address.
        message_id: of the notification, with angle brackets.
        date: aware, or in UTC.
    """
    reasons: dict[str, str] = {}
    for address, reason in recipients:
        reasons.setdefault(_to_line(address) or "unknown", reason)
    notification = EmailMessage(_POLICY)
    notification["From"] = _format_address(postmaster, "Mail Delivery")
    notification["To"] = _format_address(reverse_path)
    notification["Subject"] = "Delivery status notification (failure)"
    notification["Date"] = format_datetime(date)
    notification["Message-ID"] = _to_ascii(message_id)
    for name, value in _threading_fields(original).items():
        notification[name] = value
    notification["Auto-Submitted"] = "auto-replied"  # RFC 3834 section 5
    notification["MIME-Version"] = "1.0"
    notification["Content-Type"] = "multipart/report; report-type=delivery-status"
    parts = [
        _make_text_part(_write_explanation(reasons.items(), _to_line(reporting_mta)), "plain"),
        _write_report(reasons.items(), _to_ascii(reporting_mta)),
        _make_text_part(_cut_header(original), "rfc822-headers"),
    ]
    # No text can contain its own digest.
    digest = hashlib.sha256(b"".join(part.as_bytes() for part in parts)).hexdigest()
    notification.set_boundary(f"=_{digest[:40]}")
    notification.set_payload([*parts])
    return notification.as_bytes(policy=_POLICY.clone(max_line_length=_MAX_LINE, utf8=not reverse_path.isascii()))


def may_bounce(reverse_path: str, original: bytes) -> bool:
    """Return whether a notification may be sent for a message.

    None is sent to the null reverse-path (RFC 5321 section 6.1) or to an invalid address, for a message that a program sent by itself or
    as a reply (RFC 3834 section 2), or for a report (RFC 6522): two mail systems would answer each other without end.
    """
    if not is_mailbox(reverse_path):
        return False
    header = scan(original)
    if not all(_NO.fullmatch(field.value(original)) for field in header.named("auto-submitted")):
        return False
    return not any(_REPORT.match(field.value(original)) for field in header.named("content-type"))


def _write_explanation(reasons: Collection[tuple[str, str]], mail_system: str) -> str:
    """Write the text for people. Recipients with the same reason are listed together."""
    by_reason: dict[str, list[str]] = {}
    for address, reason in reasons:
        by_reason.setdefault(_ENHANCED.sub("", reason, count=1), []).append(address)
    lines = [f"This message was created by the mail system at {mail_system}.", "", "Your message was not delivered to:"]
    for reason, addresses in by_reason.items():
        lines += ["", *(f"    {address}" for address in addresses), "", "Reason:", ""]
        lines += [f"    {line}".rstrip() for line in _paragraph(reason, MAX_TEXT_CHARACTERS // len(by_reason))]
    lines += ["", "Below are a report for mail programs and the header of your message.", ""]
    return "\n".join(lines)


def _paragraph(text: str, limit: int) -> list[str]:
    cut = text if len(text) <= limit else f"{text[:limit]} [...]"
    return [_CONTROLS.sub(" ", line) for line in _LINE_ENDS.split(cut)] if cut.strip() else ["(none)"]


def _write_report(reasons: Collection[tuple[str, str]], mail_system: str) -> MIMEPart:
    """Write the report for programs (RFC 3464 section 2).

    The message was accepted by SMTP and is rejected afterwards; `Diagnostic-Code: smtp` gives the reply that SMTP would have had (RFC 3464
    section 2.3.6), because programs that read reports look for it.
    """
    blocks: list[Message[str, str] | str] = [_make_block({"Reporting-MTA": f"dns; {mail_system}"})]
    for address, text in reasons:
        reason = _to_ascii(text)
        given = _ENHANCED.match(reason)
        status, diagnostic = (given[1], f"550 {reason}") if given else (_STATUS, f"550 {_STATUS} {reason}".rstrip())
        fields = {
            "Final-Recipient": f"rfc822; {address}" if address.isascii() else f"utf-8; {_to_xtext(address)}",
            "Action": "failed",
            "Status": status,
            "Diagnostic-Code": f"smtp; {reason if _SMTP_REPLY.match(reason) else diagnostic}",
        }
        blocks.append(_make_block(fields))
    part = MIMEPart(_POLICY)
    part["Content-Type"] = "message/delivery-status"
    part.set_payload(blocks)
    return part


def _make_block(fields: dict[str, str]) -> "Message[str, str]":
    """Return a group of fields. A plain `Message` writes them as they are, where a `MIMEPart` would decode encoded words."""
    block: Message[str, str] = Message()
    for name, value in fields.items():
        block[name] = value
    return block


def _to_xtext(address: str) -> str:
    """Escape an address beyond ASCII (RFC 6533 section 3). It is one word, which cannot be folded: a long one is cut between escapes."""
    escaped = _NOT_IN_XTEXT.sub(lambda found: rf"\x{{{ord(found[0]):X}}}", address)[:_MAX_VALUE_OCTETS]
    return _HALF_ESCAPE.sub("", escaped)


def _cut_header(original: bytes) -> str:
    """Return whole fields of the original's header (RFC 6522 section 4), without controls; octets that are not UTF-8 are replaced."""
    head = original[:MAX_HEADER_OCTETS]
    block = scan(head)
    cut = block.end == len(head) < len(original) and len(block.fields) > 1
    end = block.fields[-1].start if cut else block.end
    lines = head[block.start : end].decode(errors="replace").split("\n")
    return "\n".join(_CONTROLS.sub(" ", line.removesuffix("\r")) for line in lines)


def _make_text_part(content: str, subtype: str) -> MIMEPart:
    part = MIMEPart(_POLICY)
    plain = content.isascii() and all(len(line) <= _MAX_LINE for line in content.split("\n"))
    part.set_content(content, subtype=subtype, cte="7bit" if plain else "quoted-printable")
    return part


def _threading_fields(original: bytes) -> dict[str, str]:
    """Return the fields that refer to the original's Message-ID, if it has a valid one (RFC 5322 section 3.6.4)."""
    head = original[:MAX_HEADER_OCTETS]
    found = next((field.value(head) for field in scan(head).named("message-id")), b"")
    if len(found) > _MAX_VALUE_OCTETS or not _MESSAGE_ID.fullmatch(found):
        return {}
    return dict.fromkeys(("In-Reply-To", "References"), found.decode())


def _format_address(address: str, phrase: str = "") -> str:
    """Return the value of an address field: an empty group when the address is invalid (RFC 5322 section 3.4, RFC 6854)."""
    return f"{phrase} <{address}>".lstrip() if is_mailbox(address) else f"{phrase or 'undisclosed-recipients'}:;"


def _to_line(text: str) -> str:
    """Return text from outside as part of one line."""
    return _CONTROLS.sub(" ", text[: 2 * _MAX_VALUE_OCTETS]).strip(" ").encode()[:_MAX_VALUE_OCTETS].decode(errors="ignore").rstrip(" ")


def _to_ascii(text: str) -> str:
    return _to_line(text).encode("ascii", "replace").decode()
