"""Puts a tag such as `[EXTERNAL]` before a message's subject, once, as a splice into the message's own field.

The subject is read from the message: the one in the event is cut at 256 characters.
"""

import re
from typing import Final

from mailhooks.errors import SettingsError
from mailhooks.mime import encoded_words
from mailhooks.mime.edits import Edit
from mailhooks.mime.headers import Field, HeaderBlock
from mailhooks.mime.message import Message

_LINE: Final = 78
"""Characters that a line of a header should not exceed (RFC 5322 section 2.1.1)."""

_MARKS: Final = re.compile(r"(?: ?(?:[^\s:\[\]]{1,12}(?:\[\d{1,3}\])? ?[:\uff1a]|\[[^\[\]]{1,40}\]))* ?")
"""What replies, forwards and lists put before a subject: `Re:`, `AW[2]:`, `[list]`. A tag farther on is no tag, but part of the text."""


def check_tag(tag: str) -> str:
    """The tag that somebody typed, trimmed.

    Raises:
        SettingsError: it has control characters or line ends, which would forge fields, or is too long to be a tag.
    """
    tag = tag.strip()
    if not tag.isprintable() or len(tag) > 60:
        raise SettingsError("SUBJECT_TAG: use at most 60 printable characters on one line")
    return tag


def tag_edits(message: Message, tag: str) -> list[Edit]:
    """The edit that puts `tag` and a space before the subject; none when it stands there, be it behind the marks of replies and lists.

    The subject's own octets, encoded words and folds stay as they are. Of several Subject fields the first is edited, as clients show it.
    """
    raw, block = message.raw, message.header
    subject = next(block.named("subject"), None)
    if subject is None:
        return [block.appended(b"Subject: " + encoded_words.encode(tag, "Subject", block.newline) + block.newline)]
    value = subject.value(raw)
    before, found, _ = _bare(encoded_words.decode(value)).partition(_bare(tag))
    if found and _MARKS.fullmatch(before):
        return []
    return [_before(raw, block, subject, value, tag)]


def _before(raw: bytes, block: HeaderBlock, subject: Field, value: bytes, tag: str) -> Edit:
    own = raw[subject.body : subject.end]
    gap = len(own) - len(own.lstrip(b" \t\r\n"))
    # Between two encoded words white space is not shown, so that the tag's own must hold the space (RFC 2047 section 6.2).
    inside = encoded_words.starts_encoded(value) and not encoded_words.is_plain(tag)
    encoded = encoded_words.encode(tag + " " * inside, "Subject", block.newline)
    if not value or b"\n" in own[:gap]:
        # Nothing on the first line: the tag goes there, and the fold (if any) is the space behind it.
        return Edit(subject.body, subject.body, b" " + encoded)
    at = subject.body + gap
    first_line = own[gap:].split(b"\n", 1)[0].rstrip(b"\r")
    last_of_tag = encoded.rpartition(b"\n")[2]
    fits = len(b"Subject: ") + len(last_of_tag) + 1 + len(first_line) <= _LINE
    return Edit(at, at, (b"" if gap else b" ") + encoded + (b" " if fits else block.newline + b" "))


def _bare(text: str) -> str:
    """For comparing: case and the width of white space do not matter."""
    return " ".join(text.split()).casefold()
