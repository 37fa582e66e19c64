"""A tokenizer of HTML, and the offsets at which a block can be inserted. It builds no tree, and the HTML is never serialized again.

The tokenizer follows the HTML standard (WHATWG, section 13.2.5) as far as offsets depend on it. It accepts any string, also one in which
each character is one octet (decoded as Latin-1): markup is ASCII, so an offset in the string is an offset in the octets. Time is linear:
each expression is possessive, and no character is read again by a later token.
"""

import html as entities
import re
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple

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

_SPACE: Final = r"[ \t\n\f\r]"
"""White space of the standard. `\\s` would match octets of UTF-8 sequences."""

_ATTRIBUTE: Final = (
    rf"(?:{_SPACE}|/)*+([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    rf"(?:{_SPACE}*+={_SPACE}*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|(?![\"'])([^ \t\n\f\r>]*+)))?+"
)
"""A name and perhaps a value. A value without its closing quote extends to the end."""

_ONE_ATTRIBUTE: Final = re.compile(rf"{_ATTRIBUTE}|(?:{_SPACE}|/)++")
"""Or white space after the last attribute, in one step: otherwise a match would be tried at each octet of it."""

_TAG_NAME: Final = re.compile(r"</?([A-Za-z][^ \t\n\f\r/>]*+)")
_NAME_END: Final = r"(?=[ \t\n\f\r/>])"
_TAG_REST: Final = rf"(?:[^\"'>]*+>|(?:{_ATTRIBUTE})*+(?:{_SPACE}|/)*+>)"

MARKUP: Final = re.compile(
    rf"""<(?:
    (?=[instx])(?P<raw>{"|".join(_RAW)}){_NAME_END}{_TAG_REST}(?P<content>(?:[^<]++|<(?!/(?P=raw){_NAME_END}))*+)
    |(?!plaintext{_NAME_END})/?(?P<name>[A-Z][^ \t\n\f\r/>]*+){_TAG_REST}
    |!--(?:-?>|(?s:.*?)--!?>)
    |(?:!(?!--)|/(?![A-Z])|\?)[^>]*+>
    |(?P<unfinished>[A-Z!/?](?s:.*)|\Z)
    )""".replace("\n    ", ""),
    re.ASCII | re.IGNORECASE,
)
"""Markup: an element without markup up to its end tag, a tag, a comment or doctype, and markup without its end.

An element without markup that has no end tag extends to the end of the HTML. So does `plaintext`: everything after it is displayed as it is
written.
"""

_NUMBER: Final = re.compile(r"&#0*+([0-9]*+)")

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
        for match in _ONE_ATTRIBUTE.finditer(self.html, name.end() if name else self.end, self.end - 1):
            if match[1]:
                found.setdefault(match[1].lower(), unescape(match[2] or match[3] or match[4] or ""))
        return found


def tokenize(html: str) -> Iterator[Token]:
    """Yield the tokens of HTML, without gaps between them. The last one may be UNFINISHED."""
    position, length = 0, len(html)
    for found in MARKUP.finditer(html):
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
    """Return the offset at which a block is displayed last; -1 if there is none (frames).

    That is before the last `</body>`, or before `</html>` without one.
    QUIRK: mailing lists and gateways add text after these. Mail programs display it as part of the body (section 13.2.6.4.19): then the
    offset is after that text.
    """
    at: int | None = None
    displayed = body = False
    end = len(html)
    for token in tokenize(html):
        if token.kind is Kind.UNFINISHED:
            end = token.start
        elif token.kind is Kind.END and (token.name == "body" or (token.name == "html" and at is None)):
            at = token.start
        elif _is_displayed(token):
            at, displayed = None, True
        elif token.kind is Kind.START:
            if token.name == "frameset" and not (displayed or body):
                return -1
            body = body or token.name == "body"
    return end if at is None else at


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
