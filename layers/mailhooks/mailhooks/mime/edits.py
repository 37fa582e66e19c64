"""Edits of a message. Every byte outside of the edits stays as it is."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple


class Edit(NamedTuple):
    """Replace `raw[start:end]` by `new`. An edit with `start == end` inserts."""

    start: int
    end: int
    new: bytes


class Reason(StrEnum):
    """Why text cannot be inserted into a part."""

    ENCODING = "its content-transfer-encoding is unknown"
    CHARSET = "its charset is unknown, does not match its octets, or cannot encode the text"
    NO_PLACE = "it has no place for text, such as a frameset"
    HEADER = "its fields have to be changed, and programs read its header differently"


class CannotEdit(Exception):
    """Text cannot be inserted into a part, for a `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def size_after(raw: bytes, edits: Iterable[Edit]) -> int:
    """Return the octets of `raw` with its edits.

    >>> size_after(b"Subject: Hi", [Edit(9, 9, b"[X] "), Edit(0, 7, b"Title")])
    13
    """
    return len(raw) + sum(len(edit.new) - (edit.end - edit.start) for edit in edits)


def splice(raw: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `raw` with its edits, all in offsets of `raw`. Insertions at the same place keep their order. No edits: `raw` itself.

    >>> splice(b"Subject: Hi", [Edit(9, 9, b"[X] "), Edit(0, 7, b"Title")])
    b'Title: [X] Hi'

    Raises:
        ValueError: edits overlap, or one is outside of `raw`.
    """
    edits = list(edits)
    return b"".join(splice_pieces(raw, edits)) if edits else raw


def splice_pieces(raw: bytes, edits: Iterable[Edit]) -> list[bytes | memoryview]:
    """Return the pieces that `splice` joins: a large message need not be copied. Raises as `splice`."""
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    pieces: list[bytes | memoryview] = []
    view = memoryview(raw)
    done = 0
    for start, end, new in ordered:
        if not done <= start <= end <= len(raw):
            raise ValueError(f"the edit of {start} to {end} overlaps another edit, or is outside of the {len(raw)} bytes")
        pieces += (view[done:start], new)
        done = end
    pieces.append(view[done:])
    return pieces


def compose(first: Iterable[Edit], second: Iterable[Edit]) -> list[Edit]:
    """Merge two lists of edits into one. The offsets of `second` are those of the result of `first`.

    >>> compose([Edit(0, 1, b"HE")], [Edit(1, 3, b"")])
    [Edit(start=0, end=2, new=b'H')]

    Raises:
        ValueError: edits of one list overlap.
    """
    result = _Tiles(first)
    final: list[_Tile] = []
    for start, end, new in sorted(second, key=lambda edit: (edit.start, edit.end)):
        final += result.read_to(start)
        result.read_to(end)
        final.append(new)
    return list(_to_edits(final + result.read_to(2 * _END)))


_Tile = tuple[int, int] | bytes
"""Octets of the original, from start to end, or new octets."""

_END: Final = 1 << 62
"""An offset after the end of every original."""


class _Tiles:
    def __init__(self, edits: Iterable[Edit]) -> None:
        self._tiles: list[_Tile] = []
        self._position = 0
        done = 0
        for start, end, new in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            if not done <= start <= end:
                raise ValueError(f"the edit of {start} to {end} overlaps another edit")
            self._tiles += ((done, start), new)
            done = end
        self._tiles.append((done, _END))
        self._tiles.reverse()

    def read_to(self, offset: int) -> list[_Tile]:
        """Read the tiles up to an offset of the result."""
        found: list[_Tile] = []
        if offset < self._position:
            raise ValueError(f"an edit at {offset} overlaps another edit")
        while self._tiles and self._position < offset:
            tile = self._tiles.pop()
            length = len(tile) if isinstance(tile, bytes) else tile[1] - tile[0]
            wanted = min(length, offset - self._position)
            if wanted < length:
                self._tiles.append(tile[wanted:] if isinstance(tile, bytes) else (tile[0] + wanted, tile[1]))
                tile = tile[:wanted] if isinstance(tile, bytes) else (tile[0], tile[0] + wanted)
            found.append(tile)
            self._position += wanted
        return found


def _to_edits(tiles: list[_Tile]) -> Iterator[Edit]:
    """Yield the edits that result in these tiles. They replace the octets of the original that no tile has."""
    done, new = 0, b""
    for tile in tiles:
        if isinstance(tile, bytes):
            new += tile
        elif tile[0] < tile[1]:
            if new or tile[0] > done:
                yield Edit(done, tile[0], new)
            done, new = tile[1], b""
