"""One SMTP conversation (RFC 5321), on aiosmtpd: its commands, what each is answered, and when mail counts as accepted."""

# ruff: noqa: N802 (aiosmtpd finds a command by the name of its method)

import asyncio
import logging
import re
from collections import defaultdict
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session

from local.mail.submission import Acceptor, Submission, TemporarilyRefused
from local.smtp.reader import CHUNK_OCTETS, Incoming
from local.smtp.transaction import Transaction
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES

MAX_CONTENT_S = 3600.0
"""Seconds for one message's content, however steadily it trickles in."""

GOODBYE_S = 1.0
"""Seconds for a last reply to be read before the connection is cut."""

_LOG = logging.getLogger(__name__)
_SIZES = {
    "MAIL": 512 + 26 + 17 + 10 + 500,
    "AUTH": 12288,
}
"""Octets of a command line: RFC 5321 section 4.5.3.1.4, and what is added by SIZE (RFC 1870 section 3), 8BITMIME (RFC 6152 section 2),
SMTPUTF8 (RFC 6531 section 3.1) and AUTH (RFC 4954 sections 3 and 4)."""

_UNPRINTABLE = re.compile(rb"[^ -~]")
_MAX_REPLY_OCTETS = 512 - len(b"\r\n")
"""RFC 5321 section 4.5.3.1.5."""

# aiosmtpd's own replies have no enhanced status code; RFC 2034 section 4 wants one in each but the greeting and the answer to EHLO.
_PLAIN_REPLY = re.compile(rb"(?!220)(([245])\d\d) (?![245]\.\d{1,3}\.\d{1,3}(?: |$))")
_ENHANCED = {b"500": b"5.5.2", b"501": b"5.5.4", b"502": b"5.5.1", b"503": b"5.5.1", b"504": b"5.5.4"}
"""RFC 3463 section 3.6."""


class Room(Protocol):
    """Where conversations are held: the server."""

    closing: bool

    def entered(self, conversation: "Conversation") -> None:
        """A client has connected."""
        ...

    def left(self, conversation: "Conversation") -> None:
        """The connection is gone."""
        ...

    async def accept(self, submission: Submission) -> int:
        """As `Acceptor.accept`; goes on when the caller is cancelled."""
        ...


class Conversation(SMTP):
    """Talks to one client.

    Args:
        direction: of the server. Only OUTBOUND offers AUTH, and that without TLS: the connection is a loopback one.
        intake: who takes the mail in.
        room: the server.
        timeout_s: seconds in which nothing comes before the client is let go (RFC 5321 section 4.5.3.2.7: at least five minutes).
    """

    # How much asyncio reads ahead. The length of a line in a message is limited by the message's own limit only.
    line_length_limit = CHUNK_OCTETS
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    envelope: Transaction
    session: Session

    def __init__(self, direction: FlowDirection, intake: Acceptor, room: Room, timeout_s: float) -> None:
        super().__init__(
            None,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident=f"ESMTP local WorkMail, {direction.value.lower()}",
            timeout=timeout_s,
            auth_require_tls=direction is FlowDirection.INBOUND,
            authenticator=self._log_in,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd keeps one table for all connections and adds to it at each EHLO.
        self.command_size_limits = defaultdict(lambda: self.command_size_limit, _SIZES)
        self._direction = direction
        self._intake = intake
        self._room = room
        self._accepting = False

    def dismiss(self, reply: str) -> None:
        """Ends the conversation: at once, or when the message that is being accepted has been answered for."""
        transport = self.transport
        if self._accepting or not isinstance(transport, asyncio.Transport):
            return
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()  # What the client has sent ahead is not looked at any more.
        if transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()  # The client does not read: it would hold the connection for ever.
        else:
            transport.write(reply.encode() + b"\r\n")
            transport.close()
            self._reset_timeout(GOODBYE_S)  # It may not read this either.

    def abort(self) -> None:
        """Ends the connection at once."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    # -- The connection --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._room.entered(self)
        if self._room.closing:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone; what is being accepted goes on, see `smtp_DATA`."""
        super().connection_lost(error)
        self._room.left(self)

    def eof_received(self) -> bool | None:
        """The client says no more but may still listen: what it has sent before is answered. (aiosmtpd would stop at once.)"""
        return asyncio.StreamReaderProtocol.eof_received(self)

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = Incoming(reader, max(_SIZES.values()) + len(b"\r\n"))  # type: ignore[assignment]
        self._writer = writer

    def _create_envelope(self) -> Transaction:
        return Transaction(self._direction, self._intake)

    def _timeout_cb(self) -> None:
        self.dismiss("421 4.4.2 Timeout, closing the connection")

    async def push(self, status: str | bytes) -> None:
        """Sends a reply of one line."""
        line = status.encode("ascii", "replace") if isinstance(status, str) else status
        line = _UNPRINTABLE.sub(b"?", line)
        found = _PLAIN_REPLY.match(line)
        if found:
            line = b"%s %s %s" % (found[1], _ENHANCED.get(found[1], found[2] + b".0.0"), line[found.end() :])
        await self._send(line[:_MAX_REPLY_OCTETS])

    async def _send(self, *lines: bytes) -> None:
        self._writer.write(b"".join(line + b"\r\n" for line in lines))
        await self._writer.drain()

    async def handle_exception(self, error: Exception) -> str:
        """The reply when a command fails: the client keeps its message and tries again."""
        if not isinstance(error, TemporarilyRefused):
            _LOG.error("an SMTP command failed: %s", type(error).__name__)
        return "451 4.3.0 The message cannot be taken now, try again later"

    # -- Commands --

    async def smtp_HELO(self, hostname: str) -> None:
        """RFC 5321 section 4.1.1.1."""
        await self._greet(hostname, extended=False)

    async def smtp_EHLO(self, hostname: str) -> None:
        """RFC 5321 section 4.1.1.1."""
        await self._greet(hostname, extended=True)

    async def _greet(self, hostname: str, *, extended: bool) -> None:
        if not hostname:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        self.envelope = self._create_envelope()
        self.session.host_name = hostname
        self.session.extended_smtp = extended
        lines = [self.hostname]
        if extended:
            lines += [f"SIZE {MAX_MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
            lines += ["AUTH PLAIN LOGIN"] if self._offers_auth else []
        marks = ["-"] * (len(lines) - 1) + [" "]
        await self._send(*(f"250{mark}{line}".encode() for mark, line in zip(marks, lines, strict=True)))

    async def smtp_AUTH(self, arg: str | None) -> None:
        """RFC 4954 section 4."""
        if not self._offers_auth:
            await self.push("502 5.5.1 AUTH is not offered here")
        elif self.envelope.mail_from is not None:
            await self.push("503 5.5.1 AUTH is not permitted during a mail transaction")
        else:
            mechanism, _, response = (arg or "").partition(" ")
            await super().smtp_AUTH(f"{mechanism.upper()} {response}".strip())

    async def smtp_MAIL(self, arg: str | None) -> None:
        """RFC 5321 section 4.1.1.2."""
        if not await self.check_helo_needed():
            await self.push(self.envelope.mail(arg, self.session.auth_data or "", extended=self.session.extended_smtp))

    async def smtp_RCPT(self, arg: str | None) -> None:
        """RFC 5321 section 4.1.1.3."""
        if not await self.check_helo_needed():
            await self.push(self.envelope.rcpt(arg))

    async def smtp_DATA(self, arg: str | None) -> None:
        """RFC 5321 section 4.1.1.4."""
        if await self.check_helo_needed():
            return
        if why_not := self.envelope.refuse_data(arg):
            await self.push(why_not)
            return
        transaction = self.envelope
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        until = self.loop.time() + MAX_CONTENT_S
        raw = await self._reader.content(  # type: ignore[attr-defined]
            MAX_MESSAGE_BYTES, lambda: self._reset_timeout() if self.loop.time() < until else None
        )
        self.envelope = self._create_envelope()
        if raw is None:
            await self.push(f"552 5.3.4 Message size exceeds the limit of {MAX_MESSAGE_BYTES} octets")
            return
        submission = Submission(self._direction, transaction.mail_from or "", tuple(transaction.accepted.values()), raw)
        await self.push(f"250 2.0.0 Ok: queued as {await self._accept(submission)}")
        if self._room.closing:
            self.dismiss("421 4.3.2 Shutting down")

    async def _accept(self, submission: Submission) -> int:
        """A client that hangs up before it reads the 250 stops nothing: it may send the message again, and then has it delivered twice,
        but it never has it lost (RFC 5321 section 4.1.1.4 and RFC 1047). The 250 itself is sent only after `accept` has returned.
        """
        self._accepting = True
        try:
            return await self._room.accept(submission)
        finally:
            self._accepting = False
            if self.transport is not None:
                self._reset_timeout()

    # -- Who is there --

    @property
    def _offers_auth(self) -> bool:
        return self._direction is FlowDirection.OUTBOUND

    def _log_in(self, *given: Any) -> AuthResult:
        """For PLAIN (RFC 4616) and LOGIN alike; whoever may send as himself is known, see `Acceptor.refuse_sender`."""
        data = given[-1]
        assert isinstance(data, LoginPassword)
        user = data.login.decode("utf-8", "replace").strip()
        known = user != "" and self._intake.refuse_sender(self._direction, user, user) is None
        return AuthResult(success=known, handled=False, auth_data=user)
