"""Where the newest reply of a message ends and what it quotes begins, in plain text and in HTML."""

from collections.abc import Callable, Sequence
from typing import Final

from .attribution import Level, Line, Mark, attribution, is_header_block, is_nothing, is_quoted, is_separator, is_trailer, label
from .html_lines import shown_lines
from .phrases import DIGEST, Label

_ATTRIBUTED: Final = 14
"""Lines between a client's mark of a quote and what is quoted, at most."""

_QUOTES: Final = 1000
"""Quotes with a reply below, at most."""

_ATTEMPTS: Final = 5000
"""Lines that may be the end of an attribution though no marked quote is below, at most. This and the above bound the time."""

_WRAP: Final = 55
"""Characters of a quoted line that was perhaps wrapped again, at least."""


def text_quote(lines: Sequence[str]) -> int | None:
    """The index of the line before which a text goes that belongs under the newest reply and above the quote.

    None when nothing is quoted, or when the reply stands below or inside of the quote.

    Args:
        lines: decoded, without line ends.

    >>> text_quote(["Fine!", "", "On 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:", "", "> Lunch?"])
    2
    """
    shown: list[Line] = []
    gap = True
    for index, text in enumerate(lines):
        if words := " ".join(text.split()):
            shown.append(Line(words, index, gap, Level.CITED if is_quoted(text) else Level.NONE))
        gap = not words
    found = find_quote(shown)
    return None if found is None else shown[found].at


def html_quote(html: str, decode: Callable[[str], str]) -> int | None:
    """The offset at which a block goes that belongs under the newest reply and above the quote; None as for `text_quote`.

    It is in front of the largest element that has only the quote, and never where a block would be moved elsewhere, as in a table row.

    Args:
        html: one character for each octet.
        decode: makes real text of a piece of it. Must not raise.
    """
    shown = shown_lines(html, decode)
    found = find_quote(shown)
    return None if found is None else shown[found].at


def find_quote(lines: Sequence[Line]) -> int | None:
    """The index of the first line of the quote that ends the message.

    A reply below a quote makes that quote no place; the search goes on behind it, for one that a client has put there.
    """
    labels = [label(line) for line in lines]
    position = 0
    for number in range(_QUOTES):
        found = _next_quote(lines, labels, position, bare_counts=number == 0)
        if found is None:
            break
        start, body = found
        reply = _reply_below(lines, labels, body)
        if reply is None:
            return start
        position = reply
    return None


def _next_quote(lines: Sequence[Line], labels: Sequence[Label | None], position: int, *, bare_counts: bool) -> tuple[int, int] | None:
    """The first line of the next quote, its attribution included, and where what is quoted begins; that is `len(lines)` when all that
    follows is the quote.

    Args:
        bare_counts: whether quoted lines do that nothing announces.
    """
    first = position
    digest = pasted = False
    attempts = 0
    for at in range(position, len(lines)):
        line = lines[at]
        if line.level is Level.CITED:
            if line.mark is Mark.HARD:
                return at, len(lines)
            if line.mark is Mark.SOFT or bare_counts:
                return at, at
            continue
        digest = digest or line.text.lstrip("*-_ ").casefold().startswith(DIGEST)
        pasted = labels[at] is Label.TRACE or (pasted and not line.gap)
        if _ends_reply(lines, labels, at, fields_count=not (digest or pasted)):
            return at, len(lines)
        if line.mark is Mark.SOFT and (body := _quoted_after(lines, at)) is not None:
            return at, body
        above_quote = at + 1 < len(lines) and lines[at + 1].level > line.level
        if above_quote or attempts < _ATTEMPTS:
            attempts += 1
            found = attribution(lines, at, above_quote=above_quote)
            # Alone above everything and without marked lines below, it may be left of a quote that the reply stands in place of.
            if found is not None and found >= first and (above_quote or found > 0):
                return found, at + 1 if above_quote else len(lines)
    return None


def _ends_reply(lines: Sequence[Line], labels: Sequence[Label | None], at: int, *, fields_count: bool = True) -> bool:
    """Whether everything from this line on is the quote, by itself."""
    if lines[at].mark is Mark.HARD:
        return True
    return fields_count and (is_separator(lines, at, labels) or is_header_block(lines, at, labels))


def _quoted_after(lines: Sequence[Line], at: int) -> int | None:
    """Where quoted lines begin behind a soft mark; the end when none do, for the mark is then all there is.

    None if nothing stands above either. QUIRK: old versions of Gmail put the newest reply itself into such an element.
    """
    for index in range(at, min(at + _ATTRIBUTED, len(lines))):
        if lines[index].level:
            return index
    return len(lines) if at else None


def _reply_below(lines: Sequence[Line], labels: Sequence[Label | None], position: int) -> int | None:
    """The line with which somebody's own text begins again below quoted lines; None if nobody's does."""
    while position < len(lines):
        line = lines[position]
        if line.level or is_nothing(line) or _was_wrapped(lines, position):
            position += 1
        elif is_trailer(line) or _ends_reply(lines, labels, position):
            return None
        else:
            quoted = _attributed(lines, position)
            if quoted is None:
                return position
            position = quoted
    return None


def _attributed(lines: Sequence[Line], position: int) -> int | None:
    """Where the next quoted lines begin, if from `position` up to these is nothing but their attribution."""
    for end in range(position, min(position + 5, len(lines) - 1)):
        if lines[end + 1].level:
            found = attribution(lines, end, above_quote=True)
            return end + 1 if found is not None and found <= position else None
    return None


def _was_wrapped(lines: Sequence[Line], at: int) -> bool:
    """QUIRK: programs that wrap long lines again leave the rest of a quoted one, often of an address of the web, without its mark."""
    if at + 1 >= len(lines) or lines[at].gap or lines[at + 1].gap:
        return False
    before, after = lines[at - 1], lines[at + 1]
    if before.level is not Level.CITED or after.level is not Level.CITED:
        return False
    return len(before.text) >= _WRAP or "://" in before.text or "://" in lines[at].text
