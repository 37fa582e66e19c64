"""The beginning of a long HTML text for a page: how much of it is shown, and what is left out of it, in words."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from mailhooks.mime.html import Kind, Token, tokenize
from workmail_local.viewer.excerpt import describe_cut

LIMIT: Final = 300_000
"""Characters of HTML that are shown, and those of style sheets. Comments, scripts and embedded pictures do not count."""

WITHOUT_CONTENT: Final = frozenset(("script", "iframe", "noembed", "noframes"))
"""Elements whose content is not displayed."""

_CLOSED: Final = frozenset(("style", "textarea", "title", "xmp", "noscript"))
"""Elements without markup whose content applies or is displayed, also without an end tag."""

_MAX_NAME: Final = 1000
_USUAL_PART: Final = 10
"""A tag of less than a tenth of the limit ends the excerpt when there is no room; a longer one loses its attributes instead."""

_DATA: Final = re.compile(r"\bdata:[a-z0-9.+-]{1,40}/[^\s\"'<>()]*+(?:[\r\n]++[A-Za-z0-9+/=]++)*+", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"<!--(?:(?s:.*?)-->|(?s:.*))|<(style|script)\b[^>]*+(?:>(?:[^<]++|<(?!/\1))*+|\Z)", re.ASCII | re.IGNORECASE)
"""A comment, a style sheet or a script, almost as `tokenize` reads it, but in a tenth of the time."""


class HtmlExcerpt(NamedTuple):
    """The HTML that is shown, and notes on what is left out of it."""

    markup: str
    notes: tuple[str, ...] = ()


def count_shown(markup: str) -> int:
    """Return the number of characters without those of embedded pictures (`data:`)."""
    if "data:" not in markup.lower():  # some ten times faster than the search
        return len(markup)
    return len(markup) - sum(len(found[0]) for found in _DATA.finditer(markup))


def cut(markup: str, limit: int = LIMIT) -> HtmlExcerpt:
    """Return the beginning of HTML, of at most `limit` characters and style sheets of as many. Cuts within no tag and no style sheet.

    What is too long and only changes the look is left out, and the rest is shown: a style sheet, a title, the attributes of a tag.
    Comments and scripts are never displayed, so they do not count, and no note is about them.

    >>> cut("<p>Hello</p>", 9)
    HtmlExcerpt(markup='<p>Hello', notes=('8 of 12 characters shown',))
    """
    if len(markup) <= limit or count_shown(markup) <= limit:
        return HtmlExcerpt(markup)
    cutter, total = _Cutter(limit), 0
    kept: list[str] = []
    for token in tokenize(markup):
        before = cutter.shown
        kept += cutter.keep(token)
        if cutter.ended:
            total = before + count_shown(token.text) + count_shown(_HIDDEN.sub("", markup[token.end :]))
            break
    notes = (describe_cut(cutter.shown, total, "characters"), *cutter.describe_left_out())
    return HtmlExcerpt("".join(kept), tuple(filter(None, notes)))


def close_element(name: str, text: str) -> str:
    """Return an element without markup with the end tag that it lacks; "" if it is another one, or if its start tag has no end.

    >>> close_element("style", "<style>p {}"), close_element("style", "<style media='p {}")
    ('<style>p {}</style>', '')
    """
    closed = f"{text}</{name}>"
    return closed if name in _CLOSED and next(tokenize(closed)).kind is Kind.START else ""


class _Cutter:
    """Keeps tokens until there is no room for the next one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._style_room = limit
        self._hidden_room = limit
        """How many more comments and scripts are kept: a page of millions would be slow."""
        self._left_out: Counter[str] = Counter()
        self.shown = 0
        self.ended = False

    def keep(self, token: Token, *, in_noscript: bool = False) -> Iterator[str]:
        """Yield what is kept of a token."""
        kind, name, text = token.kind, token.name, token.text
        if kind is Kind.TEXT:
            yield self._keep_text(text)
        elif kind in {Kind.START, Kind.END}:
            yield self._keep_tag(text, f"</{name}>" if kind is Kind.END else f"<{name} />" if text.endswith("/>") else f"<{name}>")
        elif kind is Kind.RAW:
            yield from self._keep_content(name, text, in_noscript=in_noscript)
        elif kind is Kind.DOCTYPE:
            yield self._keep_tag(text, "<!DOCTYPE html>")
        elif kind is Kind.COMMENT:
            self._count_hidden()
            yield "<!---->"  # without it the texts around could form a character reference
        elif name == "plaintext":
            yield self._keep_text(text)
        elif closed := close_element(name, text):
            yield from self._keep_all(closed, in_noscript=in_noscript)

    def describe_left_out(self) -> Iterator[str]:
        """Yield a note on each kind of token that is too long."""
        for what, number in self._left_out.items():
            yield f"{what.format(f'{number:,}')}{'s' if number > 1 else ''} left out, too long"

    def _keep_all(self, markup: str, *, in_noscript: bool) -> Iterator[str]:
        for token in tokenize(markup):
            yield from self.keep(token, in_noscript=in_noscript)
            if self.ended:
                return

    def _keep_text(self, text: str) -> str:
        size, room = count_shown(text), self._limit - self.shown
        if size > room:
            self.ended = True
            text, size = text[:room], room
        self.shown += size
        return text

    def _keep_tag(self, text: str, bare: str) -> str:
        size, room = count_shown(text), self._limit - self.shown
        if size > room and size > self._limit // _USUAL_PART:
            short = bare if len(bare) <= _MAX_NAME else ""
            if len(short) <= room:
                self._left_out["attributes of {} tag" if short else "{} tag"] += 1
                text, size = short, len(short)
        if size > room:
            self.ended = True
            return ""
        self.shown += size
        return text

    def _keep_content(self, name: str, text: str, *, in_noscript: bool) -> Iterator[str]:
        if name in WITHOUT_CONTENT:
            self._count_hidden()
        elif name == "noscript":
            if not in_noscript:  # `sanitizer` leaves out others in it
                yield from self._keep_all(text, in_noscript=True)
        elif name in {"style", "title"}:
            size = count_shown(text)
            if size > self._style_room:
                self._left_out["{} style sheet" if name == "style" else "{} title"] += 1
                return
            self._style_room -= size
            yield text
        else:
            yield self._keep_text(text)

    def _count_hidden(self) -> None:
        self._hidden_room -= 1
        self.ended = self._hidden_room < 0
