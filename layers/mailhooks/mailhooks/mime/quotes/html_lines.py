"""The displayed lines of HTML, each with the offset at which a block can be inserted above it, and with its marks of quotes.

The newest reply is at the beginning. HTML after the bounds below is not read, so that they limit the time for any HTML.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailhooks.mime.html import BLOCKS, Kind, Token, tokenize, unescape
from mailhooks.mime.quotes.attribution import INVISIBLE, Level, Line, Mark, continues_address, is_quoted
from mailhooks.mime.quotes.client_markup import ELEMENTS, NO_MARKUP, Markup, read_markup
from mailhooks.patterns import compile_late

MAX_LINES: Final = 20_000
"""Lines that are read, at most: a reply of about 200,000 words, or a table of 20,000 rows."""

MAX_PIECES: Final = 120_000
"""Pieces that are read, at most. A tag, a text, a comment or a style sheet of any size is one piece, and so is each `PIECE_LENGTH`
characters of a long text, or of a tag that was not seen before. A paragraph of Outlook has about 10 pieces, a cell of its tables about 12.
"""

PIECE_LENGTH: Final = 64

MAX_OCTETS: Final = 16 * 1024 * 1024
"""Octets of HTML that are read, at most, because a piece may have any size. Images in the HTML count here."""

_ENOUGH: Final = 10_000
"""Characters of a text that are read at its beginning and at its end, and of a tag at its beginning."""

_BREAKS: Final = {"p": 2, "br": 1, "hr": 1}
"""Line ends of a start tag. Two of them make an empty line."""

_VOID: Final = frozenset("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr".split())

_TABLE: Final = frozenset(("table", "tbody", "thead", "tfoot", "tr", "colgroup", "ul", "ol", "dl", "select", "svg", "math"))
"""Elements in which a block cannot be inserted: a browser would move it to before the table (section 13.2.6.4.9)."""

_ROOTS: Final = frozenset(("html", "body"))

_CLOSES: Final = {
    **dict.fromkeys(BLOCKS - {"br"}, frozenset(("p",))),
    "tr": frozenset(("tr", "td", "th")),
    "td": frozenset(("td", "th")),
    "th": frozenset(("td", "th")),
    "li": frozenset(("li",)),
}
"""Open elements that a start tag ends without their end tag: a block ends an open paragraph, a cell the cell before it."""

_SCOPES: Final = frozenset(("table", "ul", "ol", "blockquote", "div"))

_CELLS: Final = frozenset(("td", "th"))
_WORD: Final = compile_late(r"[^ \t\n\f\r]")
_IMAGE: Final = "\ufffc"


@dataclass(slots=True, eq=False)
class _Element:
    """An open element, with its parent: so a line keeps its whole path without a copy."""

    name: str
    start: int
    parent: "_Element | None"
    level: Level


def read_lines(html: str, decode: Callable[[str], str]) -> list[Line]:
    """Return the lines with displayed text or images, in order, up to the bounds.

    Args:
        html: one character for each octet.
        decode: decodes a piece of it by the charset. Must not raise.
    """
    reader = _Reader(decode)
    for token in tokenize(html[:MAX_OCTETS]):
        if not reader.read(token):
            break
    reader.end_line()
    return reader.remove_stray_marks()


def cut_middle(text: str) -> str:
    """Return a text, without its middle if it is long."""
    return text if len(text) <= 2 * _ENOUGH else f"{text[:_ENOUGH]} {text[-_ENOUGH:]}"


class _Reader:
    """Reads the tokens once. `_displayed_at` is the offset of the last displayed text: tokens after it belong to the next line."""

    def __init__(self, decode: Callable[[str], str]) -> None:
        self._decode = decode
        self._lines: list[Line] = []
        self._work = 0
        self._markup_cache: dict[str, Markup] = {}
        self._element: _Element | None = None
        self._open: defaultdict[str, int] = defaultdict(int)
        self._pieces: list[str] = []
        self._displayed_at = -1
        self._breaks = 0
        self._anchor: tuple[int, _Element | None] | None = None
        self._mark = Mark.NONE
        self._mark_of: _Element | None = None

    def read(self, token: Token) -> bool:
        """Read a token. Return whether to read the next one."""
        self._work += 1
        kind = token.kind
        if kind is Kind.TEXT:
            if self._open["pre"]:
                self._read_preformatted(token)
            else:
                self._read_text(token.html, token.start, token.end)
        elif kind is Kind.START:
            self._enter(token)
        elif kind is Kind.END:
            self._leave(token.name)
        return self._is_within_bounds()

    def _is_within_bounds(self) -> bool:
        return self._work < MAX_PIECES and len(self._lines) < MAX_LINES

    def _read_preformatted(self, token: Token) -> None:
        """Read text in `pre`, which has its own lines."""
        start = token.start
        while (end := token.html.find("\n", start, token.end)) >= 0:
            self._read_text(token.html, start, end)
            self.end_line()
            self._work += 1
            if not self._is_within_bounds():
                return
            start = end + 1
        self._read_text(token.html, start, token.end)

    def _read_text(self, html: str, start: int, end: int) -> None:
        first = _WORD.search(html, start, end)
        if first is None:
            self._pieces.append(" ")
            return
        octets = cut_middle(html[start:end])
        self._work += len(octets) // PIECE_LENGTH
        text = unescape(self._decode(octets))
        if not text.isascii():
            text = INVISIBLE.sub("", text)
        if text.strip():
            self._begin_line(start or first.start())
            self._displayed_at = start
        self._pieces.append(text)

    def _begin_line(self, at: int) -> None:
        if self._lines and not self._lines[-1].text:
            return
        place, element = self._anchor or (at, self._element)
        line = Line("", self._find_outermost(place, element), self._breaks > 1 or not self._lines)
        if self._element:
            line.level = self._element.level
        line.mark = self._mark
        self._lines.append(line)
        self._anchor = self._mark_of = None
        self._mark = Mark.NONE
        self._breaks = 0

    def _find_outermost(self, at: int, element: _Element | None) -> int:
        """Return the offset before the largest element without other displayed text so far."""
        best = at
        while element is not None and element.name not in _ROOTS and self._displayed_at < element.start:
            if element.parent is None or element.parent.name not in _TABLE:
                best = element.start
            element = element.parent
        return best

    def end_line(self) -> None:
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        if self._lines and not self._lines[-1].text:
            line = self._lines[-1]
            line.text = " ".join(cut_middle(text).split()) or _IMAGE
            if not line.level and is_quoted(line.text) and not continues_address(self._lines[-3:-1], line.gap):
                line.level = Level.CITED

    def _enter(self, token: Token) -> None:
        name = token.name
        if name in BLOCKS:
            self.end_line()
            if name in _BREAKS:
                self._breaks += _BREAKS[name]
        elif name in _CELLS:
            self._pieces.append(" ")
        elif name == "img":
            self._begin_line(token.start)
            self._displayed_at = token.start
            self._pieces.append(_IMAGE)
            return
        if name in _CLOSES:
            self._close_implied(name)
        found = self._read_markup(token) if name in ELEMENTS else NO_MARKUP
        if found.mark > self._mark or name == "hr":
            self._anchor = self._anchor or (token.start, self._element)
        if name not in _VOID:
            level = max(found.level, self._element.level) if self._element else found.level
            self._element = _Element(name, token.start, self._element, level)
            self._open[name] += 1
        if found.mark > self._mark:
            self._mark = found.mark
            self._mark_of = self._element if found.scoped else None

    def _read_markup(self, token: Token) -> Markup:
        """Return the marks of quotes of a tag. They are cached: programs write the same tags again and again."""
        written = token.html[token.start : min(token.end, token.start + _ENOUGH)]
        found = self._markup_cache.get(written)
        if found is None:
            self._work += 1 + len(written) // PIECE_LENGTH
            # Only one space at the end is kept, because attributes are searched at each.
            end = min(len(written[:-1].rstrip(" \t\n\f\r/")) + 2, len(written))
            found = self._markup_cache[written] = read_markup(token._replace(end=token.start + end))
        return found

    def _close_implied(self, name: str) -> None:
        closes = _CLOSES[name]
        if not any(map(self._open.get, closes)):
            return
        last: str | None = None
        element = self._element
        # Open paragraphs and cells are near, and the limit bounds the time.
        for _ in range(20):
            if element is None or (element.name in _SCOPES and element.name not in closes):
                break
            last = element.name if element.name in closes else last
            element = element.parent
        if last:
            self._pop(last)

    def _leave(self, name: str) -> None:
        if name in BLOCKS:
            self.end_line()
            self._breaks += name == "p"
        elif name in _CELLS:
            self._pieces.append(" ")
        if self._open[name]:
            self._pop(name)

    def _pop(self, name: str) -> None:
        while self._element is not None:
            closed = self._element
            self._open[closed.name] -= 1
            self._element = closed.parent
            if closed is self._mark_of:
                # The sender deleted the quote and left its empty container.
                self._mark, self._mark_of, self._anchor = Mark.NONE, None, None
            if closed.name == name:
                return

    def remove_stray_marks(self) -> list[Line]:
        """Return the lines, without the level of single lines with a quote mark. QUIRK: newsletters begin single links with `>`."""
        lines = self._lines
        quoted = [is_quoted(line.text) for line in lines]
        for index, line in enumerate(lines):
            neighbours = quoted[max(index - 1, 0) : index + 2]
            if quoted[index] and sum(neighbours) == 1:
                line.level = Level.NONE if line.level is Level.CITED and not line.mark else line.level
        return lines
