"""Lines that mail clients write above a quote: `On ... wrote:`, `-----Original Message-----`, blocks of From:, Sent:, To:, Subject:.

Knows nothing of plain text or HTML: a line is what a reader sees on it. What is looked at of a line and around it is bounded, so that time
is linear in the number of lines; `Budget` bounds what takes longer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mailhooks.mime.quotes.phrases import CJK_OPENERS, CJK_VERBS, LABELS, OPENERS, ORIGINAL, TRAILERS, VERBS, Label

MAX_LENGTH: Final = 600
"""Characters of an attribution at most, and of a line that is looked at."""

_CLOSELY: Final = 300_000
"""Characters of possible attributions that are looked at closely, at most: thousands of lines that begin and end as one does."""

_SHORT: Final = 150
"""Characters of an attribution without a date, at most."""

_WRAPPED: Final = 5
"""Lines that an attribution is wrapped over, at most."""

_BLOCK: Final = 14
"""Lines in which a block of header fields shows itself as one."""


class Mark(IntEnum):
    """What the markup says of a line, in HTML."""

    NONE = 0
    SIGNATURE = 1
    """A client's own element for signatures."""
    SOFT = 2
    """A quote begins, and what is quoted has marks of its own: a reply may be written between."""
    HARD = 3
    """The quote begins, and it is all that follows."""


class Level(IntEnum):
    """Whether a line is quoted."""

    NONE = 0
    INDENTED = 1
    """Perhaps: people and programs indent for other reasons too."""
    CITED = 2


@dataclass(slots=True)
class Line:
    """A line that shows something.

    Attributes:
        text: white space collapsed.
        at: where a text goes that shall stand above the line; the meaning is the caller's.
        gap: whether an empty line is above it.
    """

    text: str
    at: int
    gap: bool = False
    level: Level = Level.NONE
    mark: Mark = Mark.NONE


class Budget:
    """How much of a message may still be looked at closely. When nothing may, no more attributions are found in it."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _CLOSELY

    def take(self, text: str) -> bool:
        """Whether this text may be looked at, too."""
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
    """Which field of a header block the line is: `From: ...`, also `*From:* ...`."""
    found = _FIELD.match(line.text, 0, 50)
    return LABELS.get(found[1].strip("_ ").casefold()) if found else None


def is_separator(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Whether the line is one of the kind of `-----Original Message-----`, or a rule above a block of fields."""
    text = lines[at].text
    if len(text) > MAX_LENGTH:
        return False
    words = text.strip(_AROUND).casefold()
    if words in ORIGINAL:
        # Without dashes it needs the colon (`Begin forwarded message:`), or it is a heading.
        return text.rstrip("* ").endswith((":", "：")) or _has_dashes(text)  # noqa: RUF001
    if not _has_dashes(text) or at + 1 == len(lines):
        return False
    # The last is for languages that are not in the tables.
    return is_header_block(lines, at + 1, labels) or _unknown_fields(lines[at + 1 : at + 6])


def _has_dashes(text: str) -> bool:
    """Two or more at each end."""
    text = text.strip("*> ")
    return len(text) > 1 and not (text[:2] + text[-2:]).strip(_DASHES)


def _unknown_fields(lines: Sequence[Line]) -> bool:
    fields = [line.text for line in lines if not line.level and _FIELD.match(line.text, 0, 50)]
    return (
        len(fields) >= 3 and any("@" in text[:MAX_LENGTH] for text in fields) and all(find_label(line) is not Label.TRACE for line in lines)
    )


def is_header_block(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Whether a block of From:, Sent:, To:, Subject: begins at the line.

    `From: Berlin`, `To: Hamburg` and `Date:` are a journey: without a subject it takes an address.

    Args:
        labels: `find_label` of each line.
    """
    if labels[at] is None:
        return False
    seen: set[Label] = set()
    address = False
    since = 0
    for line, name in zip(lines[at : at + _BLOCK], labels[at : at + _BLOCK], strict=True):
        if name is Label.TRACE:
            return False
        if name is None:
            since += 1
            # A value is on the next line, or wrapped; more than that is text.
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


def find_attribution(lines: Sequence[Line], end: int, looks: Budget, *, above_quote: bool) -> int | None:
    """The first line of the attribution that ends with line `end`; None if it is none.

    Args:
        looks: those that are left.
        above_quote: whether a quote follows, which can be seen as one. If none does, a date, a time and a verb are wanted: prose says
            "On Monday she wrote:" too.
    """
    if not _may_end_attribution(lines[end].text):
        return None
    dated: int | None = None
    named: int | None = None
    start = end
    level = lines[end].level
    text = ""
    while start >= 0 and end - start < _WRAPPED and lines[start].level is level and len(text) + len(lines[start].text) < MAX_LENGTH:
        text = f"{lines[start].text} {text}".strip()
        bare = text.strip(_AROUND).casefold()
        begins = bare.startswith(_OPENED) or _DATE_FIRST.match(bare) is not None
        if (begins or above_quote) and not looks.take(bare):
            return None
        if above_quote or (begins and _stands_alone(bare, lines[start].gap)):
            if _is_opened(bare, text):
                return start
            if dated is None and _starts_with_date(bare):
                dated = start
            if named is None and above_quote and _names_author(bare):
                named = start
        if lines[start].gap or lines[start].mark or (start and _SENTENCE_END.search(lines[start - 1].text[-8:])):
            break
        start -= 1
    return named if dated is None else dated


def _may_end_attribution(last: str) -> bool:
    # QUIRK: Zoho writes `---- On ... wrote ----`, old Gmail `2012/4/2 Bob <bob@example.com>`.
    return len(last) < MAX_LENGTH and last.rstrip("-* ").endswith((":", "：", ">", "wrote"))  # noqa: RUF001


def _is_opened(bare: str, text: str) -> bool:
    """`On <date> ... wrote:`; also `On Monday, Bob wrote:`, but not prose that goes on."""
    if not bare.startswith(_OPENED):
        return False
    verb = _verb_at(bare) >= 0
    return (_is_dated(bare) and (verb or "@" in bare)) or (verb and text.lstrip("-* ")[:1].isupper() and len(bare) < _SHORT)


def _starts_with_date(bare: str) -> bool:
    """`<date>, <name and address>:`, `<date> ... написал:`."""
    return _DATE_FIRST.match(bare) is not None and _is_dated(bare) and ("@" in bare or _verb_at(bare) >= 0)


def _is_dated(bare: str) -> bool:
    return _DAY.search(bare) is not None or _TIME.search(bare) is not None


def _stands_alone(bare: str, gap: bool) -> bool:
    """Whether it can be nothing else, even with no quote to be seen behind it."""
    if not (gap or "@" in bare) or _TIME.search(bare) is None or _DAY.search(bare) is None or _verb_at(bare) < 0:
        return False
    return _SENTENCES.search(bare) is None


def _names_author(bare: str) -> bool:
    """`Bob wrote:`, `Bob <bob@example.com> schrieb am ...:`."""
    return 1 < _verb_at(bare) < _SHORT


def _verb_at(bare: str) -> int:
    """Where it first says that somebody wrote; -1 when it does not. A search for each word is faster than one expression of all."""
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
    """Whether a line of plain text is marked as quoted. QUIRK: `>From ` is how Unix mailboxes store a line that begins with `From `."""
    return text.lstrip(" \t")[:1] in (">", "＞") and not text.startswith(">From ")  # noqa: RUF001 - as in Japanese mail


def is_blank(line: Line) -> bool:
    """Whether it shows no words: an image that counts who reads, a rule, dots."""
    return not line.text.strip(_NOTHING)


def is_trailer(line: Line) -> bool:
    """Whether what begins here is put behind everything by programs, or a signature: nobody's reply."""
    text = line.text[:MAX_LENGTH]
    return line.mark is Mark.SIGNATURE or _DELIMITER.match(text) is not None or text.lstrip("*_[( ").casefold().startswith(TRAILERS)
