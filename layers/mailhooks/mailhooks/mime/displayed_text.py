"""The text of a message and of its header fields as a mail program displays it. Only for reading, never for an edit.

The one place where an encoded part becomes readable text: its transfer encoding is decoded as far as it can be, and then its charset is
the one of `mailhooks.mime.displayed_charset`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailhooks.mime import displayed_charset, encoded_words, part_content
from mailhooks.mime.headers import Field
from mailhooks.mime.message import Message, Part

_FIRST_PARTS: Final = 10
"""Parts among which the first text is sought."""


def find_text_parts(message: Message) -> Iterator[Part]:
    """Yield the parts that a mail program displays as plain text or as HTML, also of a message that must not be changed.

    Attachments and forwarded messages are not displayed. A multipart whose parts cannot be found is displayed as plain text.
    """
    waiting = [message.structure.root]
    while waiting:
        part = waiting.pop()
        if part.maintype == "multipart" and part.children:
            waiting.extend(reversed(part.children))
            continue
        is_text = part.maintype == "multipart" or part.content_type in {"text/plain", "text/html"}
        if is_text and part.header.disposition(message.raw) != "attachment":
            yield part


def is_html(part: Part) -> bool:
    """Return whether a part of `find_text_parts` is displayed as HTML."""
    return part.content_type == "text/html"


def read_text(raw: bytes, part: Part, limit: int | None = None) -> str:
    """Return the text of a part, at most `limit` octets of it. Markup stays markup. Never raises; linear time."""
    octets = part_content.read_leniently(raw, part, limit)
    is_cut = limit is not None and len(octets) >= limit
    return displayed_charset.decode(octets, part.charset, is_html=is_html(part), is_cut=is_cut)


def read_field(message: Message, field: Field) -> str:
    """Return the text of a header field of the message: decoded, and with one space for a fold. Never raises; linear time.

    QUIRK: old mailers write raw text in the charset of the message's text.
    """
    value = field.displayed_value(message.raw)
    if value.isascii():
        return encoded_words.decode(value)
    first = islice(message.structure.root.walk(), _FIRST_PARTS)
    declared = (part.charset for part in first if part.maintype == "text")
    return encoded_words.decode(value, next(declared, ""))
