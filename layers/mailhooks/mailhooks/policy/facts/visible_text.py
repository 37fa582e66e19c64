"""The displayed text of a message, in which conditions search. The time is linear for every message."""

from mailhooks.mime.displayed_text import read_every_text
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message


def read_visible_text(message: Message, limit: int) -> str:
    """Return the texts that mail programs display, at most `limit` octets of each. Attachments and forwarded messages are not read."""
    texts = (extract_searchable_text(text) if is_html else text for text, is_html in read_every_text(message, limit))
    # Character references of HTML can encode halves of surrogate pairs.
    return "\n".join(texts).encode("utf-8", "replace").decode("utf-8")
