"""Text in terminal columns: how wide it is, cut to a width, without control characters."""

import unicodedata


def printable(text: str) -> str:
    """Return the text with control characters as escapes: text from mail must not control a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def columns(text: str) -> int:
    """Return the width of a text on a terminal: an East Asian wide character has two columns, a combining one none."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def fit(text: str, width: int, *, keep_end: bool = False) -> str:
    """Return the text, cut to `width` columns when it is wider.

    Args:
        keep_end: cut the beginning, not the end.
    """
    if columns(text) <= width:
        return text
    room, kept = width - 3, 0
    for char in reversed(text) if keep_end else text:
        room -= columns(char)
        if room < 0:
            break
        kept += 1
    return f"...{text[len(text) - kept :]}" if keep_end else f"{text[:kept]}..."
