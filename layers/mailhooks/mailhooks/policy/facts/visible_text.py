"""The displayed text of a message, and the newest reply in it, in which conditions search. The time is linear for every message."""

from collections.abc import Iterable

from mailhooks.mime.displayed_text import find_preferred_text_parts, read_every_text
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message


def read_visible_text(message: Message, limit: int) -> str:
    """Return the texts that mail programs display, at most `limit` octets of each. Attachments and forwarded messages are not read."""
    return _join(extract_searchable_text(text) if is_html else text for text, is_html in read_every_text(message, limit))


def read_own_texts(message: Message, limit: int) -> str:
    """Return the newest reply in these texts, as `read_own_text`; of alternatives, such as plain text and HTML, in the preferred one.

    A program that cannot display the other one, whose quote may have no marks, is rare.
    """
    from mailhooks.mime.quotes.own_text import read_own_text  # Late: few policies need the tables of quotes.

    return _join(read_own_text(text, is_html=is_html) for text, is_html in read_every_text(message, limit, find_preferred_text_parts))


def _join(texts: Iterable[str]) -> str:
    # Character references of HTML can encode halves of surrogate pairs.
    return "\n".join(texts).encode("utf-8", "replace").decode("utf-8")
