"""Splicing: a change is a list of edits, and every byte outside them stays what and where it was."""

from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """Replaces `raw[start:end]` by `new`; `start == end` inserts."""

    start: int
    end: int
    new: bytes


def splice(raw: bytes, edits: Iterable[Edit]) -> bytes:
    """Applies edits, all in offsets of `raw`. Insertions at the same place keep the order given. No edits: `raw` itself.

    >>> splice(b"Subject: Hi", [Edit(9, 9, b"[X] "), Edit(0, 7, b"Title")])
    b'Title: [X] Hi'

    Raises:
        ValueError: edits overlap or lie outside of `raw`.
    """
    edits = list(edits)
    return b"".join(pieces(raw, edits)) if edits else raw


def pieces(raw: bytes, edits: Iterable[Edit]) -> list[bytes | memoryview]:
    """What `splice` joins: views of the bytes that stay, and what is new. For those who can do without a second copy of a large message.

    Raises:
        ValueError: as `splice`.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    pieces: list[bytes | memoryview] = []
    view = memoryview(raw)
    done = 0
    for start, end, new in ordered:
        if not done <= start <= end <= len(raw):
            raise ValueError(f"the edit of {start} to {end} overlaps another or lies outside of the {len(raw)} bytes")
        pieces += (view[done:start], new)
        done = end
    pieces.append(view[done:])
    return pieces
