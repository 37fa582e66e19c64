"""Compares a displayed text before and after: only the disclaimer is added, in one piece, on its own lines, in its place."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.fidelity.reading import Leaf, parameters
from tests.fidelity.verdict import Finding, Kind
from tests.fidelity.visible import squeezed, unflowed, visible_text

_WIDTH = 20
"""Characters that identify the first and the last line of the disclaimer, even if they are wrapped."""


class Wanted(NamedTuple):
    """The expected disclaimer: as displayed, as given, and its position."""

    seen: str
    given: str
    position: str


def compare_text(old: Leaf, new: Leaf, wanted: Wanted) -> Iterator[Finding]:
    pair = _readings(old, new)
    if pair is None:
        yield Finding(Kind.TEXT_DAMAGED, f"no longer the sender's text ({old.charset or 'no charset'} -> {new.charset or 'no charset'})")
        return
    before, after = pair
    if before == after:
        yield Finding(Kind.TEXT_DAMAGED, "encoded again without a change")
        return
    theirs, seen = (squeezed(visible_text(text) if new.is_html else text) for text in pair)
    expected = squeezed(wanted.seen)
    if expected not in seen:
        yield Finding(Kind.MISSING, "the inserted text does not display the disclaimer")
    elif len(seen) != len(theirs) + len(expected) or not is_insertion(theirs, seen):
        yield Finding(Kind.TEXT_DAMAGED, "the displayed text is not the sender's text and the disclaimer")
    elif seen != {"prepend": expected + theirs, "append": theirs + expected}.get(wanted.position, seen):
        yield Finding(Kind.MISPLACED, f"not at the position {wanted.position}")
    elif not new.is_html and not _on_own_lines(old, new, wanted.given):
        yield Finding(Kind.TEXT_DAMAGED, "shares a line with the sender's text")


def _readings(old: Leaf, new: Leaf) -> tuple[str, str] | None:
    """Return the first reading of both texts in which the new one is the old one with one inserted piece; None if there is none.

    If the charset stays the same and cannot decode the sender's octets, the octets are compared.
    """
    after = new.strict()
    if (old.charset or "us-ascii") == (new.charset or "us-ascii"):
        before = old.strict()
        if before is not None and after is not None:
            return (before, after) if is_insertion(before, after) else None
        return (old.text, new.text) if is_insertion(old.octets.decode("latin-1"), new.octets.decode("latin-1")) else None
    if after is None:
        return None
    return next(((before, after) for before in old.readings() if is_insertion(before, after)), None)


def is_insertion(before: str, after: str) -> bool:
    """Return whether `after` is `before` with at most one inserted piece.

    >>> is_insertion("ab", "axb"), is_insertion("ab", "xayb"), is_insertion("ab", "a")
    (True, False, False)
    """
    if len(after) < len(before):
        return False
    low, high = 0, len(before)
    while low < high:  # the longest common prefix
        middle = (low + high + 1) // 2
        if after.startswith(before[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return after.endswith(before[low:])


def _on_own_lines(old: Leaf, new: Leaf, given: str) -> bool:
    """Return whether one more line begins like the disclaimer, and one more ends like it."""
    before, after = _shown_lines(old), _shown_lines(new)
    lines = [squeezed(line) for line in given.splitlines() if squeezed(line)]
    start, end = lines[0][:_WIDTH], lines[-1][-_WIDTH:]
    starting = sum(line.startswith(start) for line in after) - sum(line.startswith(start) for line in before)
    ending = sum(line.endswith(end) for line in after) - sum(line.endswith(end) for line in before)
    return starting > 0 and ending > 0


def _shown_lines(leaf: Leaf) -> list[str]:
    known = {name: value.lower() for name, value in parameters(leaf.part).items()}
    flowed = known.get("format") == "flowed"
    lines = unflowed(leaf.text, delsp=known.get("delsp") == "yes") if flowed else leaf.text.splitlines()
    return [squeezed(line) for line in lines]
