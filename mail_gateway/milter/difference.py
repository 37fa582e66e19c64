"""The fewest insertions, replacements and deletions that make one sequence out of another."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

_T = TypeVar("_T")

_MAX_COST: Final = 100
"""Steps up to which the fewest are searched, because the time grows with their square. Beyond them all items are exchanged."""


class Difference(NamedTuple):
    """How to make the new sequence out of the old one. Both tuples are in order.

    Attributes:
        inserted: for each item to insert, the number of old items before it, and its index in the new sequence.
        replaced: for each item to replace, its index in the old sequence, and that of the item in its place; None to delete it.
    """

    inserted: tuple[tuple[int, int], ...]
    replaced: tuple[tuple[int, int | None], ...]


def find_difference(old: Sequence[_T], new: Sequence[_T], can_replace: Callable[[_T, _T], bool]) -> Difference:
    """Find the fewest steps. With more than 100 there may be fewer.

    The search is that of Ukkonen ("Algorithms for Approximate String Matching", 1985): for each cost, the furthest point on each diagonal
    that can be reached. That an item cannot replace each other one changes nothing: a further point on the same diagonal is never worse.

    Args:
        can_replace: whether an old item can be replaced by a new one in one step.
    """
    start = _count_same(old, new)
    end = _count_same(old[start:][::-1], new[start:][::-1])
    steps = _search(old[start : len(old) - end], new[start : len(new) - end], can_replace)
    return Difference(
        tuple((start + place, start + index) for place, index, kind in steps if kind is _INSERT),
        tuple((start + place, start + index if kind is _REPLACE else None) for place, index, kind in steps if kind is not _INSERT),
    )


def _count_same(first: Sequence[_T], second: Sequence[_T]) -> int:
    return next((index for index, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), min(len(first), len(second)))


_Step = tuple[int, int, tuple[int, int]]
"""The old and the new index at which a step begins, and its kind: how many old and new items it passes."""

_DELETE: Final = (1, 0)
_INSERT: Final = (0, 1)
_REPLACE: Final = (1, 1)


def _search(old: Sequence[_T], new: Sequence[_T], can_replace: Callable[[_T, _T], bool]) -> list[_Step]:
    goal = len(old) - len(new)
    reached = [{0: _pass_same(old, new, 0, 0)}]
    kinds: list[dict[int, tuple[int, int]]] = [{}]
    while reached[-1].get(goal) != len(old):
        if len(reached) > _MAX_COST:
            return [*((0, index, _INSERT) for index in range(len(new))), *((index, len(new), _DELETE) for index in range(len(old)))]
        points: dict[int, tuple[int, tuple[int, int]]] = {}
        for diagonal, at in reached[-1].items():
            index = at - diagonal
            possible = [_DELETE] * (at < len(old)) + [_INSERT] * (index < len(new))
            if len(possible) == 2 and can_replace(old[at], new[index]):
                possible.append(_REPLACE)
            for kind in possible:
                target = diagonal + kind[0] - kind[1]
                points[target] = max(points.get(target, (-1, kind)), (at + kind[0], kind))
        reached.append({diagonal: _pass_same(old, new, at, at - diagonal) for diagonal, (at, _) in points.items()})
        kinds.append({diagonal: kind for diagonal, (_, kind) in points.items()})
    return _trace_back(reached, kinds, goal)


def _pass_same(old: Sequence[_T], new: Sequence[_T], at: int, index: int) -> int:
    """Return the old index after the items that are the same in both from here."""
    while at < len(old) and index < len(new) and old[at] == new[index]:
        at, index = at + 1, index + 1
    return at


def _trace_back(reached: list[dict[int, int]], kinds: list[dict[int, tuple[int, int]]], diagonal: int) -> list[_Step]:
    steps: list[_Step] = []
    for cost in range(len(reached) - 1, 0, -1):
        kind = kinds[cost][diagonal]
        diagonal -= kind[0] - kind[1]
        at = reached[cost - 1][diagonal]
        steps.append((at, at - diagonal, kind))
    return steps[::-1]
