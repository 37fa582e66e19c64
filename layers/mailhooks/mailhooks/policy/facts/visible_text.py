"""The displayed text of a message, in which conditions search. The time is linear for every message."""

from collections.abc import Iterator
from typing import Final

from mailhooks.mime import charset, part_content
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message

_MAX_TEXT_PARTS: Final = 50
"""Text parts of one message that are read; mail of people has two."""


def visible_text(message: Message, limit: int) -> str:
    """Return the text of the displayed text parts, at most `limit` octets of each. Attachments and forwarded messages are not read."""
    return "\n".join(_texts(message, limit))


def _texts(message: Message, limit: int) -> Iterator[str]:
    parts, count = [message.structure.root], 0
    while parts and count < _MAX_TEXT_PARTS:
        part = parts.pop()
        if part.maintype == "multipart":
            parts.extend(reversed(part.children))
        elif part.content_type in {"text/plain", "text/html"} and part.header.disposition(message.raw) != "attachment":
            count += 1
            text = charset.decode_loosely(part_content.prefix(message.raw, part, limit), part.charset)
            text = extract_searchable_text(text) if part.subtype == "html" else text
            # UTF-7 and character references of HTML can encode halves of surrogate pairs.
            yield text.encode("utf-8", "replace").decode("utf-8")
