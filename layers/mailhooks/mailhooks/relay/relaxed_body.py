"""The relaxed canonicalization of a body (RFC 6376 section 3.4.4), made in chunks: no copy of a large message is made."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

CHUNK_OCTETS: Final = 64 * 1024


def split_pieces(pieces: Iterable[bytes | memoryview], start: int = 0) -> Iterator[memoryview]:
    """Yield the octets of the pieces from an offset on, in chunks of at most `CHUNK_OCTETS`."""
    for piece in pieces:
        view = memoryview(piece)
        for at in range(min(start, len(view)), len(view), CHUNK_OCTETS):
            yield view[at : at + CHUNK_OCTETS]
        start = max(0, start - len(view))


class RelaxedBody:
    """Canonicalizes a body that is added chunk by chunk.

    QUIRK: LF without CR is a line end, because mail servers correct it on the way.

    Args:
        write: called with each piece of the canonical body.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._waiting = b""
        """White space and a CR at the end of the octets so far: what they mean depends on the next octet."""
        self._empty_lines = 0
        """Line ends that are left out if nothing follows."""
        self._is_empty = True

    def add(self, chunk: bytes | memoryview) -> None:
        """Add the next octets."""
        octets = self._waiting + chunk
        ends_in_cr = octets.endswith(b"\r")
        if ends_in_cr:
            octets = octets[:-1]
        octets = octets.replace(b"\r\n", b"\n").replace(b"\t", b" ")
        while b"  " in octets:
            octets = octets.replace(b"  ", b" ")
        octets = octets.replace(b" \n", b"\n")
        self._waiting = b" " if octets.endswith(b" ") else b""
        octets = octets.removesuffix(b" ")
        if ends_in_cr:
            self._waiting += b"\r"
        self._write_lines(octets)

    def finish(self) -> None:
        """Write the rest: a last line without its end has one after this, and empty lines at the end are left out."""
        if self._waiting.endswith(b"\r"):
            self._write_lines(self._waiting)
        if not self._is_empty:
            self._write(b"\r\n")

    def _write_lines(self, octets: bytes) -> None:
        """Write octets whose line ends are LF, apart from line ends after the last octet of text."""
        text = octets.rstrip(b"\n")
        if text:
            self._write_line_ends()
            self._write(text.replace(b"\n", b"\r\n"))
            self._is_empty = False
        self._empty_lines += len(octets) - len(text)

    def _write_line_ends(self) -> None:
        most = CHUNK_OCTETS // 2
        while self._empty_lines:
            count = min(self._empty_lines, most)
            self._write(b"\r\n" * count)
            self._empty_lines -= count
