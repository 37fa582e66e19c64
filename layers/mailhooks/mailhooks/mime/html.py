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

_RAW: Final = "script style textarea title xmp iframe noembed noframes noscript".split()
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
_TAG_REST: Final = re.compile(rf"(?:{_ATTRIBUTE})*+(?:{_SPACE}|/)*+>")
_OPEN: Final = re.compile(r"<(?:[A-Za-z!/?]|\Z)")
_COMMENT_END: Final = re.compile(r"--!?>")
_RAW_END: Final = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in _RAW}
_NUMBER: Final = re.compile(r"&#0*+([0-9]*+)")

_HEAD_TOKENS: Final = 10_000
"""Tokens that are read to find the body: newsletters have about a hundred before it."""

_TOKENS_SEARCHED: Final = 300_000
"""Tokens that are searched for a sender's own token: megabytes of HTML, in about a second."""

_BYTE_ORDER_MARK: Final = "\xef\xbb\xbf"


class Kind(Enum):
    """The kind of a token."""

    TEXT = "text"
    START = "start tag"
    END = "end tag"
    RAW = "content of an element without markup"
    COMMENT = "comment, or markup that is read as one"
    DOCTYPE = "document type"
    UNFINISHED = "a tag, a comment or an element without markup that has no end: nothing after it is displayed"


class Token(NamedTuple):
    """A piece of HTML.

    Attributes:
        start, end: its offsets in `html`.
        kind: see `Kind`.
        name: of a tag, or of the element of RAW, in lower case; `""` for others.
        html: the whole HTML.
    """

    start: int
    end: int
    kind: Kind
    name: str
    html: str

    @property
    def text(self) -> str:
        """The source of the token."""
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
    while position < length:
        opening = _OPEN.search(html, position)
        at = opening.start() if opening else length
        if at > position:
            yield Token(position, at, Kind.TEXT, "", html)
        if at == length:
            return
        token = _read_markup(html, at)
        raw = _RAW_END.get(token.name) if token.kind is Kind.START else None
        position = token.end
        if raw:
            end = raw.search(html, token.end)
            if end is None:
                token = Token(at, length, Kind.UNFINISHED, token.name, html)
                position = length
            elif end.start() > token.end:
                yield token
                token = Token(token.end, end.start(), Kind.RAW, token.name, html)
                position = token.end
        yield token


def _read_markup(html: str, at: int) -> Token:
    """Return the token at a `<` that opens markup."""
    name = _TAG_NAME.match(html, at)
    if name:
        rest = _TAG_REST.match(html, name.end())
        kind = Kind.END if html[at + 1] == "/" else Kind.START
        # `plaintext` has no end: everything after it is displayed as it is written.
        endless = kind is Kind.START and name[1].lower() == "plaintext"
        return _make_token(html, at, rest and not endless and rest.end(), kind, name[1].lower())
    if html.startswith("<!--", at):
        # `<!-->` and `<!--->` are complete comments.
        if html.startswith((">", "->"), at + 4):
            return _make_token(html, at, html.index(">", at) + 1, Kind.COMMENT)
        end = _COMMENT_END.search(html, at + 4)
        return _make_token(html, at, end and end.end(), Kind.COMMENT)
    kind = Kind.DOCTYPE if html[at + 2 : at + 9].lower() == "doctype" else Kind.COMMENT
    return _make_token(html, at, html.find(">", at + 1) + 1, kind)


def _make_token(html: str, start: int, end: int | bool | None, kind: Kind, name: str = "") -> Token:
    return Token(start, end, kind, name, html) if end else Token(start, len(html), Kind.UNFINISHED, name, html)


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
            at = token.end if token.kind is not Kind.START or token.name not in _RAW_END else at
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
