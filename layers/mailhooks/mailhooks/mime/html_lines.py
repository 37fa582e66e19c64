"""The lines that HTML shows, each with the place above it where a block may go, and what the markup says of quotes."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from .attribution import Level, Line, Mark, is_quoted
from .html import BLOCKS, Kind, Token, tokens, unescape
from .html_marks import Marked, marked

_VOID: Final = frozenset("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr".split())

_TABLE: Final = frozenset(("table", "tbody", "thead", "tfoot", "tr", "colgroup", "ul", "ol", "dl", "select", "svg", "math"))
"""Elements in which no block may stand by itself: a browser would move it out of a table, to before it (section 13.2.6.4.9)."""

_ROOTS: Final = frozenset(("html", "body"))

_CLOSES: Final = {
    "tr": frozenset(("tr", "td", "th")),
    "td": frozenset(("td", "th")),
    "th": frozenset(("td", "th")),
    "li": frozenset(("li",)),
}
"""What a start tag ends that has no end tag of its own."""

_SCOPES: Final = frozenset(("table", "ul", "ol", "blockquote", "div"))

_INVISIBLE: Final = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)

_WORD: Final = re.compile(r"[^ \t\n\f\r]")
_IMAGE: Final = "\ufffc"


class _Element:
    """An open element. Elements point to those around them, so that a line keeps its whole path at no cost."""

    __slots__ = ("level", "mark", "name", "parent", "start")

    def __init__(self, name: str, start: int, parent: "_Element | None", found: Marked) -> None:
        self.name = name
        self.start = start
        self.parent = parent
        self.mark = found.mark
        self.level: Level = max(found.level, parent.level if parent else Level.NONE)


def shown_lines(html: str, decode: Callable[[str], str]) -> list[Line]:
    """The lines that show something, in order."""
    reader = _Reader(decode)
    for token in tokens(html):
        reader.take(token)
    reader.end_line()
    return reader.without_stray_marks()


class _Reader:
    """Goes through the tokens once. `_shown` is where something was shown last: what lies behind belongs to the line that comes next."""

    def __init__(self, decode: Callable[[str], str]) -> None:
        self._decode = decode
        self._lines: list[Line] = []
        self._element: _Element | None = None
        self._open: Counter[str] = Counter()
        self._pieces: list[str] = []
        self._shown = -1
        self._breaks = 0
        self._anchor: tuple[int, _Element | None] | None = None
        self._mark = Mark.NONE
        self._mark_of: _Element | None = None

    def take(self, token: Token) -> None:
        if token.kind is Kind.TEXT:
            for piece in self._pieces_of(token):
                self._show(piece)
        elif token.kind is Kind.START:
            self._enter(token)
        elif token.kind is Kind.END:
            self._leave(token.name)

    def _pieces_of(self, token: Token) -> Iterator[Token]:
        """Text in `pre` has lines of its own."""
        if not self._open["pre"]:
            yield token
            return
        start = token.start
        for part in token.text.split("\n"):
            if start > token.start:
                self.end_line()
            yield token._replace(start=start, end=start + len(part))
            start += len(part) + 1

    def _show(self, token: Token) -> None:
        first = _WORD.search(token.html, token.start, token.end)
        if first is None:
            self._pieces.append(" ")
            return
        text = unescape(self._decode(token.text))
        if not text.isascii():
            text = text.translate(_INVISIBLE)
        if text.strip():
            self._begin_line(token.start if token.start else first.start())
            self._shown = token.start
        self._pieces.append(text)

    def _begin_line(self, at: int) -> None:
        """Notes where the line lies, with its first word or image."""
        if self._lines and not self._lines[-1].text:
            return
        place, element = self._anchor or (at, self._element)
        line = Line("", self._outermost(place, element), self._breaks > 1 or not self._lines)
        if self._element:
            line.level = self._element.level
        line.mark = self._mark
        self._lines.append(line)
        self._anchor = self._mark_of = None
        self._mark = Mark.NONE
        self._breaks = 0

    def _outermost(self, at: int, element: _Element | None) -> int:
        """The place before the largest element of which nothing else is shown yet."""
        best = at
        while element is not None and element.name not in _ROOTS and self._shown < element.start:
            if element.parent is None or element.parent.name not in _TABLE:
                best = element.start
            element = element.parent
        return best

    def end_line(self) -> None:
        text = " ".join("".join(self._pieces).split())
        self._pieces.clear()
        if self._lines and not self._lines[-1].text:
            line = self._lines[-1]
            line.text = text or _IMAGE
            if not line.level and is_quoted(text):
                line.level = Level.CITED

    def _enter(self, token: Token) -> None:
        name = token.name
        if name in BLOCKS:
            self.end_line()
            self._breaks += 2 if name == "p" else name in ("br", "hr")
        elif name in ("td", "th"):
            self._pieces.append(" ")
        if name == "img":
            self._begin_line(token.start)
            self._shown = token.start
            self._pieces.append(_IMAGE)
            return
        self._close_implied(name)
        found = marked(token)
        if found.mark > self._mark or name == "hr":
            self._anchor = self._anchor or (token.start, self._element)
        if name not in _VOID:
            self._element = _Element(name, token.start, self._element, found)
            self._open[name] += 1
        if found.mark > self._mark:
            self._mark = found.mark
            self._mark_of = self._element if found.scoped else None

    def _close_implied(self, name: str) -> None:
        """A block ends an open paragraph, a cell the one before."""
        closes = _CLOSES.get(name) or (frozenset(("p",)) if name in BLOCKS and name != "br" else frozenset())
        if not any(self._open[other] for other in closes):
            return
        last: str | None = None
        element = self._element
        # The nearest few: paragraphs and cells that were left open lie close by, and time stays bounded.
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
        elif name in ("td", "th"):
            self._pieces.append(" ")
        if self._open[name]:
            self._pop(name)

    def _pop(self, name: str) -> None:
        while self._element is not None:
            gone = self._element
            self._open[gone.name] -= 1
            self._element = gone.parent
            if gone is self._mark_of:
                # It has closed without showing anything: a quote was deleted, and its container is left.
                self._mark, self._mark_of, self._anchor = Mark.NONE, None, None
            if gone.name == name:
                return

    def without_stray_marks(self) -> list[Line]:
        """QUIRK: newsletters begin links with `>`, one at a time. A client's quote of such lines begins with several fields."""
        lines = self._lines
        quoted = [is_quoted(line.text) for line in lines]
        for index, line in enumerate(lines):
            beside = quoted[max(index - 1, 0) : index + 2]
            if quoted[index] and sum(beside) == 1:
                line.level = Level.NONE if line.level is Level.CITED and not line.mark else line.level
        return lines
