"""The displayed text of a message, in which conditions search. The time is linear for every message."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailhooks.mime.displayed_text import find_text_parts, is_html, read_text
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message

_MAX_TEXT_PARTS: Final = 50
"""Text parts of one message that are read; mail of people has two."""


def visible_text(message: Message, limit: int) -> str:
    """Return the text of the displayed text parts, at most `limit` octets of each. Attachments and forwarded messages are not read."""
    return "\n".join(_texts(message, limit))


def _texts(message: Message, limit: int) -> Iterator[str]:
    for part in islice(find_text_parts(message), _MAX_TEXT_PARTS):
        text = read_text(message.raw, part, limit)
        text = extract_searchable_text(text) if is_html(part) else text
        # Character references of HTML can encode halves of surrogate pairs.
        yield text.encode("utf-8", "replace").decode("utf-8")
