"""What a disclaimer or a policy has done to each part of a message, and why: told from the message, the edits and what came of them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailhooks.content.disclaimer import TOKEN, Disclaimer, Position
from mailhooks.mime import charset, html
from mailhooks.mime.edits import Edit
from mailhooks.mime.errors import CannotEdit
from mailhooks.mime.filenames import disposition, filename
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Part, Structure
from mailhooks.mime.text.body import Blocked, find_displayed
from mailhooks.mime.text.part import TextPart

_NEXT_TAG = re.compile(r"\s*(</?[A-Za-z][^<>]{0,60}>?)")

_ALIKE = 200
"""Characters, at most, in which a disclaimer begins like what is behind it."""

_ADDED = {
    "multipart/alternative": "the disclaimer, as plain text and as HTML",
    "multipart/related": "the HTML and the images that it shows",
    "multipart/mixed": "around the disclaimer and the original",
    "message/rfc822": "the original, octet for octet",
}


class Mark(StrEnum):
    """What became of a part."""

    KEPT = " "
    CHANGED = "~"
    ADDED = "+"
    GONE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One part.

    Attributes:
        place: as IMAP numbers parts, such as `2.1`; `""` for the message.
        depth: how many parts it lies in.
        part: what it is.
        mark: what became of it.
        notes: what was done, where and why; not yet fit for a terminal or a page, as names in it come from the message.
    """

    place: str
    depth: int
    part: Part
    mark: Mark = Mark.KEPT
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """A message, before or after."""

    message: Message

    @property
    def raw(self) -> bytes:
        return self.message.raw

    @property
    def structure(self) -> Structure:
        return self.message.structure

    def placed(self) -> Iterator[tuple[str, int, Part]]:
        """All parts in their order, each with its place and depth."""
        waiting = [("", 0, self.structure.root)]
        while waiting:
            place, depth, part = waiting.pop()
            yield place, depth, part
            children = [(f"{place}.{number}".lstrip("."), depth + 1, child) for number, child in enumerate(part.children, start=1)]
            waiting.extend(reversed(children))


def untouched(side: Side) -> list[Row]:
    """The parts of a message that nobody changes, each with the reason why nobody would change just that part."""
    shown = _shown(side)
    return [Row(place, depth, part, Mark.KEPT, _why_kept(side, part, shown)) for place, depth, part in side.placed()]


def done(before: Side, after: Side, edits: Sequence[Edit], disclaimer: Disclaimer | None = None, text: str = "") -> list[Row]:
    """The parts of the changed message.

    Args:
        disclaimer: what was added; None where that, or more, was done by a policy.
        text: the disclaimer in plain text, as it was for this message.
    """
    opening = text.strip().partition("\n")[0].strip()
    known = origins(before, after, edits)
    shown = _shown(before)
    rows = []
    for place, depth, part in after.placed():
        origin = known.get(id(part))
        notes: tuple[str, ...]
        if origin is None:
            mark, notes = Mark.ADDED, _why_added(part, disclaimer)
        elif not part.children and before.raw[origin.body : origin.end] != after.raw[part.body : part.end]:
            where = _where((before, origin), (after, part), disclaimer, opening) if disclaimer else "changed"
            mark, notes = Mark.CHANGED, (where, *_coded_anew(origin, part))
        else:
            mark, notes = Mark.KEPT, _why_kept(before, origin, shown)
        if not depth and (fields := tuple(_fields(before, after))):
            mark, notes = mark if mark is Mark.ADDED else Mark.CHANGED, (*notes, *fields)
        rows.append(Row(place, depth, part, mark, notes))
    return rows


def origins(before: Side, after: Side, edits: Sequence[Edit]) -> dict[int, Part]:
    """The part before, for each part after (by its `id`) that was there. The order of parts is never changed, nor their types."""
    by_body: dict[int, Part] = {}
    for part in after.structure.root.walk():
        by_body.setdefault(part.body, part)
    found: dict[int, Part] = {}
    lost: list[Part] = []
    for part in before.structure.root.walk():
        low, high = _moved(part.body, edits)
        # What is inserted where a body begins is a header or a part around it (then the body begins behind), or new text at its beginning.
        for offset in (high, low):
            candidate = by_body.get(offset)
            if candidate is not None and candidate.content_type == part.content_type and id(candidate) not in found:
                found[id(candidate)] = part
                break
        else:
            lost.append(part)
    return found | _in_place(before, after, lost, found)


def _in_place(before: Side, after: Side, lost: Sequence[Part], found: Mapping[int, Part]) -> dict[int, Part]:
    """A message that was written anew, boundaries and all, still has its parts where they were."""
    if not lost:
        return {}
    free = {place: part for place, _, part in after.placed() if id(part) not in found}
    ids = {id(part) for part in lost}
    return {
        id(free[place]): part
        for place, _, part in before.placed()
        if id(part) in ids and place in free and free[place].content_type == part.content_type
    }


def _moved(offset: int, edits: Sequence[Edit]) -> tuple[int, int]:
    """Where an offset of the message lies after the edits: before and behind of what is inserted right there."""
    low = offset + sum(len(new) - (end - start) for start, end, new in edits if end <= offset and start < offset)
    return low, low + sum(len(new) for start, end, new in edits if start == end == offset)


def _shown(side: Side) -> frozenset[int]:
    try:
        return frozenset(id(text.part) for text in find_displayed(side.message))
    except Blocked:
        return frozenset()


def _why_kept(side: Side, part: Part, shown: frozenset[int]) -> tuple[str, ...]:
    if part.maintype == "multipart" or id(part) in shown:
        return ()
    name = filename(side.raw, part)
    named = f' "{name}"' if name else ""
    if part.embedded:
        reason = "in a forwarded message"
    elif part.maintype == "message":
        reason = "a message of its own"
    elif disposition(side.raw, part) == "attachment" or (name and part.maintype != "image"):
        reason = f"attachment{named}"
    elif part.maintype == "text" and part.subtype in {"plain", "html"}:
        reason = "not the text that is shown first" if shown else ""
    elif part.maintype == "image":
        reason = f"an image{named}"
    else:
        reason = f"not shown as text{named}"
    return (f"untouched: {reason}" if reason else "untouched",)


def _why_added(part: Part, disclaimer: Disclaimer | None) -> tuple[str, ...]:
    if disclaimer is None and not part.children:
        return ("added, or put in the place of another",)
    return (f"added: {_ADDED.get(part.content_type, _added_leaf(part))}",)


def _added_leaf(part: Part) -> str:
    return "an image that the disclaimer shows" if part.maintype == "image" else "the disclaimer"


def _coded_anew(before: Part, after: Part) -> Iterator[str]:
    if before.charset != after.charset:
        yield f"{before.charset} cannot say the disclaimer: now {after.charset}"
    if before.encoding != after.encoding:
        yield f"{before.encoding} cannot carry it: now {after.encoding}"


def _fields(before: Side, after: Side) -> Iterator[str]:
    """What was done to the message's own header fields, by their names."""
    old, new = _counted(before), _counted(after)
    come, gone = [name for name, _ in new - old], [name for name, _ in old - new]
    changed = {name.lower() for name in come} & {name.lower() for name in gone}
    for verb, names in (
        ("added", [name for name in come if name.lower() not in changed]),
        ("changed", [name for name in come if name.lower() in changed]),
        ("removed", [name for name in gone if name.lower() not in changed]),
    ):
        if names:
            yield f"header: {verb} {', '.join(names)}"


def _counted(side: Side) -> Counter[tuple[str, bytes]]:
    """Names and values: a field may stand there several times, with the same value even."""
    return Counter((field.name, side.raw[field.body : field.end]) for field in side.structure.root.header.fields)


def _where(before: tuple[Side, Part], after: tuple[Side, Part], disclaimer: Disclaimer, opening: str) -> str:
    try:
        one, other = (TextPart.open(side.raw, part) for side, part in (before, after))
    except CannotEdit:
        return "changed"
    was, now = (charset.decode_loosely(text.octets, text.part.charset) for text in (one, other))
    if TOKEN in was and now.count(TOKEN) < was.count(TOKEN):
        return f"in place of {TOKEN}, line {_line(was, was.index(TOKEN))}"
    at = _inserted_at(
        was,
        now,
        f'<div class="mailhooks-disclaimer mailhooks-{disclaimer.stamp}"' if one.is_html else opening,
        at_first=disclaimer.position is Position.PREPEND,
    )
    if at is None:
        return "disclaimer inserted"
    start, shown = at
    place = _in_html(was, start, disclaimer.position) if one.is_html else _in_text(was, start, disclaimer.position)
    return f"{place}, line {_line(now, shown)}"


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _inserted_at(was: str, now: str, opening: str, *, at_first: bool) -> tuple[int, int] | None:
    """Where in `was` something that begins with `opening` was inserted, and where in `now`, which came of that, its first word stands."""
    size = len(now) - len(was)
    same = next((at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    # What was inserted may begin like what is behind it, as line ends do; then it begins before the first difference.
    starts = range(max(same - _ALIKE, 0), same + 1)
    for start in starts if at_first else reversed(starts):
        word = start
        while now[word : word + 1].isspace():
            word += 1
        if now.startswith(opening, word) and size > 0 and was[start:] == now[start + size :]:
            return start, word
    return None


def _in_text(was: str, start: int, position: Position) -> str:
    if not was[start:].strip():
        return "at the end: nothing is quoted" if position is Position.AFTER_REPLY else "at the end"
    return "at the beginning" if not was[:start].strip() else "above the quote"


def _in_html(was: str, start: int, position: Position) -> str:
    tag = _NEXT_TAG.match(was, start)
    before = f", before {tag[1]}" if tag else ""
    if position is Position.PREPEND:
        return f"at the beginning{before}"
    if position is Position.APPEND:
        return f"at the end{before}"
    return f"at the end{before}: nothing is quoted" if start == html.append_at(was) else f"above the quote{before}"
