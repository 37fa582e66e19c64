"""Separators such as `-----Original Message-----` and blocks of From:, Sent:, To:, Subject: above a quote, in many languages."""

from collections.abc import Sequence
from typing import Final

from mailhooks.mime.quotes.attribution import COLONS, FIELD, MAX_LENGTH, Line, fold, has_dashes, has_fact, has_time_and_day, is_framed
from mailhooks.mime.quotes.phrases import LABELS, ORIGINAL, Label
from mailhooks.patterns import compile_late

_MAX_LINES: Final = 300
"""Lines of the longest block: a list of recipients may be wrapped many times."""

_MAX_OTHERS: Final = 8
"""Fields of one block that are neither persons nor date nor subject."""

_MIN_RULE: Final = 20
"""Dashes of the shortest rule above a block that the sender shortened to two fields."""

_MAX_WORD: Final = 30
"""Characters of the longest name of a field."""

_MIN_UNKNOWN: Final = 4
"""Fields of the shortest block in a language that is in no table, without a separator above it."""

_NO_FIELD: Final = (None, Label.UNKNOWN, Label.SEPARATOR)
_INNER_FIELD: Final = compile_late(rf"(?:^|[\s>;])([^\s{COLONS}]{{1,20}})[{COLONS}](?= )")
_PREFIXES: Final = tuple(f"{phrase} " for phrase in ORIGINAL)
_BRACKETED: Final = compile_late(r"[<\[][^<>\[\]\s]{1,80}@[^<>\[\]\s]{1,80}[>\]]")


def is_separator(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Return whether a line is a separator such as `-----Original Message-----`, or a rule above a block of fields."""
    text = lines[at].text
    if is_framed(text):
        return has_fact(text)
    words = fold(text)
    if words in ORIGINAL:
        # Without dashes it has a colon (`Begin forwarded message:`). Otherwise it is a heading.
        return text.rstrip("* ").endswith(tuple(COLONS)) or has_dashes(text)
    if not has_dashes(text):
        return False
    # `----- Forwarded message from Bob <bob@example.com> -----`
    if words.startswith(_PREFIXES) and "@" in words:
        return True
    if at + 1 == len(lines):
        return False
    pair = labels[at + 1 : at + 3]
    if not words and len(text) >= _MIN_RULE and Label.FROM in pair and not {*pair} <= {Label.FROM, *_NO_FIELD} and len(pair) == 2:
        return Label.TRACE not in labels[at + 1 : at + _MAX_OTHERS]
    # The second check is for languages that are not in the tables.
    return is_header_block(lines, at + 1, labels) or _has_unknown_fields(
        lines[at + 1 : at + 6], labels[at + 1 : at + 6], words.replace(" ", "").isalpha()
    )


def _has_unknown_fields(lines: Sequence[Line], labels: Sequence[Label | None], has_title: bool) -> bool:
    fields = [line.text[:MAX_LENGTH] for line in lines if not line.level and FIELD.match(line.text, 0, 50)]
    if len(fields) < 3 or Label.TRACE in labels:
        return False
    return any("@" in text for text in fields) or (has_title and len(fields) >= _MIN_UNKNOWN and any(map(has_time_and_day, fields)))


def is_header_block(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Return whether a block of From:, Sent:, To:, Subject: begins at a line.

    Without a subject it must have an address: `From: Berlin`, `To: Hamburg` and `Date:` describe a journey. `labels` are by `find_label`.
    """
    if labels[at] is Label.UNKNOWN:
        return _is_unknown_block(lines, at, labels) or _is_notes_block(lines, at)
    if labels[at] in _NO_FIELD:
        return False
    if _is_block_in_a_line(lines[at].text):
        return True
    seen: set[Label] = set()
    address = False
    since = others = 0
    last: Label | None = None
    for index in range(at, min(at + _MAX_LINES, len(lines))):
        line, name = lines[index], labels[index]
        if name is Label.TRACE:
            return False
        if name is Label.SEPARATOR or line.level is not lines[at].level:
            break
        if name in _NO_FIELD:
            # A list of recipients may be wrapped over many lines.
            since += last not in (Label.TO, Label.COPY) or line.gap
            # A value may be on the next line, or wrapped. More lines are text.
            if since > 3:
                break
            continue
        others += name is Label.OTHER
        if (name in seen and name is not Label.OTHER) or others > _MAX_OTHERS:
            break
        since = 0
        seen.add(last := name)
        address = address or (name is Label.FROM and "@" in line.text[:MAX_LENGTH])
    return _is_enough(seen, address) or _is_unknown_block(lines, at, labels)


def _is_enough(seen: set[Label], address: bool) -> bool:
    enough = len(seen - {Label.OTHER}) >= 3 or seen >= {Label.FROM, Label.SUBJECT, Label.DATE}
    return Label.FROM in seen and enough and (Label.SUBJECT in seen or address)


def _is_block_in_a_line(text: str) -> bool:
    """Return whether a line is `Date: ... From: ... To: ... Subject: ...`. QUIRK: some converters of HTML lose the line ends."""
    seen = {LABELS.get(found[1].strip("*_")) for found in _INNER_FIELD.finditer(text[:MAX_LENGTH].casefold())} - {None, Label.TRACE}
    return seen >= {Label.FROM, Label.SUBJECT} and len(seen) > 2


def _is_unknown_block(lines: Sequence[Line], at: int, labels: Sequence[Label | None]) -> bool:
    """Return whether a block begins whose language is in no table: a name with an address, a time of day, and more fields."""
    if at == 0 or not lines[at].gap or not _BRACKETED.search(lines[at].text[:MAX_LENGTH]):
        return False
    count = dated = 0
    for index in range(at, min(at + 6, len(lines))):
        line = lines[index]
        if (line.gap and index > at) or labels[index] is Label.TRACE or not FIELD.match(line.text, 0, 50):
            break
        count += 1
        dated += has_time_and_day(line.text[:MAX_LENGTH])
    return count >= _MIN_UNKNOWN and dated > 0


def _is_notes_block(lines: Sequence[Line], at: int) -> bool:
    """Return whether a line is a name, with a date below it, then `To` and `Subject` on lines of their own. QUIRK: Lotus Notes."""
    if at + 1 >= len(lines) or not has_time_and_day(lines[at + 1].text[:MAX_LENGTH]):
        return False
    words = {LABELS.get(fold(line.text)) for line in lines[at + 2 : at + 10] if len(line.text) < _MAX_WORD}
    return words >= {Label.TO, Label.SUBJECT}


def is_block_without_colons(lines: Sequence[Line], at: int) -> bool:
    """Return whether a block such as `From Bob`, `To Kim`, `Subject lunch` begins at a line: only meaningful below a quote."""
    seen = set()
    for line in lines[at : at + 3]:
        word, _, value = line.text[:MAX_LENGTH].partition(" ")
        label = None if word.endswith(tuple(COLONS)) else LABELS.get(fold(word))
        if label is None or label in seen or not value:
            return False
        seen.add(label)
    return len(seen) == 3 and Label.FROM in seen
