"""The displayed text: of HTML by the parser of the standard library, of format=flowed text by RFC 3676."""

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
            self._hidden = ""  # the end tag of head is optional (HTML, "Optional tags")
        if not self._hidden and tag in _HIDDEN:
            self._hidden = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Read `<![if !mso]>` as a comment, as browsers do. The standard library raises an error for some."""
        return self.parse_bogus_comment(i, report)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def visible_text(html: str) -> str:
    """Return the text between the tags, entities decoded, without comments, scripts, styles and the head."""
    parser = _Text()
    parser.feed(html)
    if not re.match(r"<[A-Za-z/!?]", parser.rawdata):  # a tag without end is not displayed
        parser.close()
    return "".join(parser.pieces)


def squeezed(text: str) -> str:
    """Return a text to compare: without white space, which folding and wrapping change, and without invisible characters."""
    return "".join(c for c in "".join(text.split()) if unicodedata.category(c) != "Cf")


def unflowed(text: str, *, delsp: bool) -> list[str]:
    """Return the displayed lines of format=flowed text: joined, without stuffed spaces and `>` (RFC 3676 section 4)."""
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
