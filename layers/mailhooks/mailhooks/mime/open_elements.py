"""The marks of elements in text, and the open elements within an element with a style.

The open elements follow the tree construction of the HTML standard (WHATWG, section 13.2.6) on the safe side: where it is not certain that
an element is still open, it ends, so that its style hides no text that a person sees. Depth is bounded, and time is linear.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from mailhooks.mime.html import FORMATTING, Kind, OpenElements, Token, tokenize
from mailhooks.mime.inline_styles import InlineStyle, StyleSheets
from mailhooks.patterns import compile_late

PARAGRAPH, LINE, BREAK, CELL, BOX = "\1\2\3\4\5"
"""Marks in text until it is laid out: at a paragraph, at another block, of a `br`, at a cell, at a box within a line."""

SPECIAL: Final = "\6"
"""In place of a mark: the element is read by `StyledElements`."""

MARKS: Final = {
    **dict.fromkeys(
        """address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption figure footer form frameset
        h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup option search section select summary table tbody
        text tfoot thead tr ul xmp""".split(),
        LINE,
    ),
    **dict.fromkeys(("td", "th"), CELL),
    **dict.fromkeys("button marquee textarea".split(), BOX),
    **dict.fromkeys("audio datalist dialog listing meter pre progress rp template video".split(), SPECIAL),
    "p": PARAGRAPH,
    "br": BREAK,
}
"""The mark at the start and at the end of an element. QUIRK: a part of a table separates words outside of a table, too."""

_STYLES: Final = {
    b"display": rb"(?P<block>\s?:\s?block(?![\w-]))|(?P<line>\s?:\s?inline(?:-block)?(?![\w-]))|",
    b"hidden": b"",
    b"visib": b"",
    b"opacity": rb"\s*+:\s*+[.0]",
    b"font-size": rb"\s*+:\s*+[.0]",
    b"max-height": rb"\s*+:\s*+[.0]",
    b"float": rb"(?P<block>\s*+:\s*+(?:lef|righ)t)",
    b"position": rb"(?P<block>\s*+:\s*+(?:absolut|fix)e)",
    b"white-space": rb"\s*+:\s*+(?:pre|break)",
}
"""The properties and attributes with an effect on text, with expressions for their values, compiled at their first use."""

_NAME: Final = compile_late(rb"[a-z0-9]++")
_MAX_TAG: Final = 2000

_SPECIAL_MARKS: Final = {"pre": LINE, "listing": LINE, "dialog": LINE}

_ASIDE: Final = frozenset("audio datalist dialog meter progress rp template video".split())
"""Elements whose content is displayed only by programs that do not know them. A `dialog` with `open` is displayed by all."""

_BLOCK: Final = frozenset("block flow-root flex grid list-item table table-row table-row-group table-caption".split())
_INLINE: Final = frozenset("inline inline-block inline-flex inline-grid inline-table contents".split())
_FLEX: Final = frozenset("flex grid inline-flex inline-grid".split())
_LINES: Final = frozenset("pre pre-wrap pre-line break-spaces".split())

_NEVER_OPEN: Final = frozenset(
    """area base basefont bgsound body br col colgroup embed frame frameset head hr html image img input keygen link meta param script
    source style title track wbr""".split()
)
"""Elements without displayed content, and tags that a parser ignores in the body."""

_CELLS: Final = frozenset(("td", "th", "caption"))
_ROWS: Final = frozenset(("tr", "tbody", "thead", "tfoot"))
_TABLE: Final = _ROWS | {"table"}
"""Elements whose text outside of cells is displayed before the table."""

_TABLE_PARTS: Final = _CELLS | _ROWS | {"col", "colgroup"}
_AROUND: Final = {"td": _ROWS, "th": _ROWS, "tr": _ROWS - {"tr"}}
"""Open parts of a table that a part may be in."""

_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_ITEMS: Final = {"li": frozenset(("li",)), "dd": frozenset(("dd", "dt")), "dt": frozenset(("dd", "dt"))}

_CLOSE_PARAGRAPH: Final = _HEADINGS | frozenset(
    """address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form header hgroup hr li
    listing main menu nav ol p plaintext pre search section summary table ul xmp""".split()
)
_BLOCKS: Final = _CLOSE_PARAGRAPH | _TABLE_PARTS

_CLOSING: Final = _BLOCKS | MARKS.keys() | {"a", "nobr", "button", "select", "input"}
"""Elements whose start tags may end another element. The others are within a line."""

_SPECIAL_ELEMENTS: Final = (
    _CLOSE_PARAGRAPH - {"address", "div", "p"} | _TABLE_PARTS | frozenset("button marquee object select template".split())
)
"""Elements at which the search for an open item of a list ends."""

_PLAIN: Final = frozenset("a abbr b center del div em i ins mark p s small span strong sub sup u".split())
"""Elements that do not change a font size of zero."""

_CLIPPED: Final = _HEADINGS | frozenset("article aside blockquote center div footer header main nav p section".split())
"""Elements whose height can be limited to zero."""

_UNCERTAIN: Final = frozenset(
    "applet button form frameset marquee math noscript object optgroup option rb rp rt rtc ruby select svg template".split()
)
"""Elements that end by rules of their own."""

_FOREIGN: Final = frozenset(("svg", "math", "template", "frameset"))
"""Elements with another syntax: nothing that follows them is certain."""

_CLOSED_FROM_WITHIN: Final = ("p", "a", "nobr", "button", "li", "dd", "dt")
"""Elements that end at certain start tags, with the elements that are open in them."""

_MAX_DEPTH: Final = 100


class _Element(NamedTuple):
    """An open element.

    Attributes:
        outside: the pieces that its marks are added to.
        base: the pieces of its text, unless it is invisible or tiny.
        cells: those of its cells, in a table that is hidden. Text of the table outside of cells is displayed before the table.
        unclipped: those of elements with a position of their own, in an element of no height.
        invisible: those of its text if its visibility is hidden.
        tiny: those of its text if its font size is zero.
    """

    name: str
    mark: str
    outside: list[str]
    base: list[str]
    cells: list[str] | None = None
    unclipped: list[str] | None = None
    invisible: list[str] | None = None
    tiny: list[str] | None = None
    is_flex: bool = False
    keeps_lines: bool = False

    @property
    def affects_elements(self) -> bool:
        """Whether an element within this one may differ from the same element elsewhere."""
        return self.is_flex or self.keeps_lines or self[4:8] != _NO_PIECES


_NO_PIECES: Final = (None, None, None, None)


class StyledElements:
    """Reads the tags of styled elements, and all tags within them.

    Attributes:
        pieces: the pieces that the next text is added to.
        is_open: whether a styled element is open.
        changes_text: whether the next text needs `read_text`.
    """

    def __init__(self, html: str, pieces: list[str], aside: list[str]) -> None:
        self.pieces = pieces
        self.is_open = self.changes_text = False
        self._html = html
        self._shown, self._aside, self._hidden = pieces, aside, list[str]()
        self._root = _Element("", "", pieces, pieces)
        self._stack: list[_Element] = []
        self._names: list[str] = []
        self._sheets = StyleSheets(html)
        self._surroundings = _Surroundings(html)
        self._styles: dict[str, InlineStyle] = {}

    def read(self, tag: Token, *, has_style: bool = True) -> None:
        """Read a tag. `has_style` is false if no offset of `find_styles` is in it."""
        if tag.kind is Kind.END:
            self._close(tag.name)
        elif self._close_implied(tag.name):
            self._open(tag, has_style=has_style)
        top = self._top
        self.is_open = bool(self._stack)
        self.changes_text = top.keeps_lines or top.cells is not None
        self.pieces = self._find_pieces(top) if top.affects_elements else top.base

    def read_text(self, text: str) -> str:
        """Return the displayed text, with the line breaks that are displayed."""
        top = self._top
        if top.cells is not None and text.isspace():
            # White space between cells is part of the table.
            return ""
        return text.replace("\n", BREAK) if top.keeps_lines else text

    @property
    def _top(self) -> _Element:
        return self._stack[-1] if self._stack else self._root

    def _find_pieces(self, element: _Element) -> list[str]:
        if element.base is self._shown and element.name not in _TABLE:
            for pieces in (element.invisible, element.tiny):
                if pieces is not None:
                    return pieces
        return element.base

    def _close(self, name: str) -> None:
        if self._names and self._names[-1] == name:
            self._pop(1)
            return
        names = _HEADINGS if name in _HEADINGS else {name}
        if name == "br":
            self._top.base.append(BREAK)
        elif name not in _NEVER_OPEN and not self._pop_to(names):
            # It may end an element around the open ones, but not across a block (sections 13.2.6.4.7, "any other end tag" and "</a>").
            around = self._names[:1] if name in FORMATTING else self._names
            if name == "p":
                # A paragraph around them ends with them, but for formatting, which continues after it.
                is_ended = _BLOCKS.isdisjoint(self._names) and not FORMATTING.issuperset(self._names)
                is_ignored = not (is_ended and self._surroundings.may_be_open(names))
            else:
                is_ignored = name not in MARKS and not _BLOCKS.isdisjoint(around)
            if not is_ignored and any(map(self._hides, self._stack)):
                self._clear()
            self._add_mark(self._top.base, find_mark(name))

    def _close_implied(self, name: str) -> bool:
        """Close the elements that a start tag ends. Return whether it starts an element."""
        names = self._names
        if not names or name not in _CLOSING:
            return True
        is_in_line = _BLOCKS.isdisjoint(names)
        if name in _CLOSE_PARAGRAPH and not self._pop_to({"p"}) and is_in_line:
            self._leave({"p"})
        if name in _TABLE_PARTS or name == "table":
            self._close_parts_of_table(name)
        elif name in _ITEMS:
            self._close_item(_ITEMS[name])
        elif name in ("a", "nobr", "button"):
            if not self._pop_to({name}) and (is_in_line or name == "button"):
                self._leave({name})
        elif name in _HEADINGS or name in ("option", "optgroup"):
            self._pop_to((_HEADINGS if name in _HEADINGS else {"option"}).intersection(names[-1:]))
        if name in MARKS:
            self._pop_to({"svg", "math"})
        if name in ("select", "input") and self._pop_to({"select"}):
            return name != "select"
        return name != "form" or name not in names

    def _close_item(self, items: Collection[str]) -> None:
        last = next((name for name in reversed(self._names) if name in items or name in _SPECIAL_ELEMENTS), "")
        if not last:
            self._leave(items)
        elif last in items:
            self._pop_to(items)

    def _leave(self, names: Collection[str]) -> None:
        """Close all elements if they may be in one with such a name, which a start tag ends."""
        if self._surroundings.may_be_open(names) and any(map(self._hides, self._stack)):
            self._clear()

    def _close_parts_of_table(self, name: str) -> None:
        names = self._names
        table = next((at for at in reversed(range(len(names))) if names[at] == "table"), -1)
        if name == "table":
            # In a table, but not in a cell, a second table ends the first one.
            inner = names[table + 1 :]
            if _CELLS.isdisjoint(inner) and (table >= 0 or not _ROWS.isdisjoint(inner)):
                self._pop(len(names) - max(table, 0))
            return
        around = _AROUND.get(name, frozenset())
        depth = table + 1
        while depth < len(names) and names[depth] in around:
            depth += 1
        self._pop(len(names) - depth)

    def _open(self, tag: Token, *, has_style: bool) -> None:
        name, top = tag.name, self._top
        mark = MARKS.get(name, "")
        is_plain = not (has_style or mark == SPECIAL or top.affects_elements)
        element = _Element(name, mark, top.base, top.base) if is_plain else self._make(tag, top)
        if not self._stack and element.base is not self._shown and name in _CLOSE_PARAGRAPH and self._surroundings.is_paragraph:
            self._shown.append(LINE)
        self._add_mark(element.outside, element.mark)
        if name in _NEVER_OPEN or self._html.startswith("/>", tag.end - 2) or not (self._stack or self._is_styled(element)):
            return
        if len(self._stack) == _MAX_DEPTH:
            self._clear()
        else:
            self._stack.append(element)
            self._names.append(name)

    def _is_styled(self, element: _Element) -> bool:
        other = element.is_flex or element.keeps_lines or element.mark != MARKS.get(element.name, "")
        return other or self._hides(element)

    def _hides(self, element: _Element) -> bool:
        hiding = (element.cells, element.invisible, element.tiny)
        return element.base is not self._shown or any(pieces is not None for pieces in hiding)

    def _make(self, tag: Token, top: _Element) -> _Element:
        """Return an element with its style, in the innermost open one."""
        name, mark = tag.name, find_mark(tag.name)
        attrs = tag.attrs
        style = self._read_style(attrs.get("style", ""))
        base, cells = top.base, None
        if top.cells is not None and name in _CELLS:
            base = top.cells
        elif top.cells is not None and name in _ROWS:
            cells, mark = top.cells, ""
        if top.unclipped is not None and ("position" in style or not style.is_certain):
            base = top.unclipped
        mark = _find_styled_mark(mark, style, is_item=top.is_flex)
        outside, unclipped = base, top.unclipped
        reason = self._find_reason(tag, attrs, style, mark)
        if reason and base is not self._hidden:
            hidden = self._find_hidden_pieces(tag, attrs, style, reason)
            if name in _TABLE:
                cells, mark = hidden, ""
            else:
                unclipped = base if reason == "max-height" else unclipped
                base = hidden
                if reason not in ("max-height", "opacity"):
                    outside, mark = base, LINE
        return _Element(
            name,
            mark,
            outside,
            base,
            cells,
            unclipped,
            self._find_inherited(tag, attrs, style, top, "visibility"),
            self._find_inherited(tag, attrs, style, top, "font-size"),
            style.get("display") in _FLEX,
            style.get("white-space") in _LINES if "white-space" in style else top.keeps_lines or name in ("pre", "listing"),
        )

    def _read_style(self, text: str) -> InlineStyle:
        """Return a style. Most messages have few different ones."""
        if text not in self._styles:
            self._styles[text] = InlineStyle(text)
        return self._styles[text]

    def _find_reason(self, tag: Token, attrs: Mapping[str, str], style: InlineStyle, mark: str) -> str:
        """Return the property or attribute that hides an element with all that it contains; `""` without one."""
        if tag.name in ("html", "body"):
            return ""
        if tag.name in _ASIDE and not (tag.name == "dialog" and "open" in attrs):
            return tag.name
        if "hidden" in attrs and "display" not in style:
            return "hidden"
        if not style.hides:
            return ""
        for reason in ("display", "opacity"):
            if reason in style.hides:
                return reason
        is_clipped = "max-height" in style.hides and tag.name in _CLIPPED and mark in (LINE, PARAGRAPH)
        return "max-height" if is_clipped and not any(map(self._sheets.declare, ("padding", "border", "height", "position"))) else ""

    def _find_hidden_pieces(self, tag: Token, attrs: Mapping[str, str], style: InlineStyle, reason: str) -> list[str]:
        """Return the pieces of a hidden text: they are lost if it is certain that every program hides it."""
        name = tag.name
        is_certain = name not in _UNCERTAIN and reason != name
        if reason == "hidden":
            is_certain = is_certain and style.is_certain and not self._sheets.may_display()
        elif not style.is_important(reason):
            is_certain = is_certain and not self._sheets.may_override(reason, attrs)
        self._surroundings.read_to(tag.start)
        return self._hidden if is_certain and self._surroundings.may_have(name) else self._aside

    def _find_inherited(self, tag: Token, attrs: Mapping[str, str], style: InlineStyle, top: _Element, name: str) -> list[str] | None:
        """Return the pieces of invisible or of tiny text; None if the text is neither."""
        if name in style.hides:
            return self._find_hidden_pieces(tag, attrs, style, name)
        above = top.invisible if name == "visibility" else top.tiny
        if above is None:
            return None
        if name in style or "all" in style or not style.is_certain or self._sheets.declare(name[:4]):
            return None
        if top.name in _TABLE and tag.name not in _TABLE_PARTS:
            return None
        is_smaller = name == "font-size" and (tag.name not in _PLAIN or "font" in style)
        return None if is_smaller else above

    def _pop_to(self, names: Collection[str]) -> bool:
        """Close the innermost open element with one of the names, and all elements in it. Return whether there is one."""
        for depth, name in enumerate(reversed(self._names), start=1):
            if name in names:
                self._pop(depth)
                return True
        return False

    def _pop(self, count: int) -> None:
        for _ in range(count):
            self._names.pop()
            element = self._stack.pop()
            self._add_mark(element.outside, element.mark)

    def _clear(self) -> None:
        self._stack.clear()
        self._names.clear()

    @staticmethod
    def _add_mark(pieces: list[str], mark: str) -> None:
        if mark:
            pieces.append(mark)


class _Surroundings:
    """The elements around a place in HTML. Places are read in order.

    Attributes:
        is_paragraph: whether the last tag of a block is the start of a paragraph.
    """

    def __init__(self, html: str) -> None:
        self._tokens = tokenize(html)
        self._next = next(self._tokens, None)
        self._tables = OpenElements()
        self._counts = dict.fromkeys(_CLOSED_FROM_WITHIN, 0)
        self._is_uncertain = self._is_in_select = self.is_paragraph = False

    def read_to(self, offset: int) -> None:
        tags: list[Token] = []
        token = self._next
        while token and token.start < offset:
            if token.kind in (Kind.START, Kind.END):
                self._read(token)
                if token.name in _TABLE_PARTS or token.name == "table":
                    tags.append(token)
            token = next(self._tokens, None)
        self._next = token
        self._tables.read(tags)

    def _read(self, tag: Token) -> None:
        name, is_start = tag.name, tag.kind is Kind.START
        if name in _BLOCKS:
            self.is_paragraph = is_start and name == "p"
        if name in _CLOSED_FROM_WITHIN:
            self._counts[name] = max(self._counts[name] + (1 if is_start else -1), 0)
        elif name == "select":
            self._is_in_select = is_start and not self._is_in_select
        elif name in _FOREIGN:
            self._is_uncertain = True

    def may_have(self, name: str) -> bool:
        """Return whether every parser opens an element here: browsers differ within `select`, and parts of tables need a table."""
        return not (self._is_uncertain or self._is_in_select) and (name not in _TABLE_PARTS or self._tables.scope != "")

    def may_be_open(self, names: Collection[str]) -> bool:
        """Return whether an element with one of the names may be open here."""
        return any(self._counts[name] for name in names)


def find_styles(html: str) -> list[int]:
    """Return the offsets, in their order, of possible styles with an effect on text. `StyledElements` has to read their tags."""
    octets = html.encode("latin-1", "replace").lower()
    found: list[int] = []
    if b"style" in octets or b"hidden" in octets:
        for word, values in _STYLES.items():
            at = octets.find(word)
            expression = re.compile(values) if at >= 0 else None
            while expression and at >= 0:
                end = at + len(word)
                if (value := expression.match(octets, end)) and not _is_default(octets, at, value):
                    found.append(at)
                at = octets.find(word, end)
    return sorted(found)


def _is_default(octets: bytes, at: int, value: re.Match[bytes]) -> bool:
    """Return whether an element has this style without it, such as `display: block` of a paragraph."""
    if value.lastgroup is None:
        return not value.re.pattern and octets.endswith((b"overflow:", b"overflow: "), max(at - 10, 0), at)
    start = octets.rfind(b"<", max(at - _MAX_TAG, 0), at)
    name = _NAME.match(octets, start + 1) if start >= 0 else None
    mark = MARKS.get(name[0].decode("latin-1"), "") if name else SPECIAL
    return mark in (LINE, PARAGRAPH) if value.lastgroup == "block" else mark == ""


def find_mark(name: str) -> str:
    """Return the mark of an element without a style; `""` without one."""
    mark = MARKS.get(name, "")
    return _SPECIAL_MARKS.get(name, "") if mark == SPECIAL else mark


def _find_styled_mark(mark: str, style: InlineStyle, *, is_item: bool) -> str:
    """Return the mark of an element with a style. An item of a flexible box is a block."""
    display = style.get("display")
    if display == "table-cell":
        mark = CELL
    elif display in _BLOCK:
        mark = mark if mark == PARAGRAPH else LINE
    elif display in _INLINE:
        mark = ""
    is_block = is_item or style.get("float") in ("left", "right") or style.get("position") in ("absolute", "fixed")
    return LINE if is_block and mark in ("", BOX, CELL) else mark
