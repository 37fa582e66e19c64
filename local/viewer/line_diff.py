"""The edits that make one message of another, found by comparing lines: in linear time for mail as it is, and bounded for any other."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate
from typing import NamedTuple

from mailhooks.mime.edits import Edit

_BLOCK = 65536
_MAX_LINES = 1_500_000
"""In a message of more lines the whole stretch that differs is one edit."""

_SMALL = 160_000
"""Pairs of lines that are all compared with each other; larger stretches are first divided where a line is found once in each."""

_MAX_PAIRS = 20_000_000
_MAX_DEPTH = 8


class _Stretch(NamedTuple):
    """Lines of the old message, and those of the new one in their place."""

    start: int
    end: int
    new_start: int
    new_end: int


def between(before: bytes, after: bytes) -> list[Edit]:
    """Edits of whole lines, in order, such that `splice(before, edits) == after`. Empty when the two are alike."""
    if before == after:
        return []
    head = _same_head(before, after)
    start = before.rfind(b"\n", 0, head) + 1
    tail = _same_tail(before[start:], after[start:])
    # The last of the alike lines may begin in what differs.
    cut = before.find(b"\n", len(before) - tail) + 1 if tail else 0
    tail = len(before) - cut if cut else 0
    old, new = before[start : len(before) - tail], after[start : len(after) - tail]
    if max(old.count(b"\n"), new.count(b"\n")) > _MAX_LINES:
        return [Edit(start, start + len(old), new)]
    return list(_edits(old, new, start))


def _edits(old: bytes, new: bytes, offset: int) -> Iterator[Edit]:
    one, other = _lines(old), _lines(new)
    starts, new_starts = [0, *accumulate(map(len, one))], [0, *accumulate(map(len, other))]
    for changed in _Comparison(one, other).changes(_Stretch(0, len(one), 0, len(other)), _MAX_DEPTH):
        yield Edit(
            offset + starts[changed.start],
            offset + starts[changed.end],
            new[new_starts[changed.new_start] : new_starts[changed.new_end]],
        )


def _lines(raw: bytes) -> list[bytes]:
    """As `splitlines`, but a bare CR ends no line."""
    pieces = raw.split(b"\n")
    return [*(piece + b"\n" for piece in pieces[:-1]), *filter(None, pieces[-1:])]


class _Comparison:
    """What differs between two lists of lines, within a budget."""

    def __init__(self, one: Sequence[bytes], other: Sequence[bytes]) -> None:
        self._one, self._other = one, other
        self._left = _MAX_PAIRS

    def changes(self, within: _Stretch, depth: int) -> Iterator[_Stretch]:
        start, end, new_start, new_end = found = self._trimmed(within)
        if start == end and new_start == new_end:
            return
        pairs = (end - start) * (new_end - new_start)
        if not pairs:
            yield found
        elif pairs <= _SMALL and pairs <= self._left:
            self._left -= pairs
            matcher = SequenceMatcher(None, self._one[start:end], self._other[new_start:new_end], autojunk=False)
            for kind, at, to, new_at, new_to in matcher.get_opcodes():
                if kind != "equal":
                    yield _Stretch(start + at, start + to, new_start + new_at, new_start + new_to)
        elif depth and (anchors := self._anchors(found)):
            for gap in _gaps(found, anchors):
                yield from self.changes(gap, depth - 1)
        else:
            yield found

    def _trimmed(self, within: _Stretch) -> _Stretch:
        start, end, new_start, new_end = within
        one, other = self._one, self._other
        while start < end and new_start < new_end and one[start] == other[new_start]:
            start, new_start = start + 1, new_start + 1
        while start < end and new_start < new_end and one[end - 1] == other[new_end - 1]:
            end, new_end = end - 1, new_end - 1
        return _Stretch(start, end, new_start, new_end)

    def _anchors(self, within: _Stretch) -> list[tuple[int, int]]:
        """Lines that are there once in each, as many as stand in the same order in both: patience diff."""
        start, end, new_start, new_end = within
        counts = Counter(self._one[start:end])
        new_counts = Counter(self._other[new_start:new_end])
        where = {line: at for at, line in enumerate(self._other[new_start:new_end], new_start) if new_counts[line] == 1}
        pairs = [(at, where[line]) for at, line in enumerate(self._one[start:end], start) if counts[line] == 1 and line in where]
        return _rising(pairs)


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of the pairs whose second numbers rise."""
    tops: list[int] = []
    at_top: list[int] = []
    below: list[int] = []
    for number, (_, value) in enumerate(pairs):
        pile = bisect_left(tops, value)
        below.append(at_top[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(value)
            at_top.append(number)
        else:
            tops[pile], at_top[pile] = value, number
    found = []
    number = at_top[-1] if at_top else -1
    while number >= 0:
        found.append(pairs[number])
        number = below[number]
    return found[::-1]


def _gaps(within: _Stretch, anchors: list[tuple[int, int]]) -> Iterator[_Stretch]:
    start, new_start = within.start, within.new_start
    for at, new_at in anchors:
        if at > start or new_at > new_start:
            yield _Stretch(start, at, new_start, new_at)
        start, new_start = at + 1, new_at + 1
    yield _Stretch(start, within.end, new_start, within.new_end)


def _same_head(one: bytes, other: bytes) -> int:
    """How many octets at the beginning are the same."""
    at, most = 0, min(len(one), len(other))
    while at < most and one[at : at + _BLOCK] == other[at : at + _BLOCK]:
        at += _BLOCK
    a, b = one[at : at + _BLOCK], other[at : at + _BLOCK]
    return min(most, at + next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))))


def _same_tail(one: bytes, other: bytes) -> int:
    """How many octets at the end are the same."""
    done, most = 0, min(len(one), len(other))
    while (
        done + _BLOCK <= most and one[len(one) - done - _BLOCK : len(one) - done] == other[len(other) - done - _BLOCK : len(other) - done]
    ):
        done += _BLOCK
    a, b = one[max(len(one) - done - _BLOCK, 0) : len(one) - done], other[max(len(other) - done - _BLOCK, 0) : len(other) - done]
    return min(most, done + _same_head(a[::-1], b[::-1]))
