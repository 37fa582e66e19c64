"""Lines that mail programs write above a quote: `On ... wrote:` in many languages, and what is common to all languages.

A line is its displayed text, from plain text or HTML. The length that is read of each line is bounded, so that time is linear in the number
of lines. `Budget` bounds the slower search for attributions.
"""

# ruff: noqa: RUF001 - colons, dashes and digits of many scripts are meant
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mailhooks.mime.quotes.phrases import GLUED_OPENERS, GLUED_VERBS, LABELS, OPENERS, ORIGINAL, TRAILERS, VERBS, Label
from mailhooks.patterns import compile_late

MAX_LENGTH: Final = 600
"""Characters of the longest attribution, and of a line that is read."""

_BUDGET: Final = 300_000
"""Characters of possible attributions that are read: enough for thousands of lines that begin and end like one."""

_MAX_UNDATED: Final = 150
"""Characters of the longest attribution without a date."""

MAX_UNKNOWN: Final = 250
"""Characters of the longest attribution that is in no table, and of one above a quote without marks."""

MAX_LINES: Final = 5
"""Lines of the longest wrapped attribution."""

_MAX_VERB: Final = 16
"""Characters of the longest verb that is in no table, with spaces."""

_MIN_WRAPPED: Final = 50
"""Characters of the shortest line that a program may have wrapped."""

_FULL: Final = 60
"""Characters of a line and the next word, if the line is full."""


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


class _Kind(IntEnum):
    """How an attribution begins. If two lines may begin it, the higher kind is right."""

    NAMED = 1
    """`Bob wrote:`, `Bob <bob@example.com> schrieb am ...:`"""
    DATED = 2
    OPENED = 3
    """By a word such as `On`."""


INVISIBLE: Final = compile_late("[\u00ad\u061c\u200b\u200d-\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069]+")
"""Characters that only control the layout, such as direction marks."""

COLONS: Final = ":：︰﹕∶៖"
DASHES: Final = "-_=\u2010\u2011\u2012–—\u2015\u2212━"
FIELD: Final = compile_late(rf"[*_\s]{{0,3}}([^{COLONS}*\d]{{1,30}}+)[*_\s]{{0,3}}+[{COLONS}]")
AROUND: Final = DASHES + COLONS + "*>~# "

TIME: Final = compile_late(rf"(?<![\d./])(?<!\d-)\d{{1,2}} ?[.h時时點点시{COLONS}] ?\d{{2}}(?![./-]?\d)|\b\d{{1,2}} ?[ap]\.?m\b")
_DAY: Final = compile_late(
    r"\b(?:19|20)\d\d\b|\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}|(?:19|20)\d\d ?[年년]|\d{1,2}(?:st|nd|rd|th)?[.,]? \w{3,12}\.? \d\d\b"
)
_OTHER_YEAR: Final = compile_late(r"\b(?:1[34]|25)\d\d\b")
"""A year of the Islamic, Persian or Buddhist calendar."""

_DATE_FIRST: Final = compile_late(r"[(\"]?(?:[^\s\d.,]{2,14}[.,]{0,2} .{0,14}?)?\d")
_STAMP_FIRST: Final = compile_late(r"\d{4}[./-]\d{1,2}[./-]\d{1,2},? \d{1,2}:\d\d(?::\d\d)? (?:gmt|utc)\b")
_ADDRESS: Final = compile_late(r"[<(\[][^<>()\[\]\s]{0,80}@[^<>()\[\]\s]{1,80}(?: ?[>)\]]|$)")
_DIGIT: Final = compile_late(r"\d")
_OTHER_DIGIT: Final = compile_late(r"(?![0-9])\d")
_NOTHING: Final = "\ufffc |·•. "
_SENTENCE_END: Final = compile_late(r"(?:[!?]|[^\W\d_]{4}\.)$")
_SENTENCES: Final = compile_late(r"(?:[^\W\d_]{5}\.|[!?]|[\"”»]\.|\.[\"”»]) [^\W\d_]")
_IN_MESSAGE: Final = compile_late(r"\d.{0,20} in (?:message|nachricht)\b", re.IGNORECASE)
_DELIMITER: Final = compile_late(r"--|[_\-=*~]{5,}")
_OPENED: Final = (*OPENERS, *GLUED_OPENERS)
_ASCII_VERBS: Final = frozenset(verb for verb in VERBS if verb.isascii())


def fold(text: str) -> str:
    """Return a text as in the tables: lower case, without dashes and colons around it."""
    # As `fold_case`, which would be one more module in the path of a disclaimer.
    return text.strip(AROUND).casefold().replace("i\u0307", "i")


def normalize(text: str) -> str:
    """Return a text for comparisons: as in the tables, and digits of any script as `0` to `9`."""
    bare = fold(text)
    return bare if bare.isascii() else _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), bare)


def find_label(line: Line) -> Label | None:
    """Return the header field of a line such as `From: ...` or `*From:* ...`, or that it may be a separator; None if neither."""
    text = line.text
    found = FIELD.match(text, 0, 50)
    label = LABELS.get(fold(found[1])) if found else None
    if label or len(text) > MAX_LENGTH:
        return label
    if has_dashes(text) or is_framed(text) or (text.rstrip("* ").endswith(tuple(COLONS)) and fold(text) in ORIGINAL):
        return Label.SEPARATOR
    return Label.UNKNOWN if "@" in text and (found or text.endswith(">")) else None


def has_dashes(text: str) -> bool:
    """Return whether a text has two or more dashes at each end, or Zendesk's `##-`."""
    if text.startswith("##- "):
        return text.endswith(" -##")
    text = text.strip("*> ")
    return len(text) > 1 and not (text[:2] + text[-2:]).strip(DASHES)


def is_framed(text: str) -> bool:
    """Return whether a text is like `>>> Bob <bob@example.com> 04.05.26 9:14 >>>`.

    QUIRK: GroupWise writes it above a quote without marks.
    """
    return text.startswith(">>> ") and text.rstrip().endswith((" >>>", " <<<")) and len(text) < MAX_LENGTH


def find_attribution(lines: Sequence[Line], end: int, budget: Budget, *, above_quote: bool) -> int | None:
    """Return the first line of the attribution that ends with line `end`; None if that is not an attribution.

    Unless it is `above_quote`, it must have a date, and a time or a verb, because ordinary text may contain "On Monday she wrote:" too.
    """
    if budget.left < 0 or not _may_end_attribution(lines[end].text):
        return None
    found: int | None = None
    kind: _Kind | None = None
    start = end
    level = lines[end].level
    below = level is Level.INDENTED or end + 1 == len(lines) or lines[end + 1].gap
    text = ""
    while start >= 0 and end - start < MAX_LINES and lines[start].level is level and len(text) + len(lines[start].text) < MAX_LENGTH:
        line = lines[start]
        flows = flows_into(line.text, text)
        text = f"{line.text} {text}".strip()
        bare = normalize(text)
        new = None
        if above_quote or _DIGIT.search(bare):
            if not budget.spend(bare):
                return None
            gap = line.gap or start == 0 or lines[start - 1].level is not level
            new = _find_kind(bare, text)
            if not above_quote:
                new = (new or _Kind.NAMED) if _is_unmistakable(bare, text, gap=gap, below=below) else None
        if new and (kind is None or new > kind or (flows and has_fact(normalize(line.text)))):
            found, kind = start, new
        elif kind is _Kind.OPENED and not flows:
            break
        # QUIRK: programs that convert HTML put an address on a line of its own, even behind an empty line.
        if (line.gap and not text.startswith("<")) or line.mark or (start and _SENTENCE_END.search(lines[start - 1].text[-8:])):
            break
        start -= 1
    return found


def _may_end_attribution(last: str) -> bool:
    # QUIRK: Zoho writes `---- On ... wrote ----`, old Gmail `2012/4/2 Bob <bob@example.com>` and `2012-04-02 18:26 GMT+02:00 Bob`.
    if len(last) >= MAX_LENGTH:
        return False
    return last.rstrip("-* ").endswith((*COLONS, ">", "wrote")) or _STAMP_FIRST.match(last.casefold()) is not None


def flows_into(above: str, text: str) -> bool:
    """Return whether a line continues in the text below it, as in `On May 4,`, `at 10:18,`, `Bob <`, or because a program wrapped it."""
    if above.endswith((",", "<", "(", "[", "、", "，", "،")) or text.startswith(("<", ">", "(", "[mailto:")):
        return True
    if text[:1].isdigit() and has_day(normalize(above[-MAX_LENGTH:])) and not has_day(normalize(text)):
        return True
    if len(above) < _MIN_WRAPPED:
        return False
    # The next word did not fit.
    return len(above) + len(text[:_MIN_WRAPPED].partition(" ")[0]) >= _FULL or has_fact(normalize(above[-MAX_LENGTH:]))


def _find_kind(bare: str, text: str) -> _Kind | None:
    if _begins_with_opener(bare, text):
        return _Kind.OPENED
    if _DATE_FIRST.match(bare) and _is_dated(bare) and ("@" in bare or _STAMP_FIRST.match(bare) or _find_verb(bare) >= 0):
        return _Kind.DATED
    verb = _find_verb(bare)
    return _Kind.NAMED if 1 < verb < _MAX_UNDATED or (verb == 0 and has_fact(bare)) else None


def _begins_with_opener(bare: str, text: str) -> bool:
    """Return whether it is `On <date> ... wrote:` or `On Monday, Bob wrote:`, and not a longer sentence."""
    if not bare.startswith(_OPENED):
        return False
    verb = _find_verb(bare) >= 0
    return (_is_dated(bare) and (verb or "@" in bare)) or (verb and text.lstrip("-* ")[:1].isupper() and len(bare) < _MAX_UNDATED)


def _is_unmistakable(bare: str, text: str, *, gap: bool, below: bool) -> bool:
    """Return whether it is an attribution even without a quoted line after it.

    Args:
        bare: the text, normalized.
        text: as displayed.
        gap: whether an empty line is above it.
        below: whether an empty line is below it.
    """
    if not has_day(bare):
        return False
    begins = bare.startswith(_OPENED) or _DATE_FIRST.match(bare) is not None
    timed = TIME.search(bare) is not None
    verb = _find_verb(bare) >= 0
    if _SENTENCES.search(bare):
        return False
    if timed and verb:
        return (gap and (begins or len(bare) < MAX_UNKNOWN)) or (begins and "@" in bare)
    ends = text.endswith(tuple(COLONS))
    address = _ADDRESS.search(bare) is not None
    if timed and address and ends and (gap or begins) and len(bare) < MAX_UNKNOWN:
        # After the last of them is at most a verb, in any language. More words are a text below a heading, as in a list of changes.
        last = max(found.end() for fact in (_ADDRESS, _DAY, TIME) for found in fact.finditer(bare))
        return len(bare) - last <= _MAX_VERB
    if verb and address and ends and gap and begins and len(bare) < MAX_UNKNOWN:
        return True
    if not (gap and below and begins) or len(bare) > _MAX_UNDATED:
        return False
    return (verb and ends and text.lstrip("-* ")[:1].isupper()) or _STAMP_FIRST.match(bare) is not None


def has_fact(bare: str) -> bool:
    """Return whether a text has an address, a date or a time."""
    return "@" in bare or _is_dated(bare)


def has_time_and_day(text: str) -> bool:
    """Return whether a text has a date and a time of day."""
    bare = normalize(text)
    return has_day(bare) and TIME.search(bare) is not None


def _is_dated(bare: str) -> bool:
    return has_day(bare) or TIME.search(bare) is not None


def has_day(bare: str) -> bool:
    return _DAY.search(bare) is not None or (not bare.isascii() and _OTHER_YEAR.search(bare) is not None)


def _find_verb(bare: str) -> int:
    """Return the offset of the first verb of writing; -1 without one. Searching for each word is faster than one expression for all."""
    found = [] if bare.isascii() else [at for verb in GLUED_VERBS if (at := bare.find(verb)) >= 0]
    for verb in _ASCII_VERBS if bare.isascii() else VERBS:
        at = bare.find(verb)
        while at >= 0 and (_is_letter(bare[at - 1 : at]) or _is_letter(bare[at + len(verb) : at + len(verb) + 1])):
            at = bare.find(verb, at + 1)
        if at >= 0:
            found.append(at)
    return min(found, default=-1)


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"


def is_quoted(text: str) -> bool:
    """Return whether a line of plain text begins with a quote mark.

    QUIRK: Unix mailboxes store a line with `From ` as `>From `. Converters of HTML encode the mark twice. GroupWise and Emacs begin an
    attribution with marks: `>>> On 4 May 2026 at 9:14 AM, in message`, `>>>>> "Bob" == Bob Example writes:`.
    """
    text = text.lstrip(" \t")
    if not text.startswith((">", "＞", "&gt;")) or text.startswith(">From "):
        return False
    return not (text.startswith(">>> ") and (is_framed(text) or _IN_MESSAGE.search(text))) and not (
        text.startswith(">>>>> ") and " == " in text and text.endswith(":")
    )


def continues_address(lines: Sequence[Line], gap: bool) -> bool:
    """Return whether the next line continues an address that the last line began. QUIRK: Gmail wraps it before its `>`."""
    if gap or not lines or lines[-1].level:
        return False
    text = lines[-1].text[-MAX_LENGTH:]
    if "<" not in text and len(lines) > 1 and not lines[-1].gap:
        text = f"{lines[-2].text[-MAX_LENGTH:]} {text}"
    _, opened, tail = text.rpartition("<")
    return bool(opened) and "@" in tail and ">" not in tail and len(tail.split()) == 1


def is_blank(line: Line) -> bool:
    """Return whether a line has no words: a tracking image, a rule, dots."""
    return not line.text.strip(_NOTHING)


def is_trailer(line: Line) -> bool:
    """Return whether a line begins a signature or a text that programs add at the end: then no reply follows."""
    text = line.text[:MAX_LENGTH]
    return line.mark is Mark.SIGNATURE or _DELIMITER.match(text) is not None or text.lstrip("*_[( ").casefold().startswith(TRAILERS)
