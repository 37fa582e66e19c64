"""A line diff of two messages or texts with bounded work: edits, a unified diff, or an excerpt for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher
from enum import StrEnum
from io import BytesIO
from itertools import accumulate, islice
from typing import NamedTuple, TypeVar

from mailhooks.mime.edits import Edit
from workmail_local.console.text_columns import escape_controls, fit
from workmail_local.viewer.excerpt import Excerpt, describe_cut

MAX_LINES = 1_000_000
"""A message with more lines is compared as one line. 40 MB of base64 have 520,000."""

MAX_STEPS = 4_000_000
"""The highest number of comparisons of one line with another. A block that would need more is replaced as a whole."""

_CONTEXT = 3
_MAX_SHOWN = 1000
_MAX_COLUMNS = 2000
_MAX_EXCERPT = 400
_LEAD = 24

T = TypeVar("T", bytes, str)


class LineKind(StrEnum):
    """The kinds of lines in a diff."""

    HUNK = "hunk"
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


class Line(NamedTuple):
    """One line of a diff, without control characters."""

    kind: LineKind
    text: str


class _BoundedMatcher(SequenceMatcher[T]):
    """Matches equal lines at both ends of a block first, and at most `MAX_STEPS` others."""

    a: Sequence[T]
    b: Sequence[T]
    b2j: dict[T, list[int]]
    steps_left = MAX_STEPS

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        old, new = self.a[alo:ahi], self.b[blo:bhi]
        if size := _common_length(old, new):
            return Match(alo, blo, size)
        if size := _common_length(old[::-1], new[::-1]):
            return Match(alo + len(old) - size, blo + len(new) - size, size)
        self.steps_left -= len(new) + sum(1 + len(self.b2j.get(line, ())) for line in old)
        return super().find_longest_match(alo, ahi, blo, bhi) if self.steps_left >= 0 else Match(alo, blo, 0)


class LineDiff:
    """The difference of two messages, line by line."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._old, self._new = _split(before), _split(after)
        self._matcher = _BoundedMatcher(None, self._old, self._new)

    def edits(self) -> list[Edit]:
        """Return edits of whole lines, in order, such that `splice(before, edits) == after`."""
        starts = list(accumulate(map(len, self._old), initial=0))
        return [Edit(starts[a], starts[b], b"".join(self._new[c:d])) for a, b, c, d in self._changes()]

    def unified(self) -> Excerpt[Line]:
        """Return a unified diff of at most a thousand lines."""
        lines = list(islice(self._unified(), _MAX_SHOWN))
        notes = [describe_cut(len(lines), self._count_lines(), "lines")]
        if any(len(line) > _MAX_COLUMNS for text in (self._old, self._new) for line in text):
            notes.append(f"{_MAX_COLUMNS:,} octets of each longer line shown")
        return Excerpt(lines, tuple(filter(None, notes)))

    def _count_lines(self) -> int:
        """Return the number of lines of the complete unified diff."""
        return sum(
            1 + sum(b - a if tag == "equal" else b - a + d - c for tag, a, b, c, d in hunk)
            for hunk in self._matcher.get_grouped_opcodes(_CONTEXT)
        )

    def excerpt(self, width: int = 94, max_lines: int = 14) -> list[str]:
        """Return lines of the form `@@ line 7`, `- old`, `+ new`: at most `max_lines`, each of at most `width` columns."""
        lines = [line for change in self._changes() for line in self._excerpt(*change, width)]
        if len(lines) > max_lines:
            lines[max_lines - 1 :] = [f"... and {len(lines) - max_lines + 1} more lines"]
        return lines

    def _changes(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield the replaced lines and their replacement: start and end in the old message, then in the new one."""
        return ((a, b, c, d) for tag, a, b, c, d in self._matcher.get_opcodes() if tag != "equal")

    def _unified(self) -> Iterator[Line]:
        for hunk in self._matcher.get_grouped_opcodes(_CONTEXT):
            (_, start, _, new_start, _), (_, _, end, _, new_end) = hunk[0], hunk[-1]
            yield Line(LineKind.HUNK, f"@@ -{start + 1},{end - start} +{new_start + 1},{new_end - new_start} @@")
            for tag, a, b, c, d in hunk:
                if tag == "equal":
                    yield from _signed(LineKind.SAME, " ", self._old[a:b])
                else:
                    yield from _signed(LineKind.REMOVED, "-", self._old[a:b])
                    yield from _signed(LineKind.ADDED, "+", self._new[c:d])

    def _excerpt(self, start: int, end: int, new_start: int, new_end: int, width: int) -> Iterator[str]:
        removed, added = self._old[start:end], self._new[new_start:new_end]
        place = f"@@ line {start + 1}"
        if max(len(removed), len(added)) > _MAX_EXCERPT:
            yield f"{place}: {len(removed):,} lines became {len(added):,}"
            return
        yield place
        skip = _shared_columns(removed[0], added[0]) if len(removed) == len(added) == 1 else 0
        yield from (f"- {_visible(line, skip, width - 2)}" for line in removed)
        yield from (f"+ {_visible(line, skip, width - 2)}" for line in added)


def mark_lines(old: str, new: str) -> tuple[list[Line], list[Line]]:
    """Return the lines of two texts; those that only one text has are marked as removed or added."""
    one, other = old.splitlines(), new.splitlines()
    before: list[Line] = []
    after: list[Line] = []
    for tag, a, b, c, d in _BoundedMatcher(None, one, other).get_opcodes():
        same = tag == "equal"
        before += [Line(LineKind.SAME if same else LineKind.REMOVED, escape_controls(line.expandtabs())) for line in one[a:b]]
        after += [Line(LineKind.SAME if same else LineKind.ADDED, escape_controls(line.expandtabs())) for line in other[c:d]]
    return before, after


def _common_length(one: Sequence[object], other: Sequence[object]) -> int:
    """Return how many items at the beginning are equal."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _split(raw: bytes) -> list[bytes]:
    """Split after each line feed; unlike in `splitlines`, a bare CR ends no line."""
    return BytesIO(raw).readlines() if raw.count(b"\n") <= MAX_LINES else [raw]


def _signed(kind: LineKind, sign: str, lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        text = line[:_MAX_COLUMNS].removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace")
        yield Line(kind, sign + escape_controls(text))


def _shared_columns(old: bytes, new: bytes) -> int:
    """Return where to begin two long lines, so that their first difference is visible."""
    return max(0, _common_length(old, new) - _LEAD) if max(len(old), len(new)) > 2 * _LEAD else 0


def _visible(line: bytes, skip: int, width: int) -> str:
    text = line[skip : skip + _MAX_COLUMNS].removesuffix(b"\r\n").decode("utf-8", "backslashreplace")
    return fit(("..." if skip else "") + escape_controls(text), width)
