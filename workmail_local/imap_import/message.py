"""Facts of a message that an import needs: its identity, its internal date, its flags. Its bytes stay as they are.

IMAP cannot store two kinds of bytes: NUL (RFC 3501 section 4.3), and a bare LF, which servers change to CRLF (RFC 3501 section 6.3.11
requires the form of RFC 5322).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from mailhooks.mime.headers import HeaderBlock, scan

SEEN: Final = "\\Seen"
DRAFT: Final = "\\Draft"

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_MAILDIR_FLAGS: Final = re.compile(r"[:;!_-]2,([A-Za-z]*)")
"""The information of a Maildir name, with the characters that replace the colon on Windows."""

_OF_MAILDIR: Final = {"S": SEEN, "R": "\\Answered", "F": "\\Flagged", "D": DRAFT}
"""`P` (passed) has no IMAP flag; `T` (trashed) would let the next program delete the message."""

_OF_STATUS: Final = {"R": SEEN, "A": "\\Answered", "F": "\\Flagged", "T": DRAFT}
"""The letters of Status and X-Status in mbox files; `D` (deleted) is left out for the reason above."""

_OF_MOZILLA: Final = {0x1: SEEN, 0x2: "\\Answered", 0x4: "\\Flagged"}
_STATUS_FIELDS: Final = ("status", "x-status", "x-mozilla-status")
_KEYWORD: Final = re.compile(r"[A-Za-z0-9$!#&'+,./:;<=>?@^_`|~-]{1,60}")
"""An IMAP keyword is an atom (RFC 3501 section 9)."""

_MOST_KEYWORDS: Final = 20
_FIRST_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FUTURE: Final = timedelta(days=2)
_HEADER: Final = 1_000_000
"""Octets of a message that are searched for header fields."""

_FIELD: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:>?From [^\r\n]*\r?\n)?[!-9;-~]+[ \t]*:")
_CALENDAR: Final = re.compile(rb"\s*BEGIN:VCALENDAR", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is sent to the server.

    Attributes:
        content: its bytes, with CRLF for each bare LF.
        size: octets of the content.
        digest: SHA-256 of the content, in hexadecimal digits.
        message_id: SHA-256 of its Message-ID; "" without one.
        date: its internal date: of the topmost Received field, else of Date, else that of the zip file.
        flags: IMAP flags and keywords.
        has_status: whether the export has any flag or status of it.
        changed: the number of bare LFs.
    """

    content: bytes
    size: int
    digest: str
    message_id: str
    date: datetime
    flags: frozenset[str]
    has_status: bool
    changed: int


def parse_message(raw: bytes, name: str, zip_date: tuple[int, int, int, int, int, int]) -> Message:
    """Read the facts of a message.

    Args:
        name: the file's name, which has flags in a Maildir.
        zip_date: of the entry, in UTC.
    """
    changed = 0
    if _BARE_LF.search(raw):
        raw, changed = _BARE_LF.subn(b"\r\n", raw)
    head = raw[:_HEADER]
    header = scan(head)
    flags, has_status = _read_status(head, header, name)
    date = next(_dates(head, header), None) or _zip_date(zip_date)
    return Message(raw, len(raw), digest(raw), _digest_of_id(head, header), date, flags | _read_keywords(head, header), has_status, changed)


def find_problem(raw: bytes, name: str) -> str:
    """Return why a file cannot be imported as a message, or "" if it can."""
    if not raw:
        return "empty"
    if _CALENDAR.match(raw):
        return "a calendar file, not a message: import it with a calendar program"
    if not _FIELD.match(raw) and not name.lower().endswith((".eml", ".mime", ".mim")):
        return "not a message: it does not begin with a header field"
    if b"\0" in raw:
        return "contains NUL bytes, which IMAP cannot store"
    return ""


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_message_id(header: bytes) -> str:
    """Return the SHA-256 of the Message-ID in a header; "" without one."""
    return _digest_of_id(header, scan(header))


def _digest_of_id(raw: bytes, header: HeaderBlock) -> str:
    value = next((field.value(raw) for field in header.named("message-id")), b"")
    # A server may fold the field at another place.
    return digest(b"".join(value.split())) if value else ""


def _dates(raw: bytes, header: HeaderBlock) -> Iterator[datetime]:
    """Yield the valid dates of a message: of the topmost Received field, then of Date."""
    for name in ("received", "date"):
        for field in header.named(name):
            if found := _parse_date(field.value(raw).rpartition(b";")[2].decode("latin-1")):
                yield found
            break


def _parse_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text.strip())
        # `-0000` is UTC without knowledge of the local time (RFC 5322 section 3.3).
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found if _FIRST_DATE <= found.astimezone(UTC) <= datetime.now(UTC) + _FUTURE else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _zip_date(parts: tuple[int, int, int, int, int, int]) -> datetime:
    try:
        return datetime(*parts, tzinfo=UTC)
    except ValueError:
        return datetime(1980, 1, 1, tzinfo=UTC)


def _read_status(raw: bytes, header: HeaderBlock, name: str) -> tuple[frozenset[str], bool]:
    """Return the flags of a message, and whether the export has any information about its status."""
    flags: set[str] = set()
    known = False
    if maildir := _MAILDIR_FLAGS.search(name):
        known = True
        flags |= {_OF_MAILDIR[letter] for letter in maildir[1] if letter in _OF_MAILDIR}
    for field_name in _STATUS_FIELDS:
        for field in header.named(field_name):
            value = field.value(raw).decode("latin-1")
            if field_name != "x-mozilla-status":
                known = True
                flags |= {_OF_STATUS[letter] for letter in value.upper() if letter in _OF_STATUS}
            elif re.fullmatch(r"[0-9A-Fa-f]{1,8}", value):
                known = True
                flags |= {flag for bit, flag in _OF_MOZILLA.items() if int(value, 16) & bit}
    if any(field.value(raw) == b"1" for field in header.named("x-unsent")):
        flags.add(DRAFT)
    return frozenset(flags), known


def _read_keywords(raw: bytes, header: HeaderBlock) -> frozenset[str]:
    fields = (field for name in ("x-keywords", "x-mozilla-keys") for field in header.named(name))
    words = (word for field in fields for word in field.value(raw).decode("latin-1").split())
    return frozenset([word for word in words if _KEYWORD.fullmatch(word)][:_MOST_KEYWORDS])
