"""Lines that mail programs write above a quote: `On ... wrote:`, `-----Original Message-----`, blocks of From:, Sent:, To:, Subject:.

A line is its displayed text, from plain text or HTML. The length that is read of each line is bounded, so that time is linear in the number
of lines. `Budget` bounds the slower search for attributions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mailhooks.mime.quotes.phrases import CJK_OPENERS, CJK_VERBS, LABELS, OPENERS, ORIGINAL, TRAILERS, VERBS, Label

MAX_LENGTH: Final = 600
"""Characters of the longest attribution, and of a line that is read."""

_BUDGET: Final = 300_000
"""Characters of possible attributions that are read: enough for thousands of lines that begin and end like one."""

_MAX_UNDATED: Final = 150
"""Characters of the longest attribution without a date."""

_MAX_LINES: Final = 5
"""Lines of the longest wrapped attribution."""

_BLOCK_LINES: Final = 14
"""Lines that are read to recognize a block of header fields."""


class Mark(IntEnum):
    """A mark of a line in HTML, by its markup."""

    NONE = 0
    SIGNATURE = 1
    """It is in an element for signatures."""
    SOFT = 2
    """A quote begins. Its lines have their own markup, and a reply may be between them."""
    HARD = 3
    """The quote begins, and it extends to the end."""


class Level(IntEnum):
    """How a line is quoted."""

    NONE = 0
    INDENTED = 1
    """Perhaps quoted: people and programs also indent for other reasons."""
    CITED = 2


@dataclass(slots=True)
class Line:
    """A line with displayed text or an image.

    Attributes:
        text: white space collapsed.
        at: where to insert a text above the line: an offset or an index, depending on the caller.
        gap: whether an empty line is above it.
    """

    text: str
    at: int
    gap: bool = False
    level: Level = Level.NONE
    mark: Mark = Mark.NONE


class Budget:
    """The characters of a message that may still be searched for attributions. Without budget, no more are found."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _BUDGET

    def spend(self, text: str) -> bool:
        """Subtract a text from the budget. Return whether the budget was sufficient."""
        self.left -= len(text)
        return self.left >= 0


_TIME: Final = re.compile(r"\d{1,2} ?[:.h时時點点시] ?\d{2}")
_DAY: Final = re.compile(
    r"\b(?:19|20)\d\d\b|\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}|(?:19|20)\d\d ?[年년]|\d{1,2}(?:st|nd|rd|th)?[.,]? \w{3,12}\.? \d\d\b"
)
_DATE_FIRST: Final = re.compile(r"[(\"]?(?:\w{2,14}[.,]{0,2} .{0,14}?)?\d")
_DASHES: Final = "-_=\u2010\u2011\u2012–—\u2015\u2212"  # noqa: RUF001 - dashes that are meant
_AROUND: Final = _DASHES + "*>~:： "  # noqa: RUF001
_NOTHING: Final = "\ufffc |·•. "
_SENTENCE_END: Final = re.compile(r"(?:[!?]|[^\W\d_]{4}\.)$")
_SENTENCES: Final = re.compile(r"(?:[^\W\d_]{5}\.|[!?]|[\"”»]\.|\.[\"”»]) [^\W\d_]")
_DELIMITER: Final = re.compile(r"--|[_\-=*~]{5,}")
_FIELD: Final = re.compile(r"[*_\s]{0,3}([^:：*\d]{1,30}+)[*_\s]{0,3}+[:：]")  # noqa: RUF001
_OPENED: Final = (*OPENERS, *CJK_OPENERS)


def find_label(line: Line) -> Label | None:
    """Return the header field of a line such as `From: ...` or `*From:* ...`; None if it is no known field."""
    found = _FIELD.match(line.text, 0, 50)
    return LABELS.get(found[1].strip("_ ").casefold()) if found else None


def is_separator(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Return whether a line is a separator such as `-----Original Message-----`, or a rule above a block of fields."""
    text = lines[at].text
    if len(text) > MAX_LENGTH:
        return False
    words = text.strip(_AROUND).casefold()
    if words in ORIGINAL:
        # Without dashes it has a colon (`Begin forwarded message:`). Otherwise it is a heading.
        return text.rstrip("* ").endswith((":", "：")) or _has_dashes(text)  # noqa: RUF001
    if not _has_dashes(text) or at + 1 == len(lines):
        return False
    # The second check is for languages that are not in the tables.
    return is_header_block(lines, at + 1, labels) or _has_unknown_fields(lines[at + 1 : at + 6])


def _has_dashes(text: str) -> bool:
    """Return whether a text has two or more dashes at each end."""
    text = text.strip("*> ")
    return len(text) > 1 and not (text[:2] + text[-2:]).strip(_DASHES)


def _has_unknown_fields(lines: Sequence[Line]) -> bool:
    fields = [line.text for line in lines if not line.level and _FIELD.match(line.text, 0, 50)]
    return (
        len(fields) >= 3 and any("@" in text[:MAX_LENGTH] for text in fields) and all(find_label(line) is not Label.TRACE for line in lines)
    )


def is_header_block(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Return whether a block of From:, Sent:, To:, Subject: begins at a line.

    Without a subject it must have an address: `From: Berlin`, `To: Hamburg` and `Date:` describe a journey. `labels` are by `find_label`.
    """
    if labels[at] is None:
        return False
    seen: set[Label] = set()
    address = False
    since = 0
    for line, name in zip(lines[at : at + _BLOCK_LINES], labels[at : at + _BLOCK_LINES], strict=True):
        if name is Label.TRACE:
            return False
        if name is None:
            since += 1
            # A value may be on the next line, or wrapped. More lines are text.
            if since > 3 or line.level is not lines[at].level:
                break
            continue
        if name in seen and name is not Label.OTHER:
            break
        since = 0
        seen.add(name)
        address = address or (name is Label.FROM and "@" in line.text[:MAX_LENGTH])
    enough = len(seen - {Label.OTHER}) >= 3 or seen >= {Label.FROM, Label.SUBJECT, Label.DATE}
    return Label.FROM in seen and enough and (Label.SUBJECT in seen or address)


def find_attribution(lines: Sequence[Line], end: int, budget: Budget, *, above_quote: bool) -> int | None:
    """Return the first line of the attribution that ends with line `end`; None if that is not an attribution.

    Unless it is `above_quote`, it must have a date, a time and a verb, because ordinary text may contain "On Monday she wrote:" too.
    """
    if not _may_end_attribution(lines[end].text):
        return None
    dated: int | None = None
    named: int | None = None
    start = end
    level = lines[end].level
    text = ""
    while start >= 0 and end - start < _MAX_LINES and lines[start].level is level and len(text) + len(lines[start].text) < MAX_LENGTH:
        text = f"{lines[start].text} {text}".strip()
        bare = text.strip(_AROUND).casefold()
        begins = bare.startswith(_OPENED) or _DATE_FIRST.match(bare) is not None
        if (begins or above_quote) and not budget.spend(bare):
            return None
        if above_quote or (begins and _is_unmistakable(bare, lines[start].gap)):
            if _begins_with_opener(bare, text):
                return start
            if dated is None and _starts_with_date(bare):
                dated = start
            # `Bob wrote:` or `Bob <bob@example.com> schrieb am ...:`
            if named is None and above_quote and 1 < _find_verb(bare) < _MAX_UNDATED:
                named = start
        if lines[start].gap or lines[start].mark or (start and _SENTENCE_END.search(lines[start - 1].text[-8:])):
            break
        start -= 1
    return named if dated is None else dated


def _may_end_attribution(last: str) -> bool:
    # QUIRK: Zoho writes `---- On ... wrote ----`, old Gmail `2012/4/2 Bob <bob@example.com>`.
    return len(last) < MAX_LENGTH and last.rstrip("-* ").endswith((":", "：", ">", "wrote"))  # noqa: RUF001


def _begins_with_opener(bare: str, text: str) -> bool:
    """Return whether it is `On <date> ... wrote:` or `On Monday, Bob wrote:`, and not a longer sentence."""
    if not bare.startswith(_OPENED):
        return False
    verb = _find_verb(bare) >= 0
    return (_is_dated(bare) and (verb or "@" in bare)) or (verb and text.lstrip("-* ")[:1].isupper() and len(bare) < _MAX_UNDATED)


def _starts_with_date(bare: str) -> bool:
    """Return whether it is `<date>, <name and address>:` or `<date> ... написал:`."""
    return _DATE_FIRST.match(bare) is not None and _is_dated(bare) and ("@" in bare or _find_verb(bare) >= 0)


def _is_dated(bare: str) -> bool:
    return _DAY.search(bare) is not None or _TIME.search(bare) is not None


def _is_unmistakable(bare: str, gap: bool) -> bool:
    """Return whether it is an attribution even without a quoted line after it."""
    if not (gap or "@" in bare) or _TIME.search(bare) is None or _DAY.search(bare) is None or _find_verb(bare) < 0:
        return False
    return _SENTENCES.search(bare) is None


def _find_verb(bare: str) -> int:
    """Return the offset of the first verb of writing; -1 without one. Searching for each word is faster than one expression for all."""
    found = [at for verb in CJK_VERBS if (at := bare.find(verb)) >= 0]
    for verb in VERBS:
        at = bare.find(verb)
        while at >= 0 and (_is_letter(bare[at - 1 : at]) or _is_letter(bare[at + len(verb) : at + len(verb) + 1])):
            at = bare.find(verb, at + 1)
        if at >= 0:
            found.append(at)
    return min(found, default=-1)


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"


def is_quoted(text: str) -> bool:
    """Return whether a line of plain text begins with a quote mark. QUIRK: Unix mailboxes store a line with `From ` as `>From `."""
    return text.lstrip(" \t")[:1] in (">", "＞") and not text.startswith(">From ")  # noqa: RUF001 - as in Japanese mail


def is_blank(line: Line) -> bool:
    """Return whether a line has no words: a tracking image, a rule, dots."""
    return not line.text.strip(_NOTHING)


def is_trailer(line: Line) -> bool:
    """Return whether a line begins a signature or a text that programs add at the end: then no reply follows."""
    text = line.text[:MAX_LENGTH]
    return line.mark is Mark.SIGNATURE or _DELIMITER.match(text) is not None or text.lstrip("*_[( ").casefold().startswith(TRAILERS)
