"""Where the newest reply of a message ends and what it quotes begins, in plain text and in HTML."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from mailhooks.mime.quotes.attribution import (
    Budget,
    Level,
    Line,
    Mark,
    find_attribution,
    find_label,
    is_blank,
    is_header_block,
    is_quoted,
    is_separator,
    is_trailer,
)
from mailhooks.mime.quotes.html_lines import MAX_LINES, MAX_PIECES, PIECE_LENGTH, cut_middle, read_lines
from mailhooks.mime.quotes.phrases import DIGEST, Label

_ATTRIBUTED: Final = 14
"""Lines between a client's mark of a quote and what is quoted, at most."""

_WRAP: Final = 55
"""Characters of a quoted line that was perhaps wrapped again, at least."""

_TITLE: Final = 30
"""Characters that the first words of a digest are among."""


def find_text_quote(lines: Iterable[str]) -> int | None:
    """The index of the line before which a text goes that belongs under the newest reply and above the quote.

    None when nothing is quoted, or when the reply stands below or inside of the quote, as far as the bounds of `html_lines` go: lines
    behind these are not looked at and count as part of the quote.

    Args:
        lines: decoded, without line ends. No more are taken than are looked at.

    >>> find_text_quote(["Fine!", "", "On 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:", "", "> Lunch?"])
    2
    """
    shown: list[Line] = []
    gap = True
    work = 0
    for index, whole in enumerate(islice(lines, MAX_LINES)):
        text = cut_middle(whole.rstrip())
        if words := " ".join(text.split()):
            shown.append(Line(words, index, gap, Level.CITED if is_quoted(text) else Level.NONE))
        gap = not words
        work += 1 + len(text) // PIECE_LENGTH
        if work >= MAX_PIECES:
            break
    found = find_quote(shown)
    return None if found is None else shown[found].at


def find_html_quote(html: str, decode: Callable[[str], str]) -> int | None:
    """The offset at which a block goes that belongs under the newest reply and above the quote; None as for `find_text_quote`.

    It is in front of the largest element that has only the quote, and never where a block would be moved elsewhere, as in a table row.

    Args:
        html: one character for each octet.
        decode: makes real text of a piece of it. Must not raise.
    """
    shown = read_lines(html, decode)
    found = find_quote(shown)
    return None if found is None else shown[found].at


def find_quote(lines: Sequence[Line]) -> int | None:
    """The index of the first line of the quote that ends the message.

    A reply below a quote makes that quote no place; the search goes on behind it, for one that a client has put there.
    """
    search = _Search(lines)
    position = 0
    while (found := search.next_quote(position, bare_counts=position == 0)) is not None:
        start, body = found
        reply = search.reply_below(body)
        if reply is None:
            return start
        position = reply
    return None


class _Search:
    """What is known of the lines of one message."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._labels = [find_label(line) for line in lines]
        self._looks = Budget()

    def next_quote(self, position: int, *, bare_counts: bool) -> tuple[int, int] | None:
        """The first line of the next quote, its attribution included, and where what is quoted begins; that is the end when all that
        follows is the quote.

        Args:
            bare_counts: whether quoted lines do that nothing announces.
        """
        lines = self._lines
        digest = pasted = False
        for at in range(position, len(lines)):
            line = lines[at]
            if line.level is Level.CITED:
                if line.mark is Mark.HARD:
                    return at, len(lines)
                if line.mark is Mark.SOFT or bare_counts:
                    return at, at
                continue
            digest = digest or line.text[:_TITLE].lstrip("*-_ ").casefold().startswith(DIGEST)
            pasted = self._labels[at] is Label.TRACE or (pasted and not line.gap)
            if self._ends_reply(at, fields_count=not (digest or pasted)):
                return at, len(lines)
            if line.mark is Mark.SOFT and (body := self._quoted_after(at)) is not None:
                return at, body
            above_quote = at + 1 < len(lines) and lines[at + 1].level > line.level
            found = find_attribution(lines, at, self._looks, above_quote=above_quote)
            # Alone above everything and without marked lines below, it may be left of a quote that the reply stands in place of.
            if found is not None and found >= position and (above_quote or found > 0):
                return found, at + 1 if above_quote else len(lines)
        return None

    def reply_below(self, position: int) -> int | None:
        """The line with which somebody's own text begins again below quoted lines; None if nobody's does."""
        lines = self._lines
        while position < len(lines):
            line = lines[position]
            if line.level or is_blank(line) or self._was_wrapped(position):
                position += 1
            elif is_trailer(line) or self._ends_reply(position):
                return None
            else:
                quoted = self._attributed(position)
                if quoted is None:
                    return position
                position = quoted
        return None

    def _ends_reply(self, at: int, *, fields_count: bool = True) -> bool:
        """Whether everything from this line on is the quote, by itself."""
        if self._lines[at].mark is Mark.HARD:
            return True
        return fields_count and (is_separator(self._lines, at, self._labels) or is_header_block(self._lines, at, self._labels))

    def _quoted_after(self, at: int) -> int | None:
        """Where quoted lines begin behind a soft mark; the end when none do, for the mark is then all there is.

        None if nothing stands above either. QUIRK: old versions of Gmail put the newest reply itself into such an element.
        """
        for index in range(at, min(at + _ATTRIBUTED, len(self._lines))):
            if self._lines[index].level:
                return index
        return len(self._lines) if at else None

    def _attributed(self, position: int) -> int | None:
        """Where the next quoted lines begin, if from `position` up to these is nothing but their attribution."""
        for end in range(position, min(position + 5, len(self._lines) - 1)):
            if self._lines[end + 1].level:
                found = find_attribution(self._lines, end, self._looks, above_quote=True)
                return end + 1 if found is not None and found <= position else None
        return None

    def _was_wrapped(self, at: int) -> bool:
        """QUIRK: programs that wrap long lines again leave the rest of a quoted one, often of an address of the web, without its mark."""
        lines = self._lines
        if at + 1 >= len(lines) or lines[at].gap or lines[at + 1].gap:
            return False
        before, after = lines[at - 1], lines[at + 1]
        if before.level is not Level.CITED or after.level is not Level.CITED:
            return False
        return len(before.text) >= _WRAP or "://" in before.text or "://" in lines[at].text
