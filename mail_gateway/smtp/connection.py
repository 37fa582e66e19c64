"""The server side of an SMTP connection on aiosmtpd: lines of any length, and an enhanced status code in each reply."""

import asyncio
import logging
import re
from typing import Any, Final

from aiosmtpd.smtp import SMTP

from mail_gateway.smtp.content_reader import ContentReader

_MAX_REPLY_OCTETS: Final = 512 - len("\r\n")
"""RFC 5321 section 4.5.3.1.5."""

_PLAIN_REPLY: Final = re.compile(r"(?!220)(([245])\d\d) (?![245]\.\d{1,3}\.\d{1,3}(?: |$))")
_ENHANCED: Final = {
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "530": "5.7.0",
    "552": "5.3.4",
    "554": "5.7.0",
    "555": "5.5.4",
}
"""RFC 3463 sections 3.4, 3.6 and 3.8."""


class EnhancedSmtp(SMTP):
    """aiosmtpd's server side of one connection, for lines of any length and with an enhanced status code in each reply."""

    is_encrypted = False
    _closed: "asyncio.Future[None]"
    """The end of the connection, an attribute of `asyncio.StreamReaderProtocol`."""

    def __init__(self, handler: object, **options: Any) -> None:
        # aiosmtpd logs every address at level INFO, and warns of its own old names.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        super().__init__(handler, **options)
        # aiosmtpd has no parameter for the reader that it creates: its base class is initialized again, with another one.
        reader = ContentReader(limit=self.line_length_limit, loop=self.loop)
        asyncio.StreamReaderProtocol.__init__(self, reader, self._cb_client_connected, self.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection, or begin it again with TLS."""
        self.is_encrypted = transport.get_extra_info("ssl_object") is not None
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        """Answer the commands that have arrived: a client that sends no more may still read (RFC 9293 section 3.6.1).

        aiosmtpd would end the connection, and a client that sends all its commands at once would get no reply.
        """
        # TLS has no such state: what its layer receives ends with the connection.
        return False if self.is_encrypted else asyncio.StreamReaderProtocol.eof_received(self)

    def connection_lost(self, error: Exception | None) -> None:
        """End the connection. An error such as a broken pipe is the client's, and not worth a log line.

        asyncio marks the error as seen when the protocol is collected, but Python may collect the error first.
        """
        super().connection_lost(error)
        self._closed.exception()

    async def handle_exception(self, error: Exception) -> str:
        """Return the reply to a command that failed; close the connection at the end of what the client sends."""
        if isinstance(error, asyncio.IncompleteReadError) and self.transport:
            self.transport.close()
            await self.loop.create_future()  # until the replies are sent: then aiosmtpd cancels this
        return str(await super().handle_exception(error))

    async def push(self, status: str | bytes) -> None:
        """Send a reply of one line.

        aiosmtpd's own replies have no enhanced status code; RFC 2034 section 4 wants one in each, except in the greeting and in the
        answers to EHLO and HELO, which our handler gives as bytes.
        """
        if not status:  # at the end of a connection
            return
        if isinstance(status, str):
            found = _PLAIN_REPLY.match(status)
            if found:
                status = f"{found[1]} {_ENHANCED.get(found[1], found[2] + '.0.0')} {status[found.end() :]}"
            status = re.sub("[^ -~]", "?", status)[:_MAX_REPLY_OCTETS].encode()
        await super().push(status)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - aiosmtpd finds the method by the name of the command
        """Begin TLS (RFC 3207 section 4), once."""
        if self.tls_context is None:
            await self.push("502 5.5.1 STARTTLS is not offered")
        elif self.is_encrypted:
            await self.push("503 5.5.1 TLS has begun already")
        else:
            await super().smtp_STARTTLS(arg)
