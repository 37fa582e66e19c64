"""Unpack the files of a zip archive (APPNOTE.TXT section 4.4.5) within bounds of time and memory."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

STORED: Final = 0
_DEFLATED: Final = 8
BZIP2: Final = 12
_LZMA: Final = 14

METHODS: Final = frozenset({STORED, _DEFLATED, BZIP2, _LZMA})
"""Methods that are unpacked. Others are rare, and Python has none of them."""

_PIECE_OCTETS: Final = 1024 * 1024
BLOCK_OCTETS: Final = 900_000
"""The largest block of BZip2: the first octet of a block costs as much as the whole block."""

_LARGEST_DICTIONARY: Final = 64 * 1024 * 1024
"""Octets of memory that LZMA may need. 7-Zip uses this size at its highest level."""


def unpack(packed: memoryview, method: int, limit: int) -> bytes:
    """Return the first `limit` octets of a file; fewer if it is damaged."""
    if method == STORED:
        return bytes(packed[:limit])
    pieces = []
    for piece in _unpack_pieces(packed, method, min(limit, _PIECE_OCTETS)):
        pieces.append(piece[:limit])
        limit -= len(piece)
        if limit <= 0:
            break
    return b"".join(pieces)


def unpack_ending(packed: memoryview, method: int, limit: int, most: int) -> tuple[bytes, int]:
    """Return the last `limit` octets of a file, and the number of unpacked octets. A file of more than `most` octets has no ending here."""
    if method == STORED:
        return bytes(packed[-limit:]), 0
    ending, count = b"", 0
    for piece in _unpack_pieces(packed, method, min(most + 1, _PIECE_OCTETS)) if most > 0 else ():
        count += len(piece)
        if count > most:
            return b"", count
        ending = (ending + piece)[-limit:]
    return ending, count


def _unpack_pieces(packed: memoryview, method: int, octets: int) -> Iterator[bytes]:
    """Yield the content in pieces of at most `octets`, up to the first damage."""
    try:
        decompressor, rest, error = _make_decompressor(packed, method)
    except (ValueError, struct.error):
        return
    position, pending = 0, b""
    while not decompressor.eof:
        begun = position
        # Not all at once: the decompressor of deflate copies the octets that are left.
        if not pending and getattr(decompressor, "needs_input", True):
            pending = bytes(rest[position : position + octets])
            position += len(pending)
        try:
            piece = decompressor.decompress(pending, octets)
        except error:
            return
        pending = getattr(decompressor, "unconsumed_tail", b"")
        if not piece and not pending and position == begun:
            return
        yield piece


def _make_decompressor(packed: memoryview, method: int) -> tuple[Any, memoryview, type[Exception]]:
    """Return a decompressor, the octets behind its properties, and its error. Raises ValueError and struct.error for odd properties."""
    if method == _DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS), packed, zlib.error
    # bz2 and lzma are rarely needed, so they are imported late.
    if method == BZIP2:
        import bz2

        return bz2.BZ2Decompressor(), packed, OSError
    import lzma

    # Version, size of the properties, properties (section 5.8.8).
    _, size, properties, dictionary = struct.unpack_from("<HHBI", packed)
    if size != 5 or dictionary > _LARGEST_DICTIONARY:
        raise ValueError
    settings = {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096)}
    settings |= {"lc": properties % 9, "lp": properties // 9 % 5, "pb": properties // 45}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[settings]), packed[9:], lzma.LZMAError
    except lzma.LZMAError:
        raise ValueError from None
