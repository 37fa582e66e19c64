"""What a reader sees: of HTML by the standard library's parser, of format=flowed text by RFC 3676."""

import re
import unicodedata
from html.parser import HTMLParser

_HIDDEN = frozenset("head title script style template noframes noembed iframe xmp textarea".split())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body" or (self._hidden == "head" and tag in {"div", "p", "table", "span"}):
            self._hidden = ""  # the end tag of head may be left out (HTML, "Optional tags")
        if not self._hidden and tag in _HIDDEN:
            self._hidden = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """As browsers do: `<![if !mso]>` and all like it are comments up to the next `>`; the standard library raises for some."""
        return self.parse_bogus_comment(i, report)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def visible_text(html: str) -> str:
    """The text between the tags, entities decoded, without what is never shown: comments, scripts, styles, the head."""
    parser = _Text()
    parser.feed(html)
    if not re.match(r"<[A-Za-z/!?]", parser.rawdata):  # a tag that does not end is not shown, nor what stands in it
        parser.close()
    return "".join(parser.pieces)


def squeezed(text: str) -> str:
    """For comparing: without white space, which folding, wrapping and stuffing change, and without characters that have no shape."""
    return "".join(c for c in "".join(text.split()) if unicodedata.category(c) != "Cf")


def unflowed(text: str, *, delsp: bool) -> list[str]:
    """The lines that a client shows for format=flowed text: flowed ones joined, space-stuffing and `>` taken off (RFC 3676 section 4)."""
    lines: list[str] = []
    open_at = -1
    for line in text.replace("\r\n", "\n").split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == "-- "
        flowed = content.endswith(" ") and not signature
        if flowed and delsp:
            content = content[:-1]
        if open_at == depth and not signature:
            lines[-1] += content
        else:
            lines.append(content)
        open_at = depth if flowed else -1
    return lines
