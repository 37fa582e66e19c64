"""Search the messages in an attachment: forwarded messages, encoded ones and message files, and the messages in these.

RFC 2046 section 5.2.1 forbids to encode a `message/rfc822`, and some programs do so. Many programs attach a message file (`.eml`) under
another type. Mail programs open all of these, so their attachments count; but none of these is ever changed inside.
"""

import re
from collections.abc import Iterator
from typing import Final

from mailhooks.content import attachment_parts
from mailhooks.content.attachment_rules import AttachmentRules, Match, Reason
from mailhooks.content.zip_archives import ArchiveReader
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import MAX_DEPTH, Message, Part
from mailhooks.patterns import compile_late

_MAX_DECODED: Final = 5
"""Encoded messages in encoded messages."""

_MAX_OCTETS: Final = 128 * 1024 * 1024
"""Octets of messages that are decoded for one attachment, with all their readings."""

_MAX_MESSAGES: Final = 1000
"""Messages in an mbox file that are searched."""

_HEADER_OCTETS: Final = 64 * 1024

_EXTENSIONS: Final = frozenset({".eml", ".emlx", ".mbox", ".mht", ".mhtml", ".nws"})

_BEFORE: Final = compile_late(rb"(?:\xef\xbb\xbf)?\s*+(?:[0-9]+[ \t]*\r?\n)?\s*+")
"""QUIRK: a mark of UTF-8 and empty lines, which mail programs skip, and the number of octets with which an `.emlx` file begins."""
_BEGINNING: Final = compile_late(rb">?From |[!-9;-~]++[ \t]*+:")
_CONTENT_FIELD: Final = compile_late(rb"^content-(?:type|disposition)[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_FROM_LINE: Final = compile_late(rb"^From [^\n]*+\n", re.MULTILINE)


def match(raw: bytes, part: Part, rules: AttachmentRules, archives: ArchiveReader) -> Match | None:
    """Return the first rule that matches an attachment of a message in this part, at any depth.

    An attachment with more messages in it than can be searched matches, too. Time is linear, for any content.
    """
    return _Search(rules, archives).match_inside(raw, part, 0, 0)


class _Search:
    """The search of one attachment."""

    def __init__(self, rules: AttachmentRules, archives: ArchiveReader) -> None:
        self._rules = rules
        self._archives = archives
        self._octets = _MAX_OCTETS

    def match_inside(self, raw: bytes, part: Part, depth: int, decoded: int) -> Match | None:
        """Return the first match in the messages of a part. `depth` and `decoded` count the messages and encoded messages around it."""
        if part.children:
            message = part.children[0]
            # QUIRK: programs skip empty lines and a From line before the header. By RFC 5322, such a message has no header.
            if message.header.fields or message.maintype == "multipart":
                return self._match_message(raw, message, depth + 1, decoded)
        for text in _find_messages(raw, part):
            self._octets -= len(text)
            if depth >= MAX_DEPTH or decoded >= _MAX_DECODED or self._octets < 0:
                return Match(Reason.NOT_SEARCHED, "")
            readings = Message(text).readings
            if readings is None:
                return Match(Reason.NOT_SEARCHED, "")
            for reading in readings:
                if found := self._match_message(reading.raw, reading.structure.root, depth + 1, decoded + 1):
                    return found
        return None

    def _match_message(self, raw: bytes, root: Part, depth: int, decoded: int) -> Match | None:
        for part, _, _, displayed in attachment_parts.walk_leaves(raw, root):
            if displayed:
                found = self._rules.match_in_text(raw, part, self._archives)
            else:
                found = self._rules.match(raw, part, self._archives) or self.match_inside(raw, part, depth, decoded)
            if found:
                return found
        return None


def _find_messages(raw: bytes, part: Part) -> Iterator[bytes]:
    """Yield the messages in the content of a part, in each reading."""
    names = filenames.find_all_filenames(raw, part)
    declared = part.maintype == "message" or any(filenames.find_extensions(name).last & _EXTENSIONS for name in names)
    for content in part_content.read(raw, part):
        beginning = content.beginning(_HEADER_OCTETS)
        before = _BEFORE.match(beginning)
        start = before.end() if before else 0
        if declared or (_BEGINNING.match(beginning, start) and _CONTENT_FIELD.search(beginning)):
            yield from _split_mbox(content.octets()[start:])


def _split_mbox(octets: bytes) -> Iterator[bytes]:
    """Yield the messages of an mbox file, or the one message of another file."""
    if octets.startswith(b">From "):
        octets = octets[1:]
    if not octets.startswith(b"From "):
        yield octets
        return
    for message in _FROM_LINE.split(octets, maxsplit=_MAX_MESSAGES):
        if message := message.lstrip(b"\r\n"):
            yield message
