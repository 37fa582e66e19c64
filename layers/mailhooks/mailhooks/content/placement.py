"""Finds the place of a disclaimer in the text of a message, and inserts it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from mailhooks.mime import html
from mailhooks.mime.edits import CannotEdit, Edit, Reason
from mailhooks.mime.quotes import reply
from mailhooks.mime.text.part import TextPart, convert_to_flowed

TOKEN: Final = "_DISCLAIMER_"  # noqa: S105 - not a password
"""If the sender writes this token, the disclaimer replaces it, for any position."""


class Position(StrEnum):
    """The position of a disclaimer in the text."""

    APPEND = "append"
    PREPEND = "prepend"
    AFTER_REPLY = "after-reply"
    """Below the newest reply and above its quote; at the end if nothing is quoted."""


def select_part(form: Sequence[TextPart], position: Position) -> TextPart:
    """Return the part of a continued text that receives the disclaimer."""
    if len(form) == 1:
        return form[0]
    if token := next((part for part in form if _find_token(part)), None):
        return token
    if position is Position.PREPEND:
        return form[0]
    quoting_parts = (part for part in form[:-1] if position is Position.AFTER_REPLY and _find_quote(part) is not None)
    return next(quoting_parts, form[-1])


def insert(part: TextPart, text: str, position: Position) -> list[Edit]:
    """Return the edits that insert a text into a part: HTML into HTML, plain text into plain text.

    Raises:
        CannotEdit: see `TextPart.replace`; or there is no place for it.
    """
    return _insert_html(part, text, position) if part.is_html else _insert_text(part, text, position)


def _find_token(part: TextPart) -> tuple[int, int] | None:
    """Return the start and end of the token; None without one. A token in a quote is not the sender's."""
    if part.is_html:
        found = html.find_token(part.view(), TOKEN)
    else:
        at = part.octets.find(TOKEN.encode())
        found = (at, at + len(TOKEN)) if at >= 0 else None
    return found if found and ((quote := _find_quote(part)) is None or found[0] < quote) else None


def _find_quote(part: TextPart) -> int | None:
    if part.is_html:
        return reply.find_html_quote(part.view(), part.decode)
    quote = reply.find_text_quote(part.lines())
    return None if quote is None else part.line_start(quote)


def _insert_text(part: TextPart, text: str, position: Position) -> list[Edit]:
    text = (convert_to_flowed(text) if part.is_flowed else text).strip("\n")
    octets = part.octets
    if token := _find_token(part):
        return part.replace(*token, text)
    if position is Position.PREPEND:
        return part.insert(part.start, text + "\n\n" if octets[part.start :].strip() else text)
    at = len(octets)
    if position is Position.AFTER_REPLY and (quote := _find_quote(part)) is not None:
        at = quote
    before = octets[:at]
    blank = "\n" * (2 - _newlines_before(before, part.newline)) if before[part.start :].strip() else ""
    if at < len(octets):
        return part.insert(at, f"{blank}{text}\n\n")
    return part.insert(at, f"{blank}{text}\n" if octets.endswith((b"\n", part.newline)) else f"{blank}{text}")


def _newlines_before(octets: bytes, newline: bytes) -> int:
    """Return the number of line ends at the end, at most 2."""
    tail = octets[-4:].replace(b"\r\n", b"\n")
    tail = tail.replace(b"\r", b"\n") if newline == b"\r" else tail
    return min(len(tail) - len(tail.rstrip(b"\n")), 2)


def _insert_html(part: TextPart, markup: str, position: Position) -> list[Edit]:
    view = part.view()
    if token := _find_token(part):
        return part.replace(*token, markup)
    at: int | None = None
    if position is Position.PREPEND:
        at = html.find_start(view)
    elif position is Position.AFTER_REPLY:
        at = _find_quote(part)
    at = html.find_end(view) if at is None else at
    if at < 0:
        raise CannotEdit(Reason.NO_PLACE)
    return part.insert(max(at, part.start), f"\n{markup}\n")
