"""A line diff of two messages or texts with bounded work: edits, a unified diff, or an excerpt for a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from io import BytesIO
from itertools import accumulate
from typing import NamedTuple, TypeVar

from local.console.text_columns import escape_controls, fit
from mailhooks.mime.edits import Edit

MAX_LINES = 500_000
"""When more lines lie between the first and the last difference, they are one replaced block."""

MAX_STEPS = 4_000_000
"""The highest number of comparisons of one line with another. A block that would need more is replaced as a whole."""

_POPULAR = 200_000
"""A line that occurs more often than `_POPULAR / number of lines` starts no match, because it would be compared with each of its copies."""

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


class Block(NamedTuple):
    """Old lines that were replaced by new lines; either may be none."""

    start: int
    end: int
    new_start: int
    new_end: int


@dataclass(frozen=True, slots=True)
class LineDiff:
    """The difference of two messages.

    Attributes:
        offset, first: the offset in octets and in lines at which `old` and `new` begin in the messages.
        old, new: the lines from the context of the first difference to the context of the last difference.
        blocks: the replaced lines, as indexes of `old` and `new`.
    """

    offset: int
    first: int
    old: Sequence[bytes]
    new: Sequence[bytes]
    blocks: Sequence[Block]

    def edits(self) -> list[Edit]:
        """Return edits of whole lines, in order, such that `splice(before, edits) == after`."""
        starts = list(accumulate(map(len, self.old), initial=self.offset))
        return [Edit(starts[each.start], starts[each.end], b"".join(self.new[each.new_start : each.new_end])) for each in self.blocks]

    def unified(self) -> list[Line]:
        """Return a unified diff of at most a thousand lines."""
        lines: list[Line] = []
        for hunk in self._hunks():
            lines += self._hunk(hunk)
            if len(lines) > _MAX_SHOWN:
                return [*lines[:_MAX_SHOWN], Line(LineKind.HUNK, "... and more")]
        return lines

    def excerpt(self, width: int = 94, max_lines: int = 14) -> list[str]:
        """Return lines of the form `@@ line 7`, `- old`, `+ new`: at most `max_lines`, each of at most `width` columns."""
        lines = [line for block in self.blocks for line in self._changes(block, width)]
        if len(lines) > max_lines:
            lines[max_lines - 1 :] = [f"... and {len(lines) - max_lines + 1} more lines"]
        return lines

    def _hunks(self) -> Iterator[list[Block]]:
        """Yield groups of blocks whose contexts meet."""
        hunk: list[Block] = []
        for block in self.blocks:
            if hunk and block.start - hunk[-1].end > 2 * _CONTEXT:
                yield hunk
                hunk = []
            hunk.append(block)
        if hunk:
            yield hunk

    def _hunk(self, blocks: Sequence[Block]) -> Iterator[Line]:
        lead = min(_CONTEXT, blocks[0].start)
        start, end = blocks[0].start - lead, min(blocks[-1].end + _CONTEXT, len(self.old))
        new_start, new_end = blocks[0].new_start - lead, blocks[-1].new_end + end - blocks[-1].end
        place = f"-{self.first + start + 1},{end - start} +{self.first + new_start + 1},{new_end - new_start}"
        yield Line(LineKind.HUNK, f"@@ {place} @@")
        at = start
        for block in blocks:
            yield from _signed(LineKind.SAME, " ", self.old[at : block.start])
            yield from _signed(LineKind.REMOVED, "-", self.old[block.start : block.end])
            yield from _signed(LineKind.ADDED, "+", self.new[block.new_start : block.new_end])
            at = block.end
        yield from _signed(LineKind.SAME, " ", self.old[at:end])

    def _changes(self, block: Block, width: int) -> Iterator[str]:
        removed, added = self.old[block.start : block.end], self.new[block.new_start : block.new_end]
        place = f"@@ line {self.first + block.start + 1}"
        if max(len(removed), len(added)) > _MAX_EXCERPT:
            yield f"{place}: {len(removed):,} lines became {len(added):,}"
            return
        yield place
        skip = _shared_columns(removed[0], added[0]) if len(removed) == len(added) == 1 else 0
        yield from (f"- {_visible(line, skip, width - 2)}" for line in removed)
        yield from (f"+ {_visible(line, skip, width - 2)}" for line in added)


def diff_messages(before: bytes, after: bytes) -> LineDiff:
    """Compare two messages line by line."""
    if before == after:
        return LineDiff(0, 0, [], [], [])
    start = before.rfind(b"\n", 0, _common_length(before, after)) + 1
    tail = _common_length(before[start:][::-1], after[start:][::-1])
    end = before.find(b"\n", len(before) - tail) + 1 or len(before)  # behind the first common line end
    behind = len(before) - end
    old, new = _split(before[start:end]), _split(after[start : len(after) - behind])
    lead = _split(before[_lines_back(before, start) : start])
    context = _split(before[end : _lines_on(before, end)])
    blocks = [Block(*(number + len(lead) for number in block)) for block in diff_lines(old, new)]
    first = before.count(b"\n", 0, start) - len(lead)
    return LineDiff(start - sum(map(len, lead)), first, [*lead, *old, *context], [*lead, *new, *context], blocks)


def diff_lines(old: Sequence[T], new: Sequence[T]) -> Iterator[Block]:
    """Yield the blocks of lines that were replaced, in order."""
    occurrences, limit = Counter(new), _POPULAR // max(len(new), 1) or 1
    matcher: SequenceMatcher[T] = SequenceMatcher(lambda line: occurrences[line] > limit, old, new, autojunk=False)
    counts = (occurrences[line] for line in old)
    steps = list(accumulate((1 if count > limit else 1 + count for count in counts), initial=0))
    left = MAX_STEPS
    waiting = [Block(0, len(old), 0, len(new))]
    while waiting:
        block = waiting.pop()
        cost = steps[block.end] - steps[block.start]
        at = new_at = size = 0
        if cost <= left:
            at, new_at, size = matcher.find_longest_match(*block)
            left -= cost
        if size:
            waiting.append(Block(at + size, block.end, new_at + size, block.new_end))
            waiting.append(Block(block.start, at, block.new_start, new_at))
        elif block.start < block.end or block.new_start < block.new_end:
            yield block


def mark_lines(old: str, new: str) -> tuple[list[Line], list[Line]]:
    """Return the lines of two texts; those that only one text has are marked as removed or added."""
    one, other = old.splitlines(), new.splitlines()
    removed: set[int] = set()
    added: set[int] = set()
    for block in diff_lines(one, other):
        removed.update(range(block.start, block.end))
        added.update(range(block.new_start, block.new_end))
    return _marked(one, removed, LineKind.REMOVED), _marked(other, added, LineKind.ADDED)


def _marked(lines: Sequence[str], numbers: set[int], kind: LineKind) -> list[Line]:
    return [Line(kind if number in numbers else LineKind.SAME, escape_controls(line.expandtabs())) for number, line in enumerate(lines)]


def _common_length(one: bytes, other: bytes) -> int:
    """Return how many octets at the beginning are the same."""
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
    if raw.count(b"\n") > MAX_LINES:
        return [raw]
    return BytesIO(raw).readlines()


def _lines_back(raw: bytes, at: int) -> int:
    """Return where the context before an offset begins."""
    for _ in range(_CONTEXT):
        at = raw.rfind(b"\n", 0, max(at - 1, 0)) + 1
    return at


def _lines_on(raw: bytes, at: int) -> int:
    """Return where the context behind an offset ends."""
    for _ in range(_CONTEXT):
        at = raw.find(b"\n", at) + 1 or len(raw)
    return at


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
