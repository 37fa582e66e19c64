"""The connection to the next host, on aiosmtplib: one for each client session."""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPHeloError, SMTPResponse, SMTPServerDisconnected, SMTPTimeoutError
from aiosmtplib.protocol import SMTPProtocol

from mail_gateway.config import NextHost, Tls
from mail_gateway.smtp.commands import MailParameters
from mail_gateway.smtp.replies import is_positive, make_reply, read_reply
from mailhooks.relay.replies import Reply
from mailhooks.relay.smtp_data import add_dots

_START_TLS: Final = {Tls.NONE: False, Tls.OFFERED: None, Tls.REQUIRED: True}
_LINE_OCTETS: Final = 512 - len("\r\n")
"""RFC 5321 section 4.5.3.1.4."""
_CLOSING: Final = 421
_START_INPUT: Final = 354


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the next host: less than the client waits for us (RFC 5321 section 4.5.3.2), so that it gets an answer.

    Attributes:
        connect: for the connection, the greeting, EHLO and TLS.
        command: for the answer to a command.
        block: until the next host has read a block of a message.
        end: for the answer to the end of a message.
    """

    connect: float = 30.0
    command: float = 240.0
    block: float = 170.0
    end: float = 540.0


DEFAULT_TIMEOUTS: Final = Timeouts()


@dataclass(frozen=True, slots=True)
class HostLimits:
    """What the next host accepts, as far as it is known.

    Attributes:
        has_8bitmime: whether octets above 127 can be sent.
        max_octets: of a message; 0 for any number.
    """

    has_8bitmime: bool = True
    max_octets: int = 0


class NextHostFailed(Exception):
    """The next host cannot be reached, or its connection ended. The client keeps the message and tries again.

    Attributes:
        reply: for the client.
        reason: for the log: it names no address.
    """

    def __init__(self, enhanced: str, reason: str) -> None:
        super().__init__(reason)
        self.reply = make_reply(451, enhanced, f"{reason}, try again later")
        self.reason = reason


class Withdrawn(Exception):
    """The client has gone before the end of the message was sent on: it gets no reply and sends the message again."""


class NextHostConnection:
    """A connection that is opened at the first message of a client session and used for the next ones.

    Args:
        host: where and how to connect.
        host_name: ours, for EHLO.
        context: for TLS; None if the host's `tls` is none.
    """

    def __init__(self, host: NextHost, host_name: str, context: ssl.SSLContext | None, timeouts: Timeouts) -> None:
        self._host = host
        self._host_name = host_name
        self._context = context
        self._timeouts = timeouts
        self._client: SMTP | None = None
        self._has_transaction = False

    @property
    def has_transaction(self) -> bool:
        """Whether the host has a transaction whose content can be sent."""
        return self._has_transaction and self._client is not None and self._client.is_connected

    @property
    def extensions(self) -> Mapping[str, str]:
        """The keywords of the host's answer to EHLO in lower case, with their parameters; empty without a connection."""
        return self._client.esmtp_extensions if self._client else {}

    @property
    def limits(self) -> HostLimits:
        """The limits that the host has announced; without a transaction, those of a host that accepts all."""
        if not self.has_transaction:
            return HostLimits()
        size = self.extensions.get("size", "")
        return HostLimits("8bitmime" in self.extensions, int(size) if re.fullmatch("[0-9]{1,20}", size) else 0)

    async def begin(self, sender: str, parameters: MailParameters, attributes: Mapping[str, str]) -> Reply:
        """Begin a transaction, in place of one that is not at its end, and return the reply to MAIL.

        Args:
            sender: the reverse-path; "" for the null one.
            attributes: those of XFORWARD, for a host that knows it.

        Raises:
            NextHostFailed: there is no connection.
        """
        if self._client is not None and self._client.is_connected:
            # The host may have closed a connection that waited for this message.
            try:
                reply = await self._begin(sender, parameters, attributes)
            except NextHostFailed:
                pass
            else:
                if self._client is not None and self._client.is_connected:
                    return reply
        await self._connect()
        return await self._begin(sender, parameters, attributes)

    async def _begin(self, sender: str, parameters: MailParameters, attributes: Mapping[str, str]) -> Reply:
        if self._has_transaction and not is_positive(await self._command(b"RSET")):
            self.close()
            raise NextHostFailed("4.4.2", "the next host cannot begin a new message")
        self._has_transaction = False
        for line in _list_xforward(attributes, self.extensions.get("xforward", "")):
            await self._command(line)  # whether it is accepted or not: it changes the host's log alone
        words = [f"FROM:<{sender}>".encode()]
        if parameters.smtputf8:
            if "smtputf8" not in self.extensions:
                return make_reply(550, "5.6.7", "The next host does not accept SMTPUTF8")  # RFC 6531 section 3.2
            words.append(b"SMTPUTF8")
        if parameters.body and "8bitmime" in self.extensions:
            words.append(b"BODY=" + parameters.body.encode())
        if parameters.size is not None and "size" in self.extensions:
            words.append(b"SIZE=%d" % parameters.size)
        reply = await self._command(b"MAIL", *words)
        self._has_transaction = is_positive(reply)
        return reply

    async def add_recipient(self, address: str) -> Reply:
        """Send RCPT, and return its reply. Raises NextHostFailed."""
        return await self._command(b"RCPT", f"TO:<{address}>".encode())

    async def send(self, pieces: Iterable[bytes | memoryview], may_end: Callable[[], bool]) -> Reply:
        """Send the content of the message, and return the host's reply to it.

        Args:
            pieces: the content; it is never joined.
            may_end: whether the client still waits, asked before the end of the message is sent.

        Raises:
            NextHostFailed: the connection ended, or the host does not answer.
            Withdrawn: the client does not wait.
        """
        reply = await self._command(b"DATA")
        if reply.code != _START_INPUT:
            return _UNEXPECTED if is_positive(reply) else reply
        if self._client is None or self._client.protocol is None:
            raise NextHostFailed("4.4.2", "the connection to the next host ended")
        self._require_no_reply()
        self._has_transaction = False
        answer = asyncio.ensure_future(self._client.protocol.read_response())
        try:
            reply = await self._send_content(_Writer(self._client.protocol, answer, self._timeouts.block), pieces, may_end)
        except (asyncio.CancelledError, Withdrawn):
            self.close()
            raise
        except (SMTPException, OSError) as error:
            self.close()
            raise _explain(error) from None
        finally:
            answer.cancel()
        return reply

    async def _send_content(self, writer: "_Writer", pieces: Iterable[bytes | memoryview], may_end: Callable[[], bool]) -> Reply:
        # The answer is waited for from now on: a host may refuse a message before its end.
        await asyncio.sleep(0)
        last = b""
        for block in add_dots(pieces):
            await writer.write(last)
            last = block
        if writer.answer.done():
            self.close()
            code, text = await writer.answer
            return _UNEXPECTED if 200 <= code < 300 else _as_final(code, text)
        if not may_end():
            raise Withdrawn
        await writer.write(last)
        code, text = await asyncio.wait_for(writer.answer, self._timeouts.end)
        if code == _CLOSING:
            self.close()
        return _as_final(code, text)

    async def quit(self) -> None:
        """End the connection politely."""
        if self._client is not None and self._client.is_connected:
            with suppress(SMTPException, OSError):
                await self._client.execute_command(b"QUIT", timeout=1.0)
        self.close()

    def close(self) -> None:
        """End the connection. A message whose end was not sent is not accepted."""
        if self._client is not None:
            transport = self._client.transport
            if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
                # Without this it stays open until the host has read the rest of the message, which it may never do.
                transport.abort()
            self._client.close()
        self._client = None
        self._has_transaction = False

    async def _connect(self) -> None:
        self.close()
        client = SMTP(
            hostname=self._host.host,
            port=self._host.port,
            local_hostname=self._host_name,
            timeout=self._timeouts.connect,
            start_tls=_START_TLS[self._host.tls],
            tls_context=self._context,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                try:
                    await client.ehlo()
                except SMTPHeloError:
                    await client.helo()
        except (SMTPException, OSError) as error:
            client.close()
            raise _explain(error) from None
        self._client = client

    async def _command(self, *words: bytes) -> Reply:
        """Send a command, and return its reply. 421 becomes 451: the client's own connection does not end."""
        if self._client is None:
            raise NextHostFailed("4.4.2", "the connection to the next host ended")
        self._require_no_reply()
        try:
            code, text = await self._client.execute_command(*words, timeout=self._timeouts.command)
        except asyncio.CancelledError:
            self.close()  # the answer would be that to the next command
            raise
        except (SMTPException, OSError) as error:
            self.close()
            raise _explain(error) from None
        if code == _CLOSING:
            self.close()
        if code == _START_INPUT and words == (b"DATA",):
            return Reply(code, "", (text,))
        return _as_final(code, text)

    def _require_no_reply(self) -> None:
        """Raise NextHostFailed if the host has sent a reply too many: aiosmtplib would read it as that to the next command, or content."""
        if self._client is not None and self._client.protocol is not None and self._client.protocol._buffer:
            self.close()
            raise NextHostFailed("4.5.0", "the next host gave an answer that no command has asked for")


class _Writer:
    """Writes content as fast as the host reads it, until the host has answered."""

    def __init__(self, protocol: SMTPProtocol, answer: asyncio.Future[SMTPResponse], timeout_s: float) -> None:
        self.answer = answer
        self._protocol = protocol
        self._timeout_s = timeout_s

    async def write(self, block: bytes) -> None:
        """Write a block, and wait until there is room for the next one. Raises TimeoutError, OSError."""
        if not block or self.answer.done():
            return
        self._protocol.write(block)
        # As asyncio.StreamWriter.drain does; a StreamWriter of our own would close the connection at its end.
        drained = asyncio.ensure_future(self._protocol._drain_helper())
        done, _ = await asyncio.wait((drained, self.answer), timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if drained in done:
            drained.result()
        else:
            drained.cancel()
        if not done:
            raise TimeoutError


_UNEXPECTED: Final = make_reply(451, "4.5.0", "The next host gave an answer that SMTP does not have here, try again later")


def _as_final(code: int, text: str) -> Reply:
    """Return the reply of a host: only 2xx, 4xx and 5xx end a command (RFC 5321 section 4.2.1)."""
    if code == _CLOSING:
        return read_reply(451, text)
    return read_reply(code, text) if 200 <= code < 300 or 400 <= code < 600 else _UNEXPECTED


def _explain(error: Exception) -> NextHostFailed:
    """Describe an error without the host's text, which may have an address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return NextHostFailed("4.7.5", "the certificate of the next host is not accepted")
    if isinstance(error, ssl.SSLError):
        return NextHostFailed("4.7.5", "TLS with the next host failed")
    if isinstance(error, SMTPTimeoutError | TimeoutError):
        return NextHostFailed("4.4.2", "the next host did not answer in time")
    if isinstance(error, SMTPServerDisconnected):
        return NextHostFailed("4.4.2", "the connection to the next host ended")
    return NextHostFailed("4.4.1", "the next host cannot be reached")


def _list_xforward(attributes: Mapping[str, str], known: str) -> list[bytes]:
    """Return XFORWARD commands with the attributes that the host knows, each within the length of a line."""
    lines, line = [], b"XFORWARD"
    for name, value in attributes.items():
        if name not in known.upper().split():
            continue
        word = f" {name}={value}".encode("ascii")
        if len(line) + len(word) > _LINE_OCTETS:
            lines.append(line)
            line = b"XFORWARD"
        line += word
    return [*lines, line] if line != b"XFORWARD" else lines
