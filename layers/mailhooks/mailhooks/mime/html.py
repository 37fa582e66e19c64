"""Where something can be put into HTML, found without building a tree: the HTML itself is never written again.

The tokenizer follows the HTML standard (WHATWG, section 13.2.5) as far as places depend on it. It works on a `str` in which each character
may be one octet (HTML decoded as Latin-1): markup is ASCII, so that places in the string are places in the octets. It takes any string,
and time is linear in its length: each expression is possessive and no character is looked at again by a later token.
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
"""Elements at which a line of shown text ends."""

_RAW: Final = "script style textarea title xmp iframe noembed noframes noscript".split()
"""Elements without markup inside (section 13.2.6.2). QUIRK: `noscript` has some where scripts do not run; nothing is put there anyhow."""

_HEAD: Final = frozenset(("html", "head", "meta", "link", "base", "title", "style", "script", "noscript"))
"""Elements that may stand before anything is shown."""

_SPACE: Final = r"[ \t\n\f\r]"
"""White space of the standard; `\\s` would take octets of UTF-8 sequences for it."""

_ATTRIBUTE: Final = (
    rf"(?:{_SPACE}|/)*+([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    rf"(?:{_SPACE}*+={_SPACE}*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|(?![\"'])([^ \t\n\f\r>]*+)))?+"
)
"""A name and perhaps a value; one that lacks its closing quote goes on to the end."""

_ONE_ATTRIBUTE: Final = re.compile(rf"{_ATTRIBUTE}|(?:{_SPACE}|/)++")
"""Or white space behind the last one, in one step: else each octet of it would be a start to fail from."""

_TAG_NAME: Final = re.compile(r"</?([A-Za-z][^ \t\n\f\r/>]*+)")
_TAG_REST: Final = re.compile(rf"(?:{_ATTRIBUTE})*+(?:{_SPACE}|/)*+>")
_OPEN: Final = re.compile(r"<(?:[A-Za-z!/?]|\Z)")
_COMMENT_END: Final = re.compile(r"--!?>")
_RAW_END: Final = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in _RAW}
_NUMBER: Final = re.compile(r"&#0*+([0-9]*+)")

_HEAD_TOKENS: Final = 10_000
"""That are looked at for the beginning of the body: newsletters have a hundred before it."""

_TOKENS_SEARCHED: Final = 300_000
"""That are searched for a sender's own token: megabytes of HTML, in about a second."""

_BYTE_ORDER_MARK: Final = "\xef\xbb\xbf"


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    START = "start tag"
    END = "end tag"
    RAW = "content of an element that holds no markup"
    COMMENT = "comment, or what is taken for one"
    DOCTYPE = "document type"
    UNFINISHED = "a tag, a comment or an element without markup that has no end: nothing behind it is shown"


class Token(NamedTuple):
    """A piece of HTML.

    Attributes:
        start, end: where it lies.
        kind: what it is.
        name: of a tag, or of the element that RAW is in, in lower case; `""` for others.
        html: what it lies in.
    """

    start: int
    end: int
    kind: Kind
    name: str
    html: str

    @property
    def text(self) -> str:
        """As written."""
        return self.html[self.start : self.end]

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes of a tag, names in lower case, character references resolved; of two with the same name the first."""
        found: dict[str, str] = {}
        name = _TAG_NAME.match(self.html, self.start)
        for match in _ONE_ATTRIBUTE.finditer(self.html, name.end() if name else self.end, self.end - 1):
            if match[1]:
                found.setdefault(match[1].lower(), unescape(match[2] or match[3] or match[4] or ""))
        return found


def tokenize(html: str) -> Iterator[Token]:
    """All of `html`, cut into tokens without gaps. The last one may be UNFINISHED."""
    position, length = 0, len(html)
    while position < length:
        opening = _OPEN.search(html, position)
        at = opening.start() if opening else length
        if at > position:
            yield Token(position, at, Kind.TEXT, "", html)
        if at == length:
            return
        token = _markup(html, at)
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


def _markup(html: str, at: int) -> Token:
    """The token at a `<` that opens one."""
    name = _TAG_NAME.match(html, at)
    if name:
        rest = _TAG_REST.match(html, name.end())
        kind = Kind.END if html[at + 1] == "/" else Kind.START
        # `plaintext` cannot be ended: what follows is shown as it is written.
        endless = kind is Kind.START and name[1].lower() == "plaintext"
        return _token(html, at, rest and not endless and rest.end(), kind, name[1].lower())
    if html.startswith("<!--", at):
        # `<!-->` and `<!--->` are whole comments.
        if html.startswith((">", "->"), at + 4):
            return _token(html, at, html.index(">", at) + 1, Kind.COMMENT)
        end = _COMMENT_END.search(html, at + 4)
        return _token(html, at, end and end.end(), Kind.COMMENT)
    kind = Kind.DOCTYPE if html[at + 2 : at + 9].lower() == "doctype" else Kind.COMMENT
    return _token(html, at, html.find(">", at + 1) + 1, kind)


def _token(html: str, start: int, end: int | bool | None, kind: Kind, name: str = "") -> Token:
    return Token(start, end, kind, name, html) if end else Token(start, len(html), Kind.UNFINISHED, name, html)


def find_end(html: str) -> int:
    """Where a block goes that shall be the last thing shown; -1 when nowhere (frames).

    Before the last `</body>`, or `</html>` without one.
    QUIRK: mailing lists and gateways put text behind these. Clients show it as part of the body (section 13.2.6.4.19), so that the end is
    then behind that text.
    """
    at: int | None = None
    shown = body = False
    end = len(html)
    for token in tokenize(html):
        if token.kind is Kind.UNFINISHED:
            end = token.start
        elif token.kind is Kind.END and (token.name == "body" or (token.name == "html" and at is None)):
            at = token.start
        elif _is_shown(token):
            at, shown = None, True
        elif token.kind is Kind.START:
            if token.name == "frameset" and not (shown or body):
                return -1
            body = body or token.name == "body"
    return end if at is None else at


def find_start(html: str) -> int:
    """Where a block goes that shall be the first thing shown; -1 when nowhere (frames).

    Behind `<body>`, or where the body begins without that tag: behind the last of the doctype and the tags of the head.
    QUIRK: text before `<html>` or `<body>` is shown first (section 13.2.6.4.4), and then the place is before that.

    Behind thousands of tags without anything shown the place is where the search has got to: nobody keeps a banner away by their number.
    """
    at = 0
    for token in islice(tokenize(html), _HEAD_TOKENS):
        if token.kind is Kind.START and token.name == "body":
            return token.end
        if token.kind is Kind.START and token.name == "frameset":
            return -1
        if token.kind is Kind.UNFINISHED or _is_shown(token) or (token.kind is Kind.START and token.name not in _HEAD):
            break
        if token.kind is Kind.DOCTYPE or (token.kind in (Kind.START, Kind.END) and token.name in _HEAD):
            # Behind a start tag of an element without markup the place would be inside of it: its end tag follows.
            at = token.end if token.kind is not Kind.START or token.name not in _RAW_END else at
    return at


def _is_shown(token: Token) -> bool:
    if token.kind is Kind.TEXT:
        return token.text.removeprefix(_BYTE_ORDER_MARK if token.start == 0 else "").strip(" \t\n\f\r\ufeff") != ""
    return token.kind is Kind.START and token.name == "img"


def find_token(html: str, token: str) -> tuple[int, int] | None:
    """Where `token`, such as `_DISCLAIMER_`, first stands in shown text, in one piece; None if it does not."""
    if not token or token not in html:
        return None
    for piece in islice(tokenize(html), _TOKENS_SEARCHED):
        if piece.kind is Kind.TEXT and (at := html.find(token, piece.start, piece.end)) >= 0:
            return at, at + len(token)
    return None


def unescape(text: str) -> str:
    """Character references resolved, by the standard library.

    QUIRK: that raises for numbers of thousands of digits, which name no character anyhow.
    """
    if "&" not in text:
        return text
    return entities.unescape(_NUMBER.sub(lambda number: number[0][:3] if not number[1] else f"&#{number[1][:8]}", text))
