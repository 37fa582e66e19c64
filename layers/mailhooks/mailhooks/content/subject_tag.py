"""Adds a tag such as `[EXTERNAL]` before the subject of a message, once, by an edit of the Subject field.

The subject is read from the message, because the one in the event is cut at 256 characters.
"""

import re
from typing import Final

from mailhooks.errors import SettingsError
from mailhooks.mime import encoded_words
from mailhooks.mime.edits import Edit
from mailhooks.mime.headers import Field, HeaderBlock
from mailhooks.mime.message import Message

_LINE: Final = 78
"""Characters of a header line (RFC 5322 section 2.1.1)."""

_PREFIXES: Final = re.compile(r"(?: ?(?:[^\s:\[\]]{1,12}(?:\[\d{1,3}\])? ?[:\uff1a]|\[[^\[\]]{1,40}\]))* ?")
"""Prefixes of a subject in replies, forwards and lists: `Re:`, `AW[2]:`, `[list]`. After other text, a tag is part of the subject."""


def check_tag(tag: str) -> str:
    """Return the tag of a setting, without surrounding white space.

    Raises:
        SettingsError: it is too long, or has control characters or line ends, which would add header fields.
    """
    tag = tag.strip()
    if not tag.isprintable() or len(tag) > 60:
        raise SettingsError("SUBJECT_TAG: use at most 60 printable characters on one line")
    return tag


def tag_edits(message: Message, tag: str) -> list[Edit]:
    """Return the edit that adds a tag and a space before the subject. No edit if the tag is there, perhaps after prefixes such as `Re:`.

    The octets of the subject, its encoded words and its folds, stay as they are. The first of several Subject fields is edited, because
    mail programs display it.
    """
    raw, block = message.raw, message.header
    subject = next(block.named("subject"), None)
    if subject is None:
        return [block.appended(b"Subject: " + encoded_words.encode(tag, "Subject", block.newline) + block.newline)]
    value = subject.value(raw)
    before, found, _ = _normalize(encoded_words.decode(value)).partition(_normalize(tag))
    if found and _PREFIXES.fullmatch(before):
        return []
    return [_insert_before(raw, block, subject, value, tag)]


def _insert_before(raw: bytes, block: HeaderBlock, subject: Field, value: bytes, tag: str) -> Edit:
    own = raw[subject.body : subject.end]
    gap = len(own) - len(own.lstrip(b" \t\r\n"))
    # White space between two encoded words is not displayed (RFC 2047 section 6.2), so the space is part of the encoded tag.
    inside = encoded_words.starts_encoded(value) and not encoded_words.is_plain(tag)
    encoded = encoded_words.encode(tag + " " * inside, "Subject", block.newline)
    if not value or b"\n" in own[:gap]:
        # The first line is empty: the tag is inserted there, and the fold after it, if any, is the space.
        return Edit(subject.body, subject.body, b" " + encoded)
    at = subject.body + gap
    first_line = own[gap:].split(b"\n", 1)[0].rstrip(b"\r")
    last_of_tag = encoded.rpartition(b"\n")[2]
    fits = len(b"Subject: ") + len(last_of_tag) + 1 + len(first_line) <= _LINE
    return Edit(at, at, (b"" if gap else b" ") + encoded + (b" " if fits else block.newline + b" "))


def _normalize(text: str) -> str:
    """Return a text to compare, without differences in case and white space."""
    return " ".join(text.split()).casefold()
