"""What an SMTP client sends, octet by octet: command lines and message content. Memory is bounded and time linear, whatever comes."""

import asyncio
import io
from collections.abc import Callable

CHUNK_OCTETS = 64 * 1024
_LF = 0x0A
_END = b"\r\n.\r\n"


class Incoming:
    """Reads from a connection. Stands for the `StreamReader` in aiosmtpd, of which that calls `readuntil` and `readline` only.

    A client that hangs up ends the conversation at the next read, as a cancelled task: it is how aiosmtpd ends one.

    Args:
        stream: the connection.
        longest: octets of the longest command line that anybody wants, line end included.
    """

    def __init__(self, stream: asyncio.StreamReader, longest: int) -> None:
        self._stream = stream
        self._longest = longest
        self._ahead = bytearray()

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """One command line with its line end. Of a line that is too long, one octet more than `longest` and no line end.

        Raises:
            asyncio.CancelledError: the client has hung up.
        """
        line = bytearray()
        while True:
            if not self._ahead:
                self._ahead += await self._more()
            end = self._ahead.find(separator) + 1 or len(self._ahead)
            complete = self._ahead[end - 1] == _LF
            line += self._ahead[: min(end, self._longest + 1 - len(line))]
            del self._ahead[:end]
            if complete:
                return bytes(line)

    async def readline(self) -> bytes:
        """As `readuntil`."""
        return await self.readuntil()

    async def content(self, limit: int, alive: Callable[[], None]) -> bytes | None:
        """A message's content, behind DATA: what stands before the final dot, dot-unstuffed; None when that is over the limit.

        Only CRLF.CRLF ends it, and a dot is taken away only behind CRLF (RFC 5321 sections 4.1.1.4 and 4.5.2). A server that takes another
        line end for CRLF here lets one message smuggle in a second (CVE-2023-51764 and its like). Lines may have any length and any octets:
        mail from the world has both.

        Args:
            limit: octets.
            alive: called whenever something has come.

        Raises:
            asyncio.CancelledError: the client has hung up.
        """
        kept = io.BytesIO()
        too_large = False
        # The line end of DATA itself: a final dot may follow at once, and a stuffed one too.
        held = bytearray(b"\r\n") + self._ahead
        self._ahead.clear()
        skip = 2
        while (end := held.find(_END)) < 0:
            # Kept back is what may be the beginning of the end, which is also all that may be the beginning of a stuffed dot.
            settled = len(held) - next((length for length in range(len(_END) - 1, 0, -1) if held.endswith(_END[:length])), 0)
            if settled:
                kept.write(_unstuffed(held[:settled])[skip:])
                del held[:settled]
                skip = 0
            if kept.tell() > limit:
                too_large = True
                kept = io.BytesIO()
            held += await self._more()
            alive()
        kept.write(_unstuffed(held[: end + 2])[skip:])
        self._ahead += held[end + len(_END) :]
        return None if too_large or kept.tell() > limit else kept.getvalue()

    async def _more(self) -> bytes:
        try:
            chunk = await self._stream.read(CHUNK_OCTETS)
        except OSError:
            chunk = b""
        if not chunk:
            raise asyncio.CancelledError
        return chunk


def _unstuffed(lines: bytearray) -> bytearray:
    return lines.replace(b"\r\n.", b"\r\n")
