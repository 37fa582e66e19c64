"""The part of a message that an approver reads: author, subject, the beginning of its text, and the names of its attachments.

All values are text for a page or a mail: cut to a length, and without characters that would change the order or the look of other text.
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from mailhooks.content import attachment_parts
from mailhooks.mime import filenames, part_content
from mailhooks.mime.displayed_text import find_preferred_text_parts, is_html, read_field, read_text
from mailhooks.mime.html_text import convert_to_plain_text
from mailhooks.mime.message import Message, Part

TEXT_CHARACTERS: Final = 2000
LINE_CHARACTERS: Final = 300
"""Characters of one value, such as a subject, at most."""

_READ_OCTETS: Final = 512 * 1024
"""Of all text parts: HTML has style sheets before its text, and the function may not run long enough for 20 MB of markup."""

_MOST_ATTACHMENTS: Final = 50

_CONTROLS: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufff9-\ufffb]")
_DIRECTION: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that change the order of other text: of those behind them, and so of a file name's extension (Unicode, UAX 9)."""
_LINE_ENDS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANK_LINES: Final = re.compile(r"\n\s*\n\s*\n")


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment.

    Attributes:
        name: without a name, its content type in parentheses.
        other_names: the names that other mail programs show.
        octets: after decoding.
    """

    name: str
    other_names: tuple[str, ...]
    octets: int


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """See the module.

    Attributes:
        text: of the alternatives, the one that mail programs prefer; as plain text.
        is_cut: whether the message has more text, or may have.
        more_attachments: the number of attachments that are not in `attachments`.
    """

    author: str
    subject: str
    text: str
    is_cut: bool
    attachments: tuple[Attachment, ...]
    more_attachments: int


def read_preview(raw: bytes) -> MessagePreview:
    """Return the preview of a message."""
    message = Message(raw)
    text, has_more = _read_text(message)
    text = make_displayable(text)
    parts = [part for part, _, _ in attachment_parts.walk(raw, message.structure.root)]
    return MessagePreview(
        author=_read_header(message, "from"),
        subject=_read_header(message, "subject"),
        text=text[:TEXT_CHARACTERS],
        is_cut=has_more or len(text) > TEXT_CHARACTERS,
        attachments=tuple(_describe(raw, part) for part in parts[:_MOST_ATTACHMENTS]),
        more_attachments=max(0, len(parts) - _MOST_ATTACHMENTS),
    )


def make_displayable(text: str) -> str:
    """Return a text whose control and direction characters are visible, without runs of blank lines.

    >>> make_displayable("invoice\\u202efdp.exe\\0")
    'invoice[U+202E]fdp.exe\\ufffd'
    """
    text = _CONTROLS.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    return _BLANK_LINES.sub("\n\n", _DIRECTION.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)).strip("\n")


def make_displayable_line(text: str, limit: int = LINE_CHARACTERS) -> str:
    """Return a text on one line with `limit` characters at most, as `make_displayable`."""
    line = " ".join(make_displayable(text[: 4 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _read_header(message: Message, name: str) -> str:
    """Return all fields with a name: of several From fields, mail programs show different ones."""
    fields = islice(message.header.named(name), 10)
    return make_displayable_line(" | ".join(read_field(message, field, 4 * LINE_CHARACTERS) for field in fields))


def _read_text(message: Message) -> tuple[str, bool]:
    """Return the begin of the displayed text, and whether the message has more text parts, or more of one, than were read."""
    texts: list[str] = []
    characters, octets = TEXT_CHARACTERS, _READ_OCTETS
    for part in find_preferred_text_parts(message):
        if characters < 0 or octets <= 0:
            return "\n".join(texts), True
        text = read_text(message.raw, part, octets)
        octets -= part_content.size(message.raw, part)
        texts.append(convert_to_plain_text(text) if is_html(part) else text)
        characters -= len(texts[-1])
    return "\n".join(texts), octets < 0


def _describe(raw: bytes, part: Part) -> Attachment:
    found = filenames.find_all_filenames(raw, part) or filenames.find_fallback_names(raw, part)
    names = list(dict.fromkeys(filter(None, map(filenames.make_printable, found))))
    name = names[0] if names else f"({make_displayable_line(part.content_type, 80)})"
    return Attachment(name, tuple(names[1:4]), part_content.size(raw, part))
