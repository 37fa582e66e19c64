"""Content of HTML that has no place in the flow of the page: hidden preview text, and absolute boxes."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailhooks.mime.html import BLOCKS, Kind, Token, tokenize, unescape
from mailhooks.mime.styles import Styles, find_names, is_hidden, parse_declarations
from mailhooks.patterns import compile_late

_PREVIEW_TOKENS: Final = 2_000
_WRAPPERS: Final = frozenset(("div", "center", "main", "section", "article", "form", "span", "font", "a", "o:p", "style", "title"))
"""Elements that may be around a hidden preview text, and in which a block has the full width."""

_VOID: Final = frozenset(("br", "hr", "meta", "link", "img", "wbr", "input", "base"))
_BLANK: Final = "\ufeff\xa0\u200b\u200c\u200d\u00ad\u034f \t\r\n"

_LINE_HEIGHT: Final = 30
_LINE_LENGTH: Final = 50
_MOST_LINES: Final = 20
"""Lines of a box without a height whose place of the end is guessed."""

_PIXELS: Final = compile_late(r"(-?\d+(?:\.\d+)?)(?:px)?")


def skip_preview(html: str, at: int, styles: Styles) -> int:
    """Return the offset after the hidden preview text that newsletters have at their beginning; `at` if there is none.

    Mail programs show the first text in the list of messages, also if it is hidden: it must stay the first.
    """
    best = at
    tokens = _read_from(html, at)
    for token in tokens:
        if token.kind is Kind.START and _is_preview(token, styles):
            end = _skip_element(tokens, token.name)
            if end is None:
                break
            best = end
        elif not _may_precede_preview(token):
            break
    return best


def _skip_element(tokens: Iterator[Token], name: str) -> int | None:
    """Return the offset after an element whose start tag was read; None if it is not closed, or has an image.

    QUIRK: the element around an image often has no font size.
    """
    depth = 1
    for token in tokens:
        depth += (token.name == name) * ((token.kind is Kind.START) - (token.kind is Kind.END))
        if depth == 0:
            return token.end
        if token.name == "img" and not _is_pixel(token):
            return None
    return None


def _may_precede_preview(token: Token) -> bool:
    if token.kind is Kind.TEXT:
        return not unescape(token.text).strip(_BLANK)
    if token.kind is Kind.START:
        return token.name in _WRAPPERS or (token.name in _VOID and (token.name != "img" or _is_pixel(token)))
    return token.kind is not Kind.UNFINISHED


def _read_from(html: str, at: int) -> Iterator[Token]:
    for token in islice(tokenize(html[at:]), _PREVIEW_TOKENS):
        yield token._replace(start=token.start + at, end=token.end + at, html=html)


def _is_preview(token: Token, styles: Styles) -> bool:
    attrs = token.attrs
    if "hidden" in attrs or is_hidden(attrs.get("style", "").lower()):
        return True
    return not find_names(token).isdisjoint(styles.hidden)


def _is_pixel(token: Token) -> bool:
    attrs = token.attrs
    return {attrs.get("width"), attrs.get("height")} & {"0", "1"} != set() or is_hidden(attrs.get("style", "").lower())


def find_bottom(html: str, styles: Styles) -> int | None:
    """Return the pixels down to the lowest absolute box if all displayed text is in such boxes, 0 if not; None if it cannot be found."""
    bottom = 0
    tokens = tokenize(html)
    for token in tokens:
        if token.kind is Kind.TEXT and token.text.strip(" \t\r\n\f\xa0"):
            return 0
        if token.kind is not Kind.START:
            continue
        declarations = _read_place(token, styles)
        if declarations.get("position") in ("absolute", "fixed") and token.name not in _VOID:
            lines = _count_lines(tokens, token.name)
            height = _read_pixels(declarations.get("height", "0"))
            if not height and lines > _MOST_LINES:
                return None
            bottom = max(bottom, int(_read_pixels(declarations.get("top", "0")) + (height or lines * _LINE_HEIGHT)))
        elif token.name == "img":
            return 0
    return bottom


def _read_place(token: Token, styles: Styles) -> dict[str, str]:
    declarations: dict[str, str] = {}
    if styles.placed:
        for name in find_names(token).intersection(styles.placed):
            declarations |= styles.placed[name]
    return declarations | (parse_declarations(token.attrs.get("style", "").lower()) if "style" in token.text.lower() else {})


def _count_lines(tokens: Iterator[Token], name: str) -> int:
    """Read an element to its end. Return the number of its lines, roughly."""
    depth, lines, letters = 1, 1, 0
    for token in tokens:
        depth += (token.name == name) * ((token.kind is Kind.START) - (token.kind is Kind.END))
        if depth == 0:
            break
        letters += len(token.text.strip()) if token.kind is Kind.TEXT else 0
        lines += token.kind is Kind.START and token.name in BLOCKS
    return lines + letters // _LINE_LENGTH


def _read_pixels(value: str) -> float:
    found = _PIXELS.fullmatch(value)
    return float(found[1]) if found else 0.0
