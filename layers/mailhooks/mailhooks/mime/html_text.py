"""HTML as text: the text that a mail program displays, by the rendering rules of the HTML standard (WHATWG, sections 3.2.7 and 15.3).

All functions share one reader of tags and text. It builds no tree. Time is linear.
"""

import re
from functools import lru_cache
from typing import Final

from mailhooks.mime.html import MARKUP, Kind, Token, unescape
from mailhooks.mime.open_elements import BREAK, CELL, LINE, MARKS, PARAGRAPH, SPECIAL, StyledElements, find_mark, find_styles
from mailhooks.patterns import compile_late

_MARKS_WITH_LINKS: Final = MARKS | {"a": SPECIAL, "img": SPECIAL}

_NEVER_DISPLAYED: Final = frozenset(("script", "style", "title"))
_AS_WRITTEN: Final = frozenset(("textarea", "xmp"))
"""Elements without markup whose content is displayed as it is written."""

_CONDITIONAL: Final = compile_late(r"<!--\[if\b[^\]>]*+\]>(.*)<!\[endif\]--!?>", re.DOTALL | re.IGNORECASE)
_ISLAND: Final = compile_late(r"<xml\b.*?(?:</xml\s*>|\Z)", re.DOTALL | re.IGNORECASE)
"""Settings of Office, which Outlook does not display."""

_TAG: Final = compile_late(r"</?([A-Za-z][A-Za-z0-9]*+)[^>]*>|<[!?][^<>]*>")

_CONTROLS: Final = "\0\1\2\3\4\5\6"
"""Characters that are removed: they are not displayed, and the marks are some of them."""

_MARKS: Final = compile_late("[\1-\5][ \1-\5]*")

IMAGE_OR_ADDRESS: Final = "\ufffc"
"""An image or an address in `convert_to_plain_text` with `only_words`."""


def extract_searchable_text(html: str) -> str:
    """Return the text that any mail program may display, with its lines.

    Text that an inline style hides for certain is left out. Text that only some programs display comes last, because it divides no word in
    the others: in a comment for Outlook, in an element such as `template`, behind a tag without its end, or where a style sheet may
    display hidden text.
    """
    reader = _Reader(html)
    return _lay_out("".join((*reader.pieces, LINE, *reader.aside)))


def extract_visible_text(html: str) -> str:
    """Return the text that every mail program displays, on one line."""
    return " ".join(_lay_out("".join(_Reader(html).pieces)).split())


def convert_to_plain_text(html: str, *, only_words: bool = False) -> str:
    """Return HTML as plain text with lines. A link is followed by its address, an image is its `alt` text.

    With `only_words`, both are `IMAGE_OR_ADDRESS`.
    """
    pieces = _Reader(html, links=_Links(only_words=only_words)).pieces
    lines = _lay_out("".join(pieces).replace(PARAGRAPH, LINE)).split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(" ".join(line.split()) for line in lines)).strip("\n")


class _Links:
    """Adds the addresses of links and the words of images to the pieces of a text."""

    def __init__(self, *, only_words: bool) -> None:
        self._only_words = only_words
        self._address = ""
        self._pieces: list[str] = []
        self._start = 0

    def read(self, tag: Token, pieces: list[str]) -> None:
        """Read a tag of an image or of a link."""
        if tag.name == "img" and tag.kind is Kind.START:
            pieces.append(IMAGE_OR_ADDRESS if self._only_words else tag.attrs.get("alt", ""))
        elif tag.name == "a":
            if tag.kind is Kind.END and pieces is self._pieces and self._is_worth_adding("".join(pieces[self._start :])):
                pieces.append(f" {IMAGE_OR_ADDRESS}" if self._only_words else f" <{self._address.removeprefix('mailto:')}>")
            self._address = "" if tag.kind is Kind.END else tag.attrs.get("href", "")
            self._pieces, self._start = pieces, len(pieces)

    def _is_worth_adding(self, displayed: str) -> bool:
        """Return whether the link has an address that its displayed text does not have."""
        return self._address.startswith(("http://", "https://", "mailto:")) and self._address.removeprefix("mailto:") not in displayed


class _Reader:
    """Reads HTML into pieces of text and marks.

    Attributes:
        pieces: the displayed text.
        aside: text that only some programs display.
    """

    def __init__(self, html: str, *, aside: list[str] | None = None, links: _Links | None = None) -> None:
        self.pieces: list[str] = []
        self.aside: list[str] = [] if aside is None else aside
        self._links = links
        for control in _CONTROLS:
            if control in html:
                html = html.replace(control, "")
        self._html = html
        self._elements = StyledElements(html, self.pieces, self.aside)
        self._read()

    def _read(self) -> None:
        html, elements, pieces = self._html, self._elements, self.pieces
        get_mark = (_MARKS_WITH_LINKS if self._links else MARKS).get
        styles = iter((*find_styles(html), len(html) + 1))
        style = next(styles)
        position = 0
        is_open = False
        for found in MARKUP.finditer(html):
            start, end = found.span()
            if start > position:
                text = unescape(html[position:start])
                pieces.append(elements.read_text(text) if elements.changes_text else text)
            position = end
            if name := found["name"]:
                mark = get_mark(name.lower())
                if not (is_open or style < end or mark == SPECIAL):
                    if mark:
                        pieces.append(mark)
                    continue
                tag = Token(start, end, Kind.END if html[start + 1] == "/" else Kind.START, name.lower(), html)
                # With a `<` within a tag, a style may belong to another element than `find_styles` assumes.
                self._read_tag(tag, has_style=style < end or html.find("<", start + 1, end) > 0)
            elif found["raw"] or found["unfinished"] is not None or html.startswith("<!--[", start):
                self._read_other(found)
            is_open, pieces = elements.is_open, elements.pieces
            while style < end:
                style = next(styles)
        pieces.append(unescape(html[position:]))

    def _read_tag(self, tag: Token, *, has_style: bool) -> None:
        self._elements.read(tag, has_style=has_style)
        if self._links and tag.name in ("a", "img"):
            self._links.read(tag, self._elements.pieces)

    def _read_other(self, found: re.Match[str]) -> None:
        """Read an element without markup, a comment for Outlook, or the rest of the HTML if it has no end."""
        html, (start, end) = self._html, found.span()
        name = (found["raw"] or "").lower()
        if found["unfinished"] is not None or (name and end == len(html)):
            # Tags are searched up to the last `>` only, so that the time is linear.
            last = max(html.rfind(">") + 1, start)
            self.aside += (LINE, unescape(_TAG.sub(lambda tag: find_mark((tag[1] or "").lower()), html[start:last]) + html[last:]))
        elif not name:
            if comment := _CONDITIONAL.fullmatch(html, start, end):
                self._read_aside(_ISLAND.sub("", comment[1]))
        elif name not in _NEVER_DISPLAYED:
            self._elements.read(Token(start, found.start("content"), Kind.START, name, html))
            pieces = self._elements.pieces
            if name in _AS_WRITTEN:
                pieces.append(unescape(found["content"]).replace("\n", BREAK))
            elif name == "noscript" and pieces is self.pieces:
                pieces += _Reader(found["content"], aside=self.aside).pieces
            elif found["content"]:
                self._read_aside(found["content"])
        elif html[found.start("content") - 2] == "/" and found["content"]:
            # In SVG and MathML, `<style/>` is a whole element (section 13.2.6.5), and the text after it is displayed.
            self._read_aside(found["content"])

    def _read_aside(self, html: str) -> None:
        self.aside += (LINE, *_Reader(html, aside=self.aside).pieces)


def _lay_out(text: str) -> str:
    """Return text with white space in place of its marks."""
    for space in "\t\n\f\r":
        text = text.replace(space, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    text = _MARKS.sub(lambda run: _find_space(run[0]), text)
    return text.replace(" \n", "\n").replace(" \t", "\t").strip(" \t\n")


@lru_cache(maxsize=1000)
def _find_space(marks: str) -> str:
    """Return the white space that a run of marks and white space displays."""
    lines = marks.count(BREAK)
    first = marks.partition(BREAK)[0]
    # A block starts a line only if the line has text. A line break directly before a block ends the line that the block ends.
    lines += LINE in first or PARAGRAPH in first
    if PARAGRAPH in marks:
        lines = max(lines, 2)
    return "\n" * lines or ("\t" if CELL in marks else " ")
