"""Splicing: a change is a list of edits, and every byte outside them stays what and where it was."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple


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
    return b"".join(splice_pieces(raw, edits)) if edits else raw


def splice_pieces(raw: bytes, edits: Iterable[Edit]) -> list[bytes | memoryview]:
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


def compose(first: Iterable[Edit], second: Iterable[Edit]) -> list[Edit]:
    """The edits that do at once what `first` does and then `second`, whose offsets are those of the result of `first`.

    >>> compose([Edit(0, 1, b"HE")], [Edit(1, 3, b"")])
    [Edit(start=0, end=2, new=b'H')]

    Raises:
        ValueError: edits of one of the two overlap.
    """
    result = _Tiles(first)
    final: list[_Tile] = []
    for start, end, new in sorted(second, key=lambda edit: (edit.start, edit.end)):
        final += result.upto(start)
        result.upto(end)
        final.append(new)
    final += result.upto(None)
    return list(_edits(final))


_Tile = tuple[int, int] | bytes
"""A stretch of a text: octets of the original from start to end, or others."""

_END: Final = 1 << 62
"""Behind every original."""


class _Tiles:
    """The text that edits make, taken tile by tile from its start."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self._tiles: list[_Tile] = []
        self._taken = 0
        done = 0
        for start, end, new in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            if not done <= start <= end:
                raise ValueError(f"the edit of {start} to {end} overlaps another")
            self._tiles += ((done, start), new)
            done = end
        self._tiles.append((done, _END))
        self._tiles.reverse()

    def upto(self, offset: int | None) -> list[_Tile]:
        """Takes what is left up to an offset of the text."""
        found: list[_Tile] = []
        if offset is not None and offset < self._taken:
            raise ValueError(f"an edit at {offset} overlaps another")
        while self._tiles and (offset is None or self._taken < offset):
            tile = self._tiles.pop()
            length = len(tile) if isinstance(tile, bytes) else tile[1] - tile[0]
            wanted = length if offset is None else min(length, offset - self._taken)
            if wanted < length:
                self._tiles.append(tile[wanted:] if isinstance(tile, bytes) else (tile[0] + wanted, tile[1]))
                tile = tile[:wanted] if isinstance(tile, bytes) else (tile[0], tile[0] + wanted)
            found.append(tile)
            self._taken += wanted
        return found


def _edits(tiles: list[_Tile]) -> Iterator[Edit]:
    """The edits that make a text of these tiles: whatever of the original is left out between two tiles is replaced."""
    done, new = 0, b""
    for tile in tiles:
        if isinstance(tile, bytes):
            new += tile
        elif tile[0] < tile[1]:
            if new or tile[0] > done:
                yield Edit(done, tile[0], new)
            done, new = tile[1], b""
