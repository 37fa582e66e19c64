"""The text in the XML of Office files (ECMA-376) and of OpenDocument, as far as a reader sees it. Other parts of the files are not read.

Numbers of a worksheet are as stored, without their format. Left out: deleted text of tracked changes, formulas, phonetic guides.

The tags are found by expressions. A parser of XML needs ten times as long, and rejects a part that is cut at the limit. Office writes no
document type, so that no entity is read.
"""

import re
from decimal import Decimal
from html import escape
from typing import Final

from mailhooks.mime.html import unescape

OFFICE: Final = re.compile(
    r"(?:word|xl|ppt|visio)/(?!.*\b(?:theme|styles|settings|webSettings|fontTable|numbering|calcChain|_rels|tableStyles|presProps|viewProps)\b)"
    r"[^.]*+\.xml",
    re.IGNORECASE,
)
"""Parts of an Office file that have text. The names are those that Office writes."""
OPEN_DOCUMENT: Final = re.compile(r"(?:.*/)?(?:content|styles)\.xml")
"""Parts of an OpenDocument with text; headers and footers are in the styles."""
LAST: Final = re.compile(r"ppt/\w*(?:Master|Layout)s/.*")
"""Templates of slides, which repeat their hints. They are read last."""

_MAX_SPACES: Final = 100

_HEADERS: Final = frozenset(f"{which}{place}" for which in ("odd", "even", "first") for place in ("Header", "Footer"))
"""Headers and footers of a worksheet."""
_TEXTS: Final = _HEADERS | {"t", "v", "text"}
"""Office: text of a run, value of a cell or of a chart, text of a comment in a worksheet."""
_PARAGRAPHS: Final = frozenset({"p", "h"})
_SKIPPED: Final = frozenset({"rPh", "tracked-changes", "creator", "date", "initials"})
"""Phonetic guides; deleted text and the authors of notes."""
_NOT_VALUES: Final = frozenset({"s", "b", "e"})
"""Types of cells whose value is the number of a shared string, a boolean or an error (section 18.18.11)."""
_BREAKS: Final = {"br": "\n", "cr": "\n", "line-break": "\n", "tab": "\t", "ptab": "\t", "noBreakHyphen": "-"}
_ENDS: Final = frozenset("p h si c row tc tr v pt text comment".split()) | _HEADERS
"""Elements that end a word."""

_NAMES: Final = "|".join(sorted(_TEXTS | _PARAGRAPHS | _SKIPPED | _BREAKS.keys() | _ENDS | {"s", "sheet"}))
_OTHER_TAG: Final = re.compile(rf"<(?!/?(?:[\w.-]++:)?(?:{_NAMES})[\s/>])[^<>]*+>")
_TAG: Final = re.compile(r"<(/?)(?:[\w.-]++:)?+([\w-]++)([^<>]*+)>([^<]*+)")
"""A tag, and the text up to the next one."""
_SECTION: Final = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_CELL_TYPE: Final = re.compile(r"\st=[\"'](\w++)[\"']")
_SHEET_NAME: Final = re.compile(r"\sname=\"([^\"]*+)\"")
_SPACES: Final = re.compile(r":c=[\"'](\d{1,4})[\"']")

_EXPONENT: Final = re.compile(r"-?\d(?:\.\d{1,17})?E\+?\d{1,2}")
"""QUIRK: a worksheet has large numbers as 4.111111111111111E15."""
_HEADER_CODE: Final = re.compile(r'&(?:"[^"]*+"|K[0-9A-F]{6}|\d++|[A-Z])')
"""Codes of fonts, places and fields in the header of a worksheet (section 18.3.1.46)."""


def read_xml(xml: str, limit: int, *, in_paragraphs: bool) -> tuple[str, bool]:
    """Return the text of a part, at most about `limit` characters, and whether it was read to its end. Never raises; linear time.

    Args:
        in_paragraphs: whether the text is in paragraphs, as in OpenDocument, and not in runs, as in Office.
    """
    if "<!" in xml:
        if "<!DOCTYPE" in xml:
            return "", False
        xml = _SECTION.sub(lambda section: escape(section[1] or ""), xml)
    collector = _Collector(_PARAGRAPHS if in_paragraphs else _TEXTS)
    for tag in _TAG.finditer(_OTHER_TAG.sub("", xml)):
        closing, name, attributes, text = tag.groups()
        if closing:
            collector.end(name)
        else:
            collector.start(name, attributes)
            if attributes.endswith("/"):
                collector.end(name)
        if text:
            collector.add_text(text)
        if collector.count > limit:
            return "".join(collector.pieces)[:limit], False
    return "".join(collector.pieces), True


class _Collector:
    """Collects the text of one part. `counted` are the elements whose text counts."""

    def __init__(self, counted: frozenset[str]) -> None:
        self.pieces: list[str] = []
        self.count = 0
        self._counted = counted
        self._open: list[str] = []
        """The elements around whose text counts."""
        self._skipped = 0
        self._has_value = True

    def start(self, name: str, attributes: str) -> None:
        if name in _SKIPPED:
            self._skipped += 1
        elif name in _BREAKS:
            self._add(_BREAKS[name])
        elif name == "s" and self._open:
            spaces = _SPACES.search(attributes)
            self._add(" " * min(int(spaces[1]), _MAX_SPACES) if spaces else " ")
        elif name == "c":
            kind = _CELL_TYPE.search(attributes)
            self._has_value = kind is None or kind[1] not in _NOT_VALUES
        elif name == "sheet" and (named := _SHEET_NAME.search(attributes)):
            self._add(f"{unescape(named[1])}\n")
        elif name in _PARAGRAPHS:
            # A paragraph in a paragraph is that of a text box or of a note.
            self._add("\n")
        if name in self._counted and (name != "v" or self._has_value):
            self._open.append(name)

    def end(self, name: str) -> None:
        if name in _SKIPPED:
            self._skipped = max(self._skipped - 1, 0)
        elif self._open and self._open[-1] == name:
            self._open.pop()
        elif name == "c":
            self._has_value = True
        if name in _ENDS:
            self._add("\n")

    def add_text(self, text: str) -> None:
        if not self._open or self._skipped:
            return
        text = unescape(text)
        if self._open[-1] in _HEADERS:
            text = _HEADER_CODE.sub(" ", text)
        elif _EXPONENT.fullmatch(text):
            text = str(int(Decimal(text)))
        self._add(text)

    def _add(self, text: str) -> None:
        self.pieces.append(text)
        self.count += len(text)
