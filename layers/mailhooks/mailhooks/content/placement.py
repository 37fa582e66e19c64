"""Finds the place of a disclaimer in the text of a message, and inserts it."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from typing import Final

from mailhooks.mime import html
from mailhooks.mime.edits import CannotEdit, Edit, Reason
from mailhooks.mime.quotes import reply
from mailhooks.mime.text.part import TextPart, convert_to_flowed
from mailhooks.patterns import compile_late

_STYLED: Final = ("<style", "color-scheme", "position", "display", "hidden", "hide", "rtl")
"""Words of markup that may hide or move a block."""

_ABSOLUTE: Final = compile_late(r"position\s*:\s*(?:absolute|fixed)")

_ALIGNED: Final = compile_late(r"align=(?<!\walign=)[\"']?(?:left|right)")
"""The attribute comes first in the expression, because the search for a fixed text is fast."""
_MAX_ALIGNED: Final = 100

_CLEAR: Final = '<!--[if mso]><br clear="all"><![endif]-->'
"""QUIRK: Outlook for Windows ignores the style `clear`."""

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


def insert(part: TextPart, text: str, position: Position, name: str) -> list[Edit]:
    """Return the edits that insert a text into a part: HTML into HTML, plain text into plain text.

    Args:
        name: the class of the element around inserted HTML.

    Raises:
        CannotEdit: see `TextPart.replace`; or there is no place for it.
    """
    return _insert_html(part, text, position, name) if part.is_html else _insert_text(part, text, position)


def write_block(markup: str, name: str) -> str:
    """Return HTML in an element with a class, below what floats before it. Most mail programs keep the class when they quote."""
    return f'<div class="{name}" style="clear:both">{markup}</div>'


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


def _insert_html(part: TextPart, markup: str, position: Position, name: str) -> list[Edit]:
    view = part.view()
    if token := _find_token(part):
        return part.replace(*token, _write_block(view, markup, name, token[0])[0])
    at: int | None = None
    end_tags = ""
    if position is Position.PREPEND:
        at = html.find_start(view)
    elif position is Position.AFTER_REPLY and (at := _find_quote(part)) is not None:
        end_tags = _leave_link(view, at)
    if at is None:
        at, end_tags = html.find_exit(view)
    if at < 0:
        raise CannotEdit(Reason.NO_PLACE)
    block, at = _write_block(view, markup, name, at, leads=position is Position.PREPEND)
    # No space before the end tags: a link would be open again.
    return part.insert(max(at, part.start), f"{end_tags}\n{block}\n")


def _write_block(view: str, markup: str, name: str, at: int, *, leads: bool = False) -> tuple[str, int]:
    """Return the block, with styles if the message has such that may hide or move it, and the offset of its place."""
    lower = view.lower()
    if _has_floats(lower):
        markup = _CLEAR + markup
    has_attributes = any(lower.count(tag) > lower.count(f"{tag}>") for tag in ("<body", "<html"))
    if not has_attributes and not any(word in lower for word in _STYLED):
        return write_block(markup, name), at
    # Late for the cold start: plain HTML needs no styles.
    from mailhooks.content import block
    from mailhooks.mime import out_of_flow
    from mailhooks.mime.styles import read_styles

    styles = read_styles(view)
    above = out_of_flow.find_bottom(view, styles) if _ABSOLUTE.search(lower) else 0
    if above is None or (leads and (above or not block.has_place_first(styles))):
        raise CannotEdit(Reason.NO_PLACE)
    place = out_of_flow.skip_preview(view, at, styles) if leads else at
    return block.write_block(markup, name, styles, leads=leads, is_nested=place > at, above=above), place


def _has_floats(lower: str) -> bool:
    """Return whether one of the first aligned elements is a table or an image, which text flows around."""
    aligned = islice(_ALIGNED.finditer(lower), _MAX_ALIGNED)
    return any(lower.startswith(("<table", "<img"), max(lower.rfind("<", 0, found.start()), 0)) for found in aligned)


def _leave_link(view: str, at: int) -> str:
    """Return the end tag of a link that the message does not close before an offset."""
    before = view[:at].lower()
    start = max(before.rfind("<a "), before.rfind("<a\n"), before.rfind("<a\r"))
    return "</a>" if start > before.rfind("</a") and "href" in before[start:] else ""
