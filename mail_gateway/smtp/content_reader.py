"""Reads the content of a message in pieces of many lines."""

import asyncio
from typing import Any


class ContentReader(asyncio.StreamReader):
    """A stream that returns several lines of a message's content at once.

    QUIRK: aiosmtpd reads content line by line, with a dozen calls for each, and only compares a line with the final dot and removes the
    first dot of other lines. So lines before one with a dot can be read as one line.
    """

    _buffer: bytearray
    """The received octets that are still to be read, an attribute of `asyncio.StreamReader`."""

    async def readuntil(self, separator: Any = b"\n") -> bytes:
        """Read a line; with CRLF as separator, which aiosmtpd uses for content alone, also those after it that arrived."""
        octets = _count_content(self._buffer) if separator == b"\r\n" else 0
        return await (self.readexactly(octets) if octets else super().readuntil(separator))


def _count_content(received: bytearray) -> int:
    r"""Return the octets of the whole lines before the first line that begins with a dot; 0 for none.

    >>> [_count_content(bytearray(received)) for received in (b"a\r\nb\nc\r\n.\r\nQUIT\r\n", b"a\r\nb\r", b"..\r\n")]
    [8, 3, 0]
    """
    if received.startswith(b"."):
        return 0
    end = received.find(b"\r\n.")
    if end < 0:
        end = received.rfind(b"\r\n")
    return end + len(b"\r\n") if end >= 0 else 0
