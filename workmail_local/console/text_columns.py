"""Text in terminal columns: how wide it is, cut to a width, without control characters."""

import unicodedata

from mail_gateway.text import escape_controls

__all__ = ["count_columns", "escape_controls", "fit"]


def count_columns(text: str) -> int:
    """Return the width of a text on a terminal: an East Asian wide character has two columns, a combining one none."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def fit(text: str, width: int, *, keep_end: bool = False) -> str:
    """Cut a text to `width` columns if it is wider.

    Args:
        keep_end: cut the beginning, not the end.
    """
    if count_columns(text) <= width:
        return text
    room, kept = width - 3, 0
    for char in reversed(text) if keep_end else text:
        room -= count_columns(char)
        if room < 0:
            break
        kept += 1
    return f"...{text[len(text) - kept :]}" if keep_end else f"{text[:kept]}..."
