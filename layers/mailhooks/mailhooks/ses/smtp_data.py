"""Writes a message as the data of SMTP (RFC 5321 section 4.5.2), chunk by chunk, so that no copy of a large message is made."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

CHUNK_OCTETS: Final = 64 * 1024

_CRLF: Final = b"\r\n"

_LONE_DOT: Final = re.compile(rb"[^\r]\n\.[\r\n]|\r\.[\r\n]|\r\n\.(?:\n|\r[^\n])", re.DOTALL)
"""A dot alone on its line, next to a bare LF or a bare CR: some servers read it as the end of the data (SMTP smuggling)."""

_LONGEST_LONE_DOT: Final = 5


def split(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the octets of the pieces in chunks of at most `CHUNK_OCTETS`."""
    for piece in pieces:
        view = memoryview(piece)
        for at in range(0, len(view), CHUNK_OCTETS):
            yield bytes(view[at : at + CHUNK_OCTETS])


def is_ascii(pieces: Iterable[bytes | memoryview]) -> bool:
    """Return whether all octets are ASCII, so that no extension of SMTP is needed."""
    return all(chunk.isascii() for chunk in split(pieces))


def write_data(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the octets to send after the reply to DATA: each line that begins with a dot gets another one, and the end of the data follows.

    Only a line end of CRLF counts. The receiver removes no other dot, so that the message stays as it is, also with bare LF and CR.
    """
    before = _CRLF
    for chunk in split(pieces):
        octets = before + chunk
        yield octets.replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = octets[-2:]
    yield b".\r\n" if before == _CRLF else b"\r\n.\r\n"


def has_smuggled_end(pieces: Iterable[bytes | memoryview]) -> bool:
    """Return whether a server that accepts bare LF or CR as line ends could find the end of the data inside the message."""
    before = _CRLF
    for chunk in (*pieces, _CRLF):
        view = memoryview(chunk)
        # Matches across the border of two pieces, then those in the piece.
        if _LONE_DOT.search(before + view[: _LONGEST_LONE_DOT - 1]) or _LONE_DOT.search(view):
            return True
        before = (before + view[-(_LONGEST_LONE_DOT - 1) :])[-(_LONGEST_LONE_DOT - 1) :]
    return False
