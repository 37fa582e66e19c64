"""A tokenizer of HTML, and the offsets at which a block can be inserted. It builds no tree, and the HTML is never serialized again.

The tokenizer follows the HTML standard (WHATWG, section 13.2.5) as far as offsets depend on it. It accepts any string, also one in which
each character is one octet (decoded as Latin-1): markup is ASCII, so an offset in the string is an offset in the octets. Time is linear:
each expression is possessive, and no character is read again by a later token.
"""

import html as entities
import re
from collections.abc import Iterator
from enum import Enum
from itertools import islice, takewhile
from typing import Final, NamedTuple

from mailhooks.patterns import compile_late

BLOCKS: Final = frozenset(
    """address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure footer form
    frameset h1 h2 h3 h4 h5 h6 head header hr html legend li listing main menu nav ol optgroup option p pre section summary table tbody
    tfoot thead title tr ul xmp""".split()
)
"""Elements that end a line of displayed text."""

_RAW: Final = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript")
"""Elements whose content is not markup (section 13.2.6.2). QUIRK: in a program without scripts the content of `noscript` is markup."""

_HEAD: Final = frozenset(("html", "head", "meta", "link", "base", "title", "style", "script", "noscript"))
"""Elements that may come before the displayed text."""

_DISPLAYED_RAW: Final = frozenset(("textarea", "xmp", "noscript"))
"""Elements without markup whose content is displayed. Mail programs run no scripts."""

_CELLS: Final = frozenset(("td", "th", "caption"))
_TABLE_PARTS: Final = _CELLS | frozenset(("tr", "tbody", "thead", "tfoot", "colgroup"))
_LISTS: Final = ("ul", "ol", "menu", "dir", "dl", "select")
_ITEMS: Final = frozenset(("li", "dd", "dt", "option", "optgroup"))
FORMATTING: Final = frozenset("a b big code em font i nobr s small strike strong tt u".split())
"""Elements that a browser opens again after a block (section 13.2.4.3), if the message does not close them."""

_MAX_SCOPES: Final = 1000
"""Tables and cells in each other that are read. Browsers put deeper elements next to each other."""

_NEVER_OPEN: Final = frozenset(
    "area base basefont bgsound body br col embed frame head hr html img input keygen link meta p param source track wbr".split()
)
"""Elements without content, and elements that the start tag of a block ends."""

_SPACE: Final = r"[ \t\n\f\r]"
"""White space of the standard. `\\s` would match octets of UTF-8 sequences."""

_ATTRIBUTE: Final = (
    rf"(?:{_SPACE}|/)*+([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    rf"(?:{_SPACE}*+={_SPACE}*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|(?![\"'])([^ \t\n\f\r>]*+)))?+"
)
"""A name and perhaps a value. A value without its closing quote extends to the end."""

_ONE_ATTRIBUTE: Final = compile_late(rf"{_ATTRIBUTE}|(?:{_SPACE}|/)++")
"""Or white space after the last attribute, in one step: otherwise a match would be tried at each octet of it."""

_TAG_NAME: Final = compile_late(r"</?([A-Za-z][^ \t\n\f\r/>]*+)")
_NAME_END: Final = r"(?=[ \t\n\f\r/>])"
_TAG_REST: Final = rf"(?>[^\"'>]*+>|(?:{_ATTRIBUTE.replace('([^', '(?:[^')})*+(?:{_SPACE}|/)*+>)"
"""The rest of a tag, without quotes or with attributes. Both end at the same place, so the second form is not tried after the first."""

_TAG: Final = rf"(?!plaintext{_NAME_END})/?(?P<name>[A-Z][^ \t\n\f\r/>]*+){_TAG_REST}"
_COMMENT: Final = r"!--(?:-?>|(?s:.*?)--!?>)|(?:!(?!--)|/(?![A-Z])|\?)[^>]*+>"

MARKUP: Final = compile_late(
    rf"""<(?:
    (?=[instx])(?P<raw>{"|".join(_RAW)}){_NAME_END}{_TAG_REST}(?P<content>(?:[^<]++|<(?!/(?P=raw){_NAME_END}))*+)
    |{_TAG}
    |{_COMMENT}
    |(?P<unfinished>[A-Z!/?](?s:.*)|\Z)
    )""".replace("\n    ", ""),
    re.ASCII | re.IGNORECASE,
)
"""Markup: an element without markup up to its end tag, a tag, a comment or doctype, and markup without its end.

An element without markup that has no end tag extends to the end of the HTML. So does `plaintext`: everything after it is displayed as it is
written.
"""

_CHILDLESS: Final = "p|br|img|meta|head|hr|link"
"""The most frequent elements of `_NEVER_OPEN`."""
_ONLY_TEXT: Final = "|".join(f"{name}{_NAME_END}{_TAG_REST}[^<]*+</{name}{_NAME_END}{_TAG_REST}" for name in ("div", "span", "li"))
_NO_MARKUP: Final = "|".join(
    f"{name}{_NAME_END}{_TAG_REST}(?:[^<]++|<(?!/{name}))*+</{name}{_NAME_END}{_TAG_REST}" for name in ("style", "title")
)

_OPENING: Final = compile_late(
    rf"""(?:
    [^<]++|<(?![A-Z!/?]|\Z)
    |</?(?:{_CHILDLESS}){_NAME_END}{_TAG_REST}
    |<(?:{_ONLY_TEXT})
    |<(?:{_NO_MARKUP})
    |<(?:{_COMMENT})
    |<(?:body|html){_NAME_END}{_TAG_REST}
    )*+
    (?:(?P<tag><(?!/?(?:body|html|frameset|{_CHILDLESS}|{"|".join(_RAW)}){_NAME_END}){_TAG})|)
    """.replace("\n    ", ""),
    re.ASCII | re.IGNORECASE,
)
"""HTML that leaves no element open, in one step: text, tags in `_NEVER_OPEN`, elements with only text, comments, elements without markup.

Then one other tag, which may open or close an element. There is none before `</body>`, `</html>`, frames, elements without markup whose
content is not read in the step, and markup without an end: there the step is the last one. No group is in the repeated part, because
CPython may lose count of groups in a possessive repetition (issue 101955 of CPython).
"""

_NUMBER: Final = compile_late(r"&#0*+([0-9]*+)")

_HEAD_TOKENS: Final = 10_000
"""Tokens that are read to find the body: newsletters have about a hundred before it."""

_TOKENS_SEARCHED: Final = 300_000
"""Tokens that are searched for a sender's own token: megabytes of HTML, in about a second."""

_BYTE_ORDER_MARK: Final = "\xef\xbb\xbf"


class Kind(Enum):
    TEXT = "text"
    START = "start tag"
    END = "end tag"
    RAW = "content of an element without markup"
    COMMENT = "comment, or markup that is read as one"
    DOCTYPE = "document type"
    UNFINISHED = "a tag, a comment or an element without markup that has no end: nothing after it is displayed"


_TAGS: Final = (Kind.START, Kind.END)


class Token(NamedTuple):
    """One token, by its offsets. `name` is the name of the tag, or of the element of RAW, in lower case; `""` for other kinds."""

    start: int
    end: int
    kind: Kind
    name: str
    html: str

    @property
    def text(self) -> str:
        return self.html[self.start : self.end]

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes of a tag: names in lower case, character references resolved. The first of two with the same name counts."""
        found: dict[str, str] = {}
        name = _TAG_NAME.match(self.html, self.start)
        for key, quoted, single, bare in _ONE_ATTRIBUTE.findall(self.html, name.end() if name else self.end, self.end - 1):
            if key:
                found.setdefault(key.lower(), unescape(quoted or single or bare))
        return found


def tokenize(html: str, position: int = 0) -> Iterator[Token]:
    """Yield the tokens of HTML from the start of one of them, without gaps between them. The last one may be UNFINISHED."""
    length = len(html)
    for found in MARKUP.finditer(html, position):
        start, end = found.span()
        if start > position:
            yield Token(position, start, Kind.TEXT, "", html)
        position = end
        if name := found["name"]:
            yield Token(start, end, Kind.END if html[start + 1] == "/" else Kind.START, name.lower(), html)
        elif raw := found["raw"]:
            content = found.start("content")
            if end == length:
                yield Token(start, end, Kind.UNFINISHED, raw.lower(), html)
                return
            yield Token(start, content, Kind.START, raw.lower(), html)
            if end > content:
                yield Token(content, end, Kind.RAW, raw.lower(), html)
        elif found["unfinished"] is not None:
            tag = _TAG_NAME.match(html, start)
            yield Token(start, end, Kind.UNFINISHED, tag[1].lower() if tag else "", html)
        else:
            yield Token(start, end, Kind.DOCTYPE if html[start + 2 : start + 9].lower() == "doctype" else Kind.COMMENT, "", html)
    if position < length:
        yield Token(position, length, Kind.TEXT, "", html)


def find_end(html: str) -> int:
    """Return the offset at which a block is displayed last; -1 if there is none (frames). See `find_exit`."""
    return find_exit(html)[0]


def find_exit(html: str) -> tuple[int, str]:
    """Return the offset at which a block is displayed last, and the end tags of the elements that are open there; -1 with frames.

    That is before the last `</body>`, or before `</html>` without one. The end tags make a block there a child of the body: it is not part
    of a link, of a table or of a hidden element that the message does not close.
    QUIRK: mailing lists and gateways add text after these. Mail programs display it as part of the body (section 13.2.6.4.19): then the
    offset is after that text.
    """
    opened = OpenElements()
    position = _read_body(html, opened)
    at: int | None = None
    displayed = body = False
    end, last = len(html), ""
    after_body: list[Token] = []
    for token in tokenize(html, position):
        kind = token.kind
        if kind is Kind.UNFINISHED:
            if token.name in _DISPLAYED_RAW:
                at, last = None, f"</{token.name}>"
            else:
                end = token.start
        elif kind is Kind.END and (token.name == "body" or (token.name == "html" and at is None)):
            at = token.start
            opened.read(after_body)
        elif _is_displayed(token):
            at, displayed = None, True
        elif kind is Kind.START:
            if token.name == "frameset" and not (displayed or body or _has_body(html, position)):
                return -1, ""
            # Browsers ignore a frameset after a body, and then each later one: the beginning is searched for a body once.
            body = body or token.name in ("body", "frameset")
        if kind in _TAGS and token.name not in _NEVER_OPEN:
            after_body.append(token)
        if at is None and after_body:
            opened.read(after_body)
    return (end if at is None else at), last + opened.write_end_tags()


def _read_body(html: str, opened: "OpenElements") -> int:
    """Read the tags up to the first `</body>`, `</html>`, frameset or markup without an end, and return its offset."""
    position = 0
    # No markup ends after the last `>`: hostile HTML may have megabytes there, and each form of a tag would be tried on them.
    for found in _OPENING.finditer(html, 0, html.rfind(">") + 1):
        position = found.end()
        if not found["tag"]:
            break
        name = found["name"].lower()
        if name in _NEVER_OPEN:
            continue
        if found["tag"].startswith("</"):
            opened.leave(name)
        else:
            opened.enter(name)
    return position


def _has_body(html: str, end: int) -> bool:
    """Return whether a `body` or something displayed comes before an offset. Frames are no frames then."""
    before = takewhile(lambda token: token.start < end, tokenize(html))
    return any(_is_displayed(token) or (token.kind is Kind.START and token.name == "body") for token in before)


class _Scope:
    """The open elements in a table, in a cell, or outside of tables. An end tag closes no element outside of its cell."""

    __slots__ = ("blocks", "counts", "formatting", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.blocks: list[str] = []
        self.counts: dict[str, int] = {}
        self.formatting: dict[str, int] = {}


class OpenElements:
    """The elements that are open, as far as a browser would put a block into them (sections 13.2.4.2 and 13.2.4.3)."""

    def __init__(self) -> None:
        self._scopes = [_Scope("")]

    @property
    def scope(self) -> str:
        """The innermost scope: `table`, `cell`, or `""` outside of tables."""
        return self._scopes[-1].kind

    def read(self, tokens: list[Token]) -> None:
        """Read start tags and end tags, and empty the list."""
        for token in tokens:
            if token.kind is Kind.START:
                self.enter(token.name)
            else:
                self.leave(token.name)
        tokens.clear()

    def write_end_tags(self) -> str:
        names: list[str] = []
        for scope in reversed(self._scopes[1:]):
            names += ["template"] * scope.counts.get("template", 0) + ["table"] * (scope.kind == "table")
        outside = self._scopes[0]
        in_list = any(map(outside.counts.get, _LISTS))
        blocks = [name for name in reversed(outside.blocks) if not (in_list and name in _ITEMS)]
        formatting = [name for name, count in outside.formatting.items() for _ in range(count)]
        # In SVG, an end tag closes no element around an open HTML element.
        names += [*(formatting if "svg" in blocks or "math" in blocks else ()), *blocks, *formatting]
        return "".join(f"</{name}>" for name in names)

    def _find_formatting(self) -> dict[str, int]:
        """Return the open formatting elements. A browser moves those in a table, but not in a cell, to before the table."""
        scopes = self._scopes
        return (scopes[-2] if scopes[-1].kind == "table" else scopes[-1]).formatting

    def enter(self, name: str) -> None:
        scopes = self._scopes
        if name in _TABLE_PARTS:
            if scopes[-1].kind == "cell":
                scopes.pop()
            if scopes[-1].kind == "table" and name in _CELLS and len(scopes) < _MAX_SCOPES:
                scopes.append(_Scope("cell"))
        elif name == "table":
            if scopes[-1].kind == "table":
                scopes.pop()
            if len(scopes) < _MAX_SCOPES:
                scopes.append(_Scope("table"))
        elif name in FORMATTING:
            counts = self._find_formatting()
            counts[name] = 1 if name in ("a", "nobr") else counts.get(name, 0) + 1
        else:
            scopes[-1].blocks.append(name)
            scopes[-1].counts[name] = scopes[-1].counts.get(name, 0) + 1

    def leave(self, name: str) -> None:
        scopes = self._scopes
        if name in _TABLE_PARTS or name == "table":
            if scopes[-1].kind == "cell":
                scopes.pop()
            if name == "table" and scopes[-1].kind == "table":
                scopes.pop()
        elif name in FORMATTING:
            counts = self._find_formatting()
            counts[name] = max(counts.get(name, 0) - 1, 0)
        elif scopes[-1].counts.get(name):
            closed = ""
            while closed != name:
                closed = scopes[-1].blocks.pop()
                scopes[-1].counts[closed] -= 1


def find_start(html: str) -> int:
    """Return the offset at which a block is displayed first; -1 if there is none (frames).

    That is after `<body>`. Without that tag it is after the doctype and the tags of the head.
    QUIRK: text before `<html>` or `<body>` is displayed first (section 13.2.6.4.4): then the offset is before that text.

    The search ends after thousands of tags without displayed text, at the last possible offset: their number cannot prevent a banner.
    """
    at = 0
    for token in islice(tokenize(html), _HEAD_TOKENS):
        if token.kind is Kind.START and token.name == "body":
            return token.end
        if token.kind is Kind.START and token.name == "frameset":
            return -1
        if token.kind is Kind.UNFINISHED or _is_displayed(token) or (token.kind is Kind.START and token.name not in _HEAD):
            break
        if token.kind is Kind.DOCTYPE or (token.kind in (Kind.START, Kind.END) and token.name in _HEAD):
            # After the start tag of an element without markup the offset would be inside of it. Its end tag follows.
            at = token.end if token.kind is not Kind.START or token.name not in _RAW else at
    return at


def _is_displayed(token: Token) -> bool:
    if token.kind is Kind.TEXT:
        return token.text.removeprefix(_BYTE_ORDER_MARK if token.start == 0 else "").strip(" \t\n\f\r\ufeff") != ""
    return token.kind is Kind.START and token.name == "img"


def find_token(html: str, token: str) -> tuple[int, int] | None:
    """Return the start and end of `token`, such as `_DISCLAIMER_`, in one piece of displayed text; None if it is not there."""
    if not token or token not in html:
        return None
    for piece in islice(tokenize(html), _TOKENS_SEARCHED):
        if piece.kind is Kind.TEXT and (at := html.find(token, piece.start, piece.end)) >= 0:
            return at, at + len(token)
    return None


def unescape(text: str) -> str:
    """Resolve character references, by the standard library.

    QUIRK: the library raises an error for numbers of thousands of digits.
    """
    if "&" not in text:
        return text
    return entities.unescape(_NUMBER.sub(lambda number: number[0][:3] if not number[1] else f"&#{number[1][:8]}", text))
