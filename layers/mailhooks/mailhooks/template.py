"""Text with variables, such as `%%Title%%`, as Exchange's disclaimers have them; for texts that administrators write."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from itertools import pairwise
from typing import Final

_VARIABLE: Final = re.compile(r"%%([A-Za-z][A-Za-z0-9]{0,39})%%")

_BLOCK: Final = "(?:address|blockquote|div|dl|dt|dd|h[1-6]|hr|li|ol|p|table|tbody|tfoot|thead|tr|ul)"
_BREAK: Final = re.compile(rf"\n|<br\b[^<>]*>|</{_BLOCK}\s*>|(?=<{_BLOCK}\b)", re.IGNORECASE)
"""Where a line of HTML ends: as it is written, and as it is shown. Templates often come on one line altogether."""

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})

_BREAKS_BEFORE: Final = frozenset({"p", "div", "tr", "li", "table", "ul", "ol", "h1", "h2", "h3", "h4", "hr", "blockquote"})


@dataclass(frozen=True)
class Template:
    """A text with variables. Names are the same whatever their case.

    Attributes:
        source: the text.
        is_html: whether values have to be escaped.
    """

    source: str
    is_html: bool = False

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names that occur, in lower case."""
        return frozenset(name.lower() for name in _VARIABLE.findall(self.source))

    def render(self, values: Mapping[str, str]) -> str:
        """The text for these values, whose names are in lower case. A line whose variables are all empty is left out; of HTML, the tags
        stay that belong to other lines.

        Values lose control characters and line ends: they come from mail.
        """
        if self.is_html:
            ends = [0, *(found.end() for found in _BREAK.finditer(self.source)), len(self.source)]
            return "".join(self._line(self.source[start:end], values) or "" for start, end in pairwise(ends))
        return "\n".join(line for source in self.source.split("\n") if (line := self._line(source, values)) is not None)

    def _line(self, source: str, values: Mapping[str, str]) -> str | None:
        """A line with its values; None when it has nothing to say."""
        found = []

        def value(variable: re.Match[str]) -> str:
            text = "".join(char if char.isprintable() else " " for char in values.get(variable[1].lower(), "")).strip()
            found.append(text)
            return html.escape(text) if self.is_html else text

        line = _VARIABLE.sub(value, source)
        if any(found) or not found:
            return line
        return _unpaired_tags(line) if self.is_html else None


def _unpaired_tags(line: str) -> str:
    """What has to stay of a line of HTML that is left out: nothing when its tags close each other, else all of them, or, where comments
    make even that unsure, the line.
    """
    if "<!" in line:
        return line
    tags = [tag for tag in _TAG.finditer(line) if tag[2].lower() not in _VOID]
    waiting: list[str] = []
    for closing, name in (tag.group(1, 2) for tag in tags):
        if not closing:
            waiting.append(name.lower())
        elif not waiting or waiting.pop() != name.lower():
            break
    else:
        if not waiting:
            return ""
    return "".join(tag[0] for tag in tags)


def text_of(source: str) -> str:
    """An HTML text that an administrator wrote, as plain text: lines where elements break them, links with their addresses behind."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class _Reader(HTMLParser):
    """Collects what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0
        self._link = ""
        self._link_at = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "style", "title"}:
            self._hidden += 1
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "img":
            self.pieces.append(given.get("alt") or "")
        elif tag == "a":
            self._link, self._link_at = given.get("href") or "", len(self.pieces)
        elif tag in _BREAKS_BEFORE and "".join(self.pieces).strip(" ") and not self.pieces[-1].endswith("\n"):
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "title"}:
            self._hidden = max(self._hidden - 1, 0)
        elif tag == "a" and self._link.startswith(("http://", "https://", "mailto:")):
            address = self._link.removeprefix("mailto:")
            if address not in "".join(self.pieces[self._link_at :]):
                self.pieces.append(f" <{address}>")
            self._link = ""
        elif tag in _BREAKS_BEFORE:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))
