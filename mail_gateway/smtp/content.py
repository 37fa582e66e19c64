"""The content of a message between the two connections: how it is read, what is not passed on, and how it is sent."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Final

_BLOCK_OCTETS: Final = 64 * 1024
"""Octets that are copied at once: a message is never copied whole."""

_END: Final = b".\r\n"


async def read_content(reader: asyncio.StreamReader, max_octets: int, when_read: Callable[[], None]) -> bytes | None:
    """Read the content of a message up to the lone dot (RFC 5321 section 4.5.2). Only CRLF ends a line.

    Args:
        reader: a `ContentReader`.
        when_read: is called for each block.

    Returns:
        the content without the dots that the client added; None for more than `max_octets`, which are read but not kept.

    Raises:
        IncompleteReadError: the connection ended before the message.
    """
    kept, octets = BytesIO(), 0
    begins_line = True
    while True:
        try:
            block = await reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:  # a part of a long line
            block = await reader.readexactly(error.consumed)
        when_read()
        if begins_line and block.startswith(b"."):
            if block == _END:
                # No copy: getvalue() returns the buffer itself.
                return kept.getvalue() if octets <= max_octets else None
            block = block[1:]
        begins_line = block.endswith(b"\r\n")
        octets += len(block)
        if octets <= max_octets:
            kept.write(block)
        elif kept.tell():
            kept = BytesIO()


def split_blocks(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the octets of the pieces in blocks of a limited size."""
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), _BLOCK_OCTETS):
            yield bytes(view[start : start + _BLOCK_OCTETS])


def is_ascii(pieces: Iterable[bytes | memoryview]) -> bool:
    """Return whether a message can be sent without 8BITMIME (RFC 6152)."""
    return all(block.isascii() for block in split_blocks(pieces))


def has_false_end(pieces: Iterable[bytes | memoryview]) -> bool:
    r"""Return whether a lenient host could see the end of the message before its end: a lone dot with a bare CR or LF before or after it.

    Such a host would read the rest as commands: a second message, with any sender ("SMTP smuggling"; RFC 5321 section 4.1.1.4 allows only
    CRLF as a line end).

    >>> [has_false_end([content]) for content in (b"a\r\n.\r\nb", b"a\n.\r\nb", b"a\r\n.\nb", b"a\r.\rb", b".\nb", b"a\n.b\n")]
    [False, True, True, True, True, False]
    """
    before = b"\r\n"  # the content begins a line
    for block in split_blocks(pieces):
        window = before + block
        if _has_false_end(window):
            return True
        before = window[-4:]
    return False


def _has_false_end(window: bytes) -> bool:
    """Return whether a window has a false end. A dot at its start or its end is seen whole in the window before or after this one."""
    for opening in (b"\n.", b"\r."):
        at = window.find(opening, 1)
        while at >= 0:
            after = window[at + 2 : at + 4]
            is_lone = after[:1] in (b"\r", b"\n")
            is_proper = window[at - 1 : at + 2] == b"\r\n." and (after == b"\r\n" or after == b"\r")
            if is_lone and not is_proper:
                return True
            at = window.find(opening, at + 1)
    return False


def add_dots(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    r"""Yield the content of a message as it is sent after DATA: with a second dot at each line that begins with one, and the end.

    >>> b"".join(add_dots([b".a\r", b"\n.b\n.c\r\n"]))
    b'..a\r\n..b\n.c\r\n.\r\n'
    """
    held = b"\r\n"  # the content begins a line
    begun = False
    for block in split_blocks(pieces):
        text = held + block
        # The end of a block may be the beginning of a line end, or of a line. Before the first octet, the line end is not the content's.
        kept = 0 if not text.endswith(b"\r") and not text.endswith(b"\r\n") else 2 if text.endswith(b"\n") else 1
        ready, held = text[: len(text) - kept].replace(b"\r\n.", b"\r\n.."), text[len(text) - kept :]
        if not begun:
            ready, begun = ready[2:], True
        yield ready
    end = held if begun else b""
    yield end + (b"" if not begun or end == b"\r\n" else b"\r\n") + _END
