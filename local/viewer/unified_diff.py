"""A change as a unified diff, made from its edits: only what is around them is looked at, however large the message is."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from local.console.text_columns import printable
from mailhooks.mime.edits import Edit, splice

_CONTEXT = 3
_MAX_COMPARED = 600
"""Lines of a hunk that are matched with each other; in a longer one all old lines stand before all new ones."""
_MAX_LINES = 1000
_MAX_COLUMNS = 2000
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class Kind(StrEnum):
    """What a line of a diff is."""

    HUNK = "hunk"
    SAME = "same"
    GONE = "gone"
    COME = "come"


class Line(NamedTuple):
    """One line of a diff, fit to be shown."""

    kind: Kind
    text: str


def unified(raw: bytes, edits: Iterable[Edit]) -> list[Line]:
    """The diff; at most a thousand lines of it."""
    lines: list[Line] = []
    number = new_number = 1
    position = 0
    for start, end, of_hunk in _hunks(raw, edits):
        skipped = raw.count(b"\n", position, start)
        number, new_number = number + skipped, new_number + skipped
        new = splice(raw[start:end], [Edit(edit.start - start, edit.end - start, edit.new) for edit in of_hunk])
        old_lines, new_lines = _LINE.findall(raw[start:end]), _LINE.findall(new)
        lines.append(Line(Kind.HUNK, f"@@ -{number},{len(old_lines)} +{new_number},{len(new_lines)} @@"))
        lines += _compared(old_lines, new_lines)
        number, new_number = number + len(old_lines), new_number + len(new_lines)
        position = end
        if len(lines) > _MAX_LINES:
            return [*lines[:_MAX_LINES], Line(Kind.HUNK, "... and more")]
    return lines


def marked(old: str, new: str) -> tuple[list[Line], list[Line]]:
    """Two texts, line by line, with what is gone from the one and come into the other. One stretch each: that is how text is inserted."""
    one, other = old.splitlines(), new.splitlines()
    head = _same(one, other)
    tail = _same(one[head:][::-1], other[head:][::-1])
    return _side(one, head, len(one) - tail, Kind.GONE), _side(other, head, len(other) - tail, Kind.COME)


def _side(lines: list[str], start: int, end: int, kind: Kind) -> list[Line]:
    return [Line(kind if start <= at < end else Kind.SAME, printable(line.expandtabs())) for at, line in enumerate(lines)]


def _same(one: list[str], other: list[str]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _hunks(raw: bytes, edits: Iterable[Edit]) -> Iterator[tuple[int, int, list[Edit]]]:
    """Whole lines of the message, the edits that are in them, and some lines around."""
    group: list[Edit] = []
    start = end = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        begins, ends = _lines_around(raw, edit)
        if group and begins <= end:
            end = max(end, ends)
        else:
            if group:
                yield start, end, group
            group, start, end = [], begins, ends
        group.append(edit)
    if group:
        yield start, end, group


def _lines_around(raw: bytes, edit: Edit) -> tuple[int, int]:
    start, end = edit.start, edit.end
    for _ in range(_CONTEXT + 1):
        start = raw.rfind(b"\n", 0, max(start - 1, 0)) + 1
    for _ in range(_CONTEXT + 1):
        end = raw.find(b"\n", end) + 1 or len(raw)
    return start, end


def _compared(old: list[bytes], new: list[bytes]) -> Iterator[Line]:
    if max(len(old), len(new)) > _MAX_COMPARED:
        yield from (Line(Kind.GONE, _shown("-", line)) for line in old[:_MAX_LINES])
        yield from (Line(Kind.COME, _shown("+", line)) for line in new[:_MAX_LINES])
        return
    for what, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (Line(Kind.SAME, _shown(" ", line)) for line in old[start:end])
        else:
            yield from (Line(Kind.GONE, _shown("-", line)) for line in old[start:end])
            yield from (Line(Kind.COME, _shown("+", line)) for line in new[new_start:new_end])


def _shown(sign: str, line: bytes) -> str:
    return sign + printable(line[:_MAX_COLUMNS].removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace"))
