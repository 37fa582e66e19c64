"""Finds the end of the newest reply, where its quote begins, in plain text and in HTML."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.mime.quotes.any_language import HINT, find_attribution_in_any_language
from mailhooks.mime.quotes.attribution import (
    INVISIBLE,
    Budget,
    Level,
    Line,
    Mark,
    continues_address,
    find_attribution,
    find_label,
    is_blank,
    is_quoted,
    is_trailer,
)
from mailhooks.mime.quotes.header_block import is_block_without_colons, is_header_block, is_separator
from mailhooks.mime.quotes.html_lines import MAX_LINES, MAX_PIECES, PIECE_LENGTH, cut_middle, read_lines
from mailhooks.mime.quotes.older_mail import are_different_mails, is_reply
from mailhooks.mime.quotes.other_marks import OTHER_MARK, mark_other_quotes
from mailhooks.mime.quotes.phrases import DIGEST, FIELDS, Label

_MAX_ATTRIBUTION_LINES: Final = 14
"""Lines between the mark of a quote and the quoted lines, at most."""

_MIN_WRAPPED: Final = 55
"""Characters of the shortest quoted line that may have been wrapped again."""

_DIGEST_PREFIX: Final = 30
"""Characters of a line in which the first words of a digest are searched."""


def find_text_quote(lines: Iterable[str]) -> int | None:
    """Return the index of the line before which to insert a text below the newest reply and above the quote.

    None if nothing is quoted, or if the reply is below or inside of the quote. Lines after the bounds of `html_lines` are not read, and
    they count as part of the quote.

    Args:
        lines: decoded, without line ends.

    >>> find_text_quote(["Fine!", "", "On 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:", "", "> Lunch?"])
    2
    """
    displayed = read_text_lines(lines)
    found = find_quote(displayed)
    return None if found is None else displayed[found].at


def read_text_lines(lines: Iterable[str]) -> list[Line]:
    """Return the lines with words of a plain text, up to the bounds. `Line.at` is the index in `lines`, as for `find_text_quote`."""
    displayed: list[Line] = []
    gap = True
    work = 0
    for index, whole in enumerate(islice(lines, MAX_LINES)):
        text = cut_middle(whole.rstrip())
        if not text.isascii():
            text = INVISIBLE.sub("", text)
        if words := " ".join(text.split()):
            cited = is_quoted(text) and not continues_address(displayed[-2:], gap)
            displayed.append(Line(words, index, gap, Level.CITED if cited else Level.NONE))
        gap = not words
        work += 1 + len(text) // PIECE_LENGTH
        if work >= MAX_PIECES:
            break
    if any(OTHER_MARK.match(line.text) for line in displayed) and not any(line.level for line in displayed):
        mark_other_quotes(displayed)
    return displayed


def find_html_quote(html: str, decode: Callable[[str], str]) -> int | None:
    """Return the offset at which to insert a block below the newest reply and above the quote; None as in `find_text_quote`.

    It is before the largest element that contains only the quote, and never where a browser would move the block, as in a table row.
    The arguments are those of `read_lines`.
    """
    displayed = read_lines(html, decode)
    found = find_quote(displayed)
    return None if found is None else displayed[found].at


def find_quote(lines: Sequence[Line]) -> int | None:
    """Return the index of the first line of the quote at the end of the message; None if there is none.

    A quote with a reply below does not count: the search continues after it.
    """
    quotes = list(QuoteSearch(lines).iterate_quotes())
    if not quotes or quotes[-1].reply is not None:
        return None
    return (find_top_quote(lines, quotes) or quotes[-1]).start


class Quote(NamedTuple):
    """A quote, by indexes of lines.

    Attributes:
        start: its first line, with its attribution.
        body: the first quoted line; the end of the message if the quote extends to the end.
        reply: the first line of the sender's own text below it; None if there is none, for the last quote only.
    """

    start: int
    body: int
    reply: int | None


def find_top_quote(lines: Sequence[Line], quotes: Sequence[Quote]) -> Quote | None:
    """Return the quote below the sender's reply if all lines from there are of older messages; None if there may be other own lines.

    So it is if an unmarked message of another time is at the end: then the lines between the two quotes are of older messages.
    """
    if not quotes or quotes[-1].reply is not None or quotes[-1].body != len(lines):
        return None
    top = next((quote for quote in quotes[:-1] if quote.start < quote.body and is_reply(lines[: quote.start])), None)
    return top if top and are_different_mails(lines, (top.start, top.body), quotes[-1].start) else None


class QuoteSearch:
    """Searches the quotes of one message and the replies below them, from its top to its end."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._labels = [find_label(line) for line in lines]
        self._budget = Budget()

    def iterate_quotes(self, *, each_block: bool = False) -> Iterator[Quote]:
        """Yield the quotes.

        Quoted lines without attribution are a quote at the beginning; if `each_block`, everywhere.
        """
        position: int | None = 0
        while position is not None and (found := self._find_next_quote(position, bare_counts=each_block or position == 0)):
            position = self._find_reply_below(found[1])
            yield Quote(*found, position)

    def _find_next_quote(self, position: int, *, bare_counts: bool) -> tuple[int, int] | None:
        """Return the first line of the next quote, with its attribution, and the first quoted line.

        The first quoted line is the end of the message if the quote extends to the end. Quoted lines without attribution are a quote if
        `bare_counts`.
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
            digest = digest or line.text[:_DIGEST_PREFIX].lstrip("*-_ ").casefold().startswith(DIGEST)
            pasted = self._labels[at] is Label.TRACE or (pasted and not line.gap)
            if self._ends_reply(at, fields_count=not (digest or pasted)):
                return at, len(lines)
            if line.mark is Mark.SOFT and (body := self._find_quoted_after(at)) is not None:
                return at, body
            above_quote = at + 1 < len(lines) and lines[at + 1].level > line.level
            found = self._find_attribution_above(at) if above_quote else find_attribution(lines, at, self._budget, above_quote=False)
            # An attribution at the top, without quoted lines below, may be the rest of a quote that the sender replaced by the reply.
            if found is not None and found >= position and (above_quote or found > 0):
                return found, at + 1 if above_quote else len(lines)
        return None

    def _find_reply_below(self, position: int) -> int | None:
        """Return the first line of the sender's own text below quoted lines; None if there is none."""
        lines = self._lines
        while position < len(lines):
            line = lines[position]
            if line.level or is_blank(line) or self._was_wrapped(position):
                position += 1
            elif is_trailer(line) or self._ends_reply(position):
                return None
            else:
                quoted = self._skip_attribution(position)
                if quoted is None:
                    return None if self._is_older_mail(position) else position
                position = quoted
        return None

    def _ends_reply(self, at: int, *, fields_count: bool = True) -> bool:
        """Return whether the quote begins at a line and extends to the end."""
        if self._lines[at].mark is Mark.HARD:
            return True
        if not fields_count or self._labels[at] is None:
            return False
        is_start = is_separator if self._labels[at] is Label.SEPARATOR else is_header_block
        return is_start(self._lines, at, self._labels)

    def _find_quoted_after(self, at: int) -> int | None:
        """Return the first quoted line after a soft mark; the end if there is none, because then all lines after the mark are quoted.

        None if there is also no line above. QUIRK: in old versions of Gmail the newest reply itself is in such an element.
        """
        for index in range(at, min(at + _MAX_ATTRIBUTION_LINES, len(self._lines))):
            if self._lines[index].level:
                return index
        return len(self._lines) if at else None

    def _find_attribution_above(self, end: int) -> int | None:
        """Return the first line of the attribution above quoted lines."""
        found = find_attribution(self._lines, end, self._budget, above_quote=True)
        if found is None and self._labels[end] in FIELDS:
            start = end
            while start and self._labels[start - 1] in FIELDS:
                start -= 1
            # Two fields are the rest of a block that the sender shortened.
            found = start if start < end else None
        if found is None and HINT.search(self._lines[end].text):
            found = find_attribution_in_any_language(self._lines, end, self._budget)
        return found

    def _skip_attribution(self, position: int) -> int | None:
        """Return the next quoted line, if only its attribution is between `position` and it; else None."""
        for end in range(position, min(position + 5, len(self._lines) - 1)):
            if self._lines[end + 1].level:
                found = self._find_attribution_above(end)
                return end + 1 if found is not None and found <= position else None
        return None

    def _is_older_mail(self, position: int) -> bool:
        """Return whether an older message without marks begins at a line, or after a title of up to three lines."""
        for at in range(position, min(position + 4, len(self._lines))):
            if is_block_without_colons(self._lines, at):
                return True
            if find_attribution(self._lines, at, self._budget, above_quote=False) == position:
                return True
        return False

    def _was_wrapped(self, at: int) -> bool:
        """Return whether a line is the rest of a quoted line. QUIRK: programs wrap long lines, such as URLs, without a quote mark."""
        lines = self._lines
        if at + 1 >= len(lines) or lines[at].gap or lines[at + 1].gap:
            return False
        before, after = lines[at - 1], lines[at + 1]
        if before.level is not Level.CITED or after.level is not Level.CITED:
            return False
        return len(before.text) >= _MIN_WRAPPED or "://" in before.text or "://" in lines[at].text
