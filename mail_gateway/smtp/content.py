"""Reads the content of a message from the client's connection (RFC 5321 section 4.5.2)."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Final

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
