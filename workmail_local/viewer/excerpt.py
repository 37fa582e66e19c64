"""The part of a long content that a view shows, with what it leaves out in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Excerpt(Generic[T]):
    """The items that a view shows, and notes on what is left out. Nothing is left out without a note."""

    items: Sequence[T]
    notes: tuple[str, ...] = ()

    @classmethod
    def first(cls, items: Sequence[T], limit: int, unit: str) -> "Excerpt[T]":
        """Return the first items, at most `limit`."""
        note = describe_cut(min(limit, len(items)), len(items), unit)
        return cls(items[:limit], (note,) if note else ())


def describe_cut(shown: int, total: int, unit: str) -> str:
    """Describe what is shown of a longer content; "" when all of it is.

    >>> describe_cut(300_000, 1_200_000, "characters"), describe_cut(7, 7, "fields")
    ('300,000 of 1,200,000 characters shown', '')
    """
    return f"{shown:,} of {total:,} {unit} shown" if shown < total else ""
