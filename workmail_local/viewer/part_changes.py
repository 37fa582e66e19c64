"""Describe how each part of a message changed, where and why, from both versions of the message and the edits."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailhooks.content.disclaimer import TOKEN, Disclaimer, Position
from mailhooks.mime import charset, html
from mailhooks.mime.edits import CannotEdit, Edit
from mailhooks.mime.filenames import find_filename
from mailhooks.mime.message import Message, Part
from mailhooks.mime.text.body import Blocked, find_displayed
from mailhooks.mime.text.part import TextPart
from workmail_local.viewer.diff import LineDiff
from workmail_local.viewer.part_origins import find_origins

_NEXT_TAG = re.compile(r"\s*(</?[A-Za-z][^<>]{0,60}>?)")

_BEFORE_OPENING = re.compile(r"(?:\s|</[a-z0-9:]++>)*+(?:<style>[^<]*+</style>)?+")
"""White space, end tags and a style sheet that come before a disclaimer."""

_MAX_REPEATED = 200
"""Characters at the beginning of a disclaimer that may repeat the text behind it."""

_ADDED = {
    "multipart/alternative": "the disclaimer, as plain text and as HTML",
    "multipart/related": "the HTML and its images",
    "multipart/mixed": "around the disclaimer and the original",
    "message/rfc822": "the original, octet for octet",
}


class Mark(StrEnum):
    """The kinds of change of a part."""

    KEPT = "kept"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part in a list of a message's parts.

    Attributes:
        number: see `Structure.numbered`.
        notes: where it changed and why, with names from the message: escape them before they are shown.
        origin: the part of the original message from which it comes, in a list of the changed message's parts; None for an added part.
    """

    number: str
    part: Part
    mark: Mark = Mark.KEPT
    notes: tuple[str, ...] = ()
    origin: Part | None = None

    @property
    def depth(self) -> int:
        """The number of parts that contain this part."""
        return self.number.count(".") + 1 if self.number else 0


def compare_parts(before: Message, after: Message) -> tuple[list[PartRow], list[PartRow]]:
    """Return the parts of two messages when the function that changed the first one is not known.

    The first list marks removed parts, the second added parts, both mark changed parts. With a large message this is slow.
    """
    unchanged = before is after
    rows_after = [] if unchanged else describe_changes(before, after, LineDiff(before.raw, after.raw).edits())
    marks = {id(row.origin): row.mark for row in rows_after}
    rows_before = []
    for number, part in before.structure.numbered():
        name = find_filename(before.raw, part)
        mark = Mark.KEPT if unchanged else marks.get(id(part), Mark.REMOVED)
        rows_before.append(PartRow(number, part, mark, (f'"{name}"',) if name else ()))
    return rows_before, rows_before if unchanged else rows_after


def describe_changes(
    before: Message, after: Message, edits: Sequence[Edit], disclaimer: Disclaimer | None = None, text: str = ""
) -> list[PartRow]:
    """Return the parts of the changed message. A kept part has the reason why a disclaimer would not change it.

    Args:
        after: the changed message; `before` when there are no edits.
        disclaimer: the disclaimer that was added; None when a policy changed the message.
        text: the disclaimer in plain text, with this message's values.
    """
    opening = text.strip().partition("\n")[0].strip()
    origins = find_origins(before, after, edits)
    displayed = _displayed(before)
    replaced = {(edit.start, edit.end) for edit in edits}
    rows = []
    for number, part in after.structure.numbered():
        origin = origins.get(id(part))
        notes: tuple[str, ...]
        if origin is None:
            mark, notes = Mark.ADDED, _why_added(part, disclaimer)
        elif (origin.start, origin.end) in replaced:
            mark, notes = Mark.CHANGED, ("replaced as a whole",)
        elif not part.children and before.raw[origin.body : origin.end] != after.raw[part.body : part.end]:
            where = _where((before, origin), (after, part), disclaimer, opening) if disclaimer else "changed"
            mark, notes = Mark.CHANGED, (where, *_recoded(origin, part))
        else:
            mark, notes = Mark.KEPT, _why_kept(before, origin, displayed)
        if not number and (fields := tuple(_field_changes(before, after))):
            mark, notes = mark if mark is Mark.ADDED else Mark.CHANGED, (*notes, *fields)
        rows.append(PartRow(number, part, mark, notes, origin))
    return rows


def _displayed(message: Message) -> frozenset[int]:
    try:
        return frozenset(id(text.part) for text in find_displayed(message))
    except Blocked:
        return frozenset()


def _why_kept(message: Message, part: Part, displayed: frozenset[int]) -> tuple[str, ...]:
    if part.maintype == "multipart" or id(part) in displayed:
        return ()
    name = find_filename(message.raw, part)
    named = f' "{name}"' if name else ""
    if part.embedded:
        reason = "in a forwarded message"
    elif part.maintype == "message":
        reason = "a message of its own"
    elif part.header.disposition(message.raw) == "attachment" or (name and part.maintype != "image"):
        reason = f"attachment{named}"
    elif part.maintype == "text" and part.subtype in {"plain", "html"}:
        reason = "not the text that is shown first" if displayed else ""
    elif part.maintype == "image":
        reason = f"an image{named}"
    else:
        reason = f"not shown as text{named}"
    return (f"untouched: {reason}" if reason else "untouched",)


def _why_added(part: Part, disclaimer: Disclaimer | None) -> tuple[str, ...]:
    if disclaimer is None and not part.children:
        return ("added, or replaces another part",)
    leaf = "an image of the disclaimer" if part.maintype == "image" else "the disclaimer"
    return (f"added: {_ADDED.get(part.content_type, leaf)}",)


def _recoded(before: Part, after: Part) -> Iterator[str]:
    if before.charset != after.charset:
        yield f"{before.charset} lacks characters of the disclaimer: now {after.charset}"
    if before.encoding != after.encoding:
        yield f"{before.encoding} cannot encode the disclaimer: now {after.encoding}"


def _field_changes(before: Message, after: Message) -> Iterator[str]:
    """Describe the changes of the message's own header fields, by field name."""
    old, new = _count_fields(before), _count_fields(after)
    added, removed = [name for name, _ in new - old], [name for name, _ in old - new]
    changed = {name.lower() for name in added} & {name.lower() for name in removed}
    for verb, names in (
        ("added", [name for name in added if name.lower() not in changed]),
        ("changed", [name for name in added if name.lower() in changed]),
        ("removed", [name for name in removed if name.lower() not in changed]),
    ):
        if names:
            yield f"header: {verb} {', '.join(names)}"


def _count_fields(message: Message) -> Counter[tuple[str, bytes]]:
    """Count names with values: a field may occur several times, even with the same value."""
    return Counter((field.name, message.raw[field.body : field.end]) for field in message.header.fields)


def _where(before: tuple[Message, Part], after: tuple[Message, Part], disclaimer: Disclaimer, opening: str) -> str:
    try:
        one, other = (TextPart.open(message.raw, part) for message, part in (before, after))
    except CannotEdit:
        return "changed"
    old, new = (charset.decode_loosely(text.octets, text.charset) for text in (one, other))
    if TOKEN in old and new.count(TOKEN) < old.count(TOKEN):
        return f"replaces {TOKEN}, line {_line(old, old.index(TOKEN))}"
    found = _find_insertion(
        old,
        new,
        f'<div class="mailhooks-disclaimer mailhooks-{disclaimer.stamp}"' if one.is_html else opening,
        earliest=disclaimer.position is Position.PREPEND,
    )
    if found is None:
        return "disclaimer inserted"
    start, word = found
    place = _place_in_html(old, start, disclaimer.position) if one.is_html else _place_in_text(old, start, disclaimer.position)
    return f"{place}, line {_line(new, word)}"


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _find_insertion(old: str, new: str, opening: str, *, earliest: bool) -> tuple[int, int] | None:
    """Return the offset in `old` at which a text that begins with `opening` was inserted, and the offset in `new` of its first word."""
    size = len(new) - len(old)
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    # The inserted text may begin like the text behind it, for example with line ends; then it begins before the first difference.
    starts = range(max(same - _MAX_REPEATED, 0), same + 1)
    for start in starts if earliest else reversed(starts):
        before = _BEFORE_OPENING.match(new, start)
        word = before.end() if before else start
        if new.startswith(opening, word) and size > 0 and old[start:] == new[start + size :]:
            return start, word
    return None


def _place_in_text(old: str, start: int, position: Position) -> str:
    if not old[start:].strip():
        return "at the end: nothing is quoted" if position is Position.AFTER_REPLY else "at the end"
    return "at the beginning" if not old[:start].strip() else "above the quote"


def _place_in_html(old: str, start: int, position: Position) -> str:
    tag = _NEXT_TAG.match(old, start)
    before = f", before {tag[1]}" if tag else ""
    if position is Position.PREPEND:
        return f"at the beginning{before}"
    if position is Position.APPEND:
        return f"at the end{before}"
    return f"at the end{before}: nothing is quoted" if start == html.find_end(old) else f"above the quote{before}"
