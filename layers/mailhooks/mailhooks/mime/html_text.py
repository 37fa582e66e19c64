"""HTML as text, on the tokenizer of `mailhooks.mime.html`."""

import re
from typing import Final

from mailhooks.mime.html import BLOCKS, MARKUP, Kind, tokenize, unescape

_HIDDEN: Final = frozenset(("script", "style", "title"))
"""Elements whose content is never displayed."""

_LITERAL: Final = frozenset(("textarea", "xmp"))
"""Elements whose content is displayed as it is written."""

_BREAKS: Final = frozenset("p div br tr td th li ul ol table h1 h2 h3 h4 h5 h6 blockquote pre hr section article".split())
_PARAGRAPHS: Final = frozenset("p div tr li table ul ol h1 h2 h3 h4 hr blockquote".split())

_TAG: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9]*+)[^>]*>|<[!?][^<>]*>")

IMAGE_OR_ADDRESS: Final = "\ufffc"
"""An image or an address in `convert_to_plain_text` with `only_words`."""


def extract_visible_text(html: str) -> str:
    """Return the displayed text on one line: white space collapsed, character references resolved."""
    pieces: list[str] = []
    for token in tokenize(html):
        if token.kind is Kind.TEXT or (token.kind is Kind.RAW and token.name in _LITERAL):
            pieces.append(unescape(token.text))
        elif token.name in BLOCKS or token.name in ("td", "th"):
            pieces.append(" ")
    return " ".join("".join(pieces).split())


def extract_searchable_text(html: str) -> str:
    """Return the text that any mail program may display: white space as written, character references resolved.

    Programs differ over a tag or comment without its end, and over elements such as `noscript`: the text there is returned too.
    """
    pieces: list[str] = []
    position = 0
    # Without tokens: policies read the text of every message.
    for found in MARKUP.finditer(html):
        start, end = found.span()
        if start > position:
            pieces.append(unescape(html[position:start]))
        position = end
        if name := found["name"]:
            if name.lower() in _BREAKS:
                pieces.append("\n")
        elif found["unfinished"] is not None or (found["raw"] and end == len(html)):
            # Tags are searched up to the last `>` only, so that the time is linear.
            last = max(html.rfind(">", start) + 1, start)
            pieces.append(unescape(_TAG.sub(_line_end, html[start:last]) + html[last:]))
        elif found["raw"] and found["raw"].lower() not in _HIDDEN:
            pieces.append(extract_searchable_text(found["content"]))
    return "".join((*pieces, unescape(html[position:])))


def _line_end(tag: re.Match[str]) -> str:
    return "\n" if tag[1] and tag[1].lower() in _BREAKS else ""


def convert_to_plain_text(html: str, *, only_words: bool = False) -> str:
    """Return HTML as plain text with lines. A link is followed by its address, an image is its `alt` text.

    With `only_words`, both are `IMAGE_OR_ADDRESS`.
    """
    pieces: list[str] = []
    link, link_at = "", 0
    for token in tokenize(html):
        is_end = token.kind is Kind.END
        if token.kind is Kind.TEXT:
            pieces.append(re.sub(r"\s+", " ", unescape(token.text)))
        elif not is_end and token.kind is not Kind.START:
            continue
        elif token.name == "br":
            pieces.append("\n")
        elif token.name == "img":
            pieces.append(IMAGE_OR_ADDRESS if only_words else token.attrs.get("alt", ""))
        elif token.name == "a":
            if is_end and _is_worth_adding(link, pieces[link_at:]):
                pieces.append(f" {IMAGE_OR_ADDRESS}" if only_words else f" <{link.removeprefix('mailto:')}>")
            link, link_at = "" if is_end else token.attrs.get("href", ""), len(pieces)
        elif token.name in _PARAGRAPHS:
            before = not is_end and any(piece.strip(" ") for piece in pieces) and not pieces[-1].endswith("\n")
            after = is_end or token.text.endswith("/>")
            pieces += ["\n"] * (before + after)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _is_worth_adding(link: str, displayed: list[str]) -> bool:
    """Return whether a link has an address that its displayed text does not have."""
    return link.startswith(("http://", "https://", "mailto:")) and link.removeprefix("mailto:") not in "".join(displayed)
