"""One client connection to a listener: the commands, whose answers are those of the next host."""

# ruff: noqa: N802 - aiosmtpd finds a method by the name of the command

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiosmtpd.smtp import syntax

from mail_gateway.config import ListenerConfiguration, Tls
from mail_gateway.config import Protocol as MailProtocol
from mail_gateway.report import GatewayLog
from mail_gateway.smtp.commands import (
    XFORWARD_ATTRIBUTES,
    CommandRefused,
    check_recipient,
    check_sender,
    parse_mail_parameters,
    parse_path,
    parse_xforward,
)
from mail_gateway.smtp.connection import EnhancedSmtp
from mail_gateway.smtp.content import read_content
from mail_gateway.smtp.next_host import HostLimits, NextHostConnection, NextHostFailed, Withdrawn
from mail_gateway.smtp.passing_on import Checked, PassingOn, Transaction
from mail_gateway.smtp.replies import TOO_LARGE, is_positive, make_reply, reply_to_error
from mail_gateway.smtp.reports import SentReports
from mail_gateway.tls import has_name
from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.received import Received
from mailhooks.relay.replies import Reply
from mailhooks.relay.trace_fields import Client

MAX_RECIPIENTS: Final = 1000
"""Of one message. RFC 5321 section 4.5.3.1.8 wants at least 100."""

COMMAND_TIMEOUT_S: Final = 300.0
"""RFC 5321 section 4.5.3.2.7: at least five minutes for the next command."""

CONTENT_TIMEOUT_S: Final = 1800.0
"""For the content of a message as a whole, so that a client that sends an octet a minute does not stay for hours."""

_LINE_OCTETS: Final = {"MAIL": 512 + 26 + 17 + 10 + 500, "RCPT": 512 + 500, "XFORWARD": 512}
"""Maximum octets of a command line (RFC 5321 section 4.5.3.1.4, RFC 1870 for SIZE, 6152 for 8BITMIME, 6531 for SMTPUTF8)."""

_CALLS: Final = {"NOOP": 1000, "RSET": 10_000, "HELP": 100, "VRFY": 100, "HELO": 100, "EHLO": 100, "LHLO": 100, "*": 1_000_000}
"""The number of times a client may send a command."""

STOPPING: Final = b"421 4.3.2 This host is being stopped, try again later\r\n"
"""RFC 5321 section 3.8."""

_TRY_AGAIN: Final = make_reply(451, "4.3.0", "The message cannot be passed on now, try again later")
_NOT_SMTP: Final = "502 5.5.1 This command is not offered"
_IN_TRANSACTION: Final = "503 5.5.1 MAIL has begun a message already"


class Evaluate(Protocol):
    """Evaluates a message in a thread, so that it delays no other session, and checks the copies to pass on."""

    async def __call__(self, received: Received, limits: HostLimits, *, split: bool, waits: Callable[[], bool]) -> Checked:
        """Return the checked disposition. Raises TryAgain, Refused, and Withdrawn if the client does not wait any more."""
        ...


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What the sessions of a listener share.

    Attributes:
        connect: returns a connection to the next host, which is opened at its first command.
        admit: returns the reply with which the client at an address is refused; b"" to accept it.
        tasks: the ends of connections to the next host that are under way.
    """

    evaluate: Evaluate
    connect: Callable[[], NextHostConnection]
    log: GatewayLog
    admit: Callable[[object], bytes]
    sent: SentReports = field(default_factory=SentReports)
    sessions: "set[GatewaySession]" = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class _Hooks:
    """The hooks of aiosmtpd that are not commands."""

    def __init__(self, log: GatewayLog) -> None:
        self._log = log

    def handle_STARTTLS(self, server: "GatewaySession", *_: object) -> bool:
        """Return whether the client may send mail after the TLS handshake."""
        return server.accepts_certificate()

    async def handle_exception(self, error: Exception) -> str:
        """Return the reply to a command that failed unexpectedly: the client keeps the message."""
        self._log.warn("a command failed", type(error).__name__)
        return str(_TRY_AGAIN)


class GatewaySession(EnhancedSmtp):
    """The server side of a connection to a listener.

    Attributes:
        is_busy: whether the client sends a message, or waits for the reply to it.
    """

    line_length_limit = 64 * 1024
    """Octets that are read at once, and so of a command."""

    def __init__(self, configuration: ListenerConfiguration, services: SessionServices, context: ssl.SSLContext | None) -> None:
        super().__init__(
            _Hooks(services.log),
            hostname=configuration.listener.host_name,
            ident="LMTP" if configuration.protocol is MailProtocol.LMTP else "ESMTP",
            data_size_limit=None,
            enable_SMTPUTF8=True,
            timeout=COMMAND_TIMEOUT_S,
            tls_context=context,
            # With this, aiosmtpd refuses LHLO too: with LMTP, `_require_greeting` refuses the commands that need TLS.
            require_starttls=configuration.tls is Tls.REQUIRED and configuration.protocol is not MailProtocol.LMTP,
            command_call_limit=_CALLS,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd has one table for all connections.
        self.command_size_limits = defaultdict(lambda: self.command_size_limit, _LINE_OCTETS)
        self.is_busy = False
        self._configuration = configuration
        self._services = services
        self._is_lmtp = configuration.protocol is MailProtocol.LMTP
        self._is_refused = False
        self._host: NextHostConnection | None = None
        self._attributes: dict[str, str] = {}
        self._transaction: Transaction | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection, or begin it again with TLS. A client that may not connect gets a reply in place of the greeting."""
        if self not in self._services.sessions:
            assert isinstance(transport, asyncio.WriteTransport)
            refusal = self._services.admit(transport.get_extra_info("peername"))
            if refusal:
                self._is_refused = True
                transport.write(refusal)
                transport.close()
                return
            self._services.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End the connection. A message whose end was not passed on is not: the client gets no reply and sends it again."""
        if not self._is_refused:
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return False if self._is_refused else super().eof_received()

    def accepts_certificate(self) -> bool:
        """Return whether the client's certificate has a name of the configuration, or none is needed."""
        names = self._configuration.client_names
        if not names or (self.transport and has_name(self.transport.get_extra_info("peercert"), names)):
            return True
        self._services.log.warn("a client is refused", "its certificate is missing or has another name")
        return False

    def stop(self) -> None:
        """End the connection, unless it is busy."""
        if not self.is_busy and isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self.transport.write(STOPPING)
            self.transport.close()

    def cut_off(self) -> None:
        """End the connection at once. A client without a reply keeps its message."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def _handle_client(self) -> None:
        try:
            await super()._handle_client()
        finally:
            if self._host:
                # A task of its own: this one may be cancelled once more.
                task = self.loop.create_task(self._host.quit())
                self._services.tasks.add(task)
                task.add_done_callback(self._services.tasks.discard)
            self._services.sessions.discard(self)

    # Commands

    async def smtp_EHLO(self, hostname: str) -> None:
        """Answer EHLO, with our extensions (RFC 5321 section 4.1.1.1)."""
        await (self.push(_NOT_SMTP) if self._is_lmtp else self._greet(hostname, extended=True))

    async def smtp_HELO(self, hostname: str) -> None:
        """Answer HELO."""
        await (self.push(_NOT_SMTP) if self._is_lmtp else self._greet(hostname, extended=False))

    async def smtp_LHLO(self, hostname: str) -> None:
        """Answer LHLO (RFC 2033 section 4.1)."""
        await (self._greet(hostname, extended=True) if self._is_lmtp else self.push(_NOT_SMTP))

    async def _greet(self, hostname: str | None, *, extended: bool) -> None:
        if not hostname:
            await self.push("501 5.5.4 Syntax: the command and your host name")
            return
        assert self.session
        self._transaction, self._attributes = None, {}
        self.session.host_name, self.session.extended_smtp = hostname, extended
        keywords = [
            f"SIZE {self._configuration.max_message_octets}",
            "8BITMIME",
            "SMTPUTF8",
            "PIPELINING",
            "ENHANCEDSTATUSCODES",
            f"XFORWARD {' '.join(XFORWARD_ATTRIBUTES)}",
            *(["STARTTLS"] if self.tls_context and not self.is_encrypted else []),
        ]
        *lines, last = [self.hostname, *(keywords if extended else [])]
        await self.push("\r\n".join([*(f"250-{line}" for line in lines), f"250 {last}"]).encode())

    async def smtp_XFORWARD(self, arg: str | None) -> None:
        """Remember what the client knows of its own client, for the next host (Postfix, XFORWARD_README)."""
        await self._answer(self._xforward(arg))

    async def _xforward(self, arg: str | None) -> Reply:
        self._require_greeting()
        if self._transaction:
            raise CommandRefused(_IN_TRANSACTION)
        self._attributes |= parse_xforward(arg)
        return make_reply(250, "2.0.0", "Ok")

    @syntax("MAIL FROM:<address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a message, at the next host too."""
        await self._answer(self._mail(arg))

    async def _mail(self, arg: str | None) -> Reply:
        extended = self._require_greeting()
        path = parse_path(arg, "FROM", extended=extended)
        if self._transaction:
            raise CommandRefused(_IN_TRANSACTION)
        parameters = parse_mail_parameters(path.parameters, self._configuration.max_message_octets)
        check_sender(path.address, smtputf8=parameters.smtputf8)
        self._host = self._host or self._services.connect()
        reply = await self._host.begin(path.address, parameters, self._attributes)
        if is_positive(reply):
            self._transaction = Transaction(path.address, parameters, self._attributes)
        return reply

    @syntax("RCPT TO:<address>")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """Add a recipient whom the next host accepts."""
        await self._answer(self._rcpt(arg))

    async def _rcpt(self, arg: str | None) -> Reply:
        extended = self._require_greeting()
        transaction = self._require_transaction()
        path = parse_path(arg, "TO", extended=extended)
        if path.parameters:
            raise CommandRefused("555 5.5.4 RCPT has no parameters here")
        check_recipient(path.address, smtputf8=transaction.parameters.smtputf8)
        if len(transaction.accepted) >= MAX_RECIPIENTS:
            # RFC 5321 section 4.5.3.1.10: the client sends the message again to the recipients that are left.
            raise CommandRefused("452 4.5.3 Too many recipients")
        assert self._host
        if path.address in transaction.accepted:
            reply = make_reply(250, "2.1.5", "Ok")
        else:
            reply = await self._host.add_recipient(path.address)
        if is_positive(reply):
            transaction.accepted.append(path.address)
        return reply

    async def smtp_RSET(self, arg: str | None) -> None:
        """Forget the message. The next host does so at the next message."""
        if arg:
            await self.push("501 5.5.4 Syntax: RSET")
            return
        self._transaction, self._attributes = None, {}
        await self.push("250 2.0.0 Ok")

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: ARG002 - aiosmtpd's signature
        """Refuse AUTH: networks and certificates decide who may send mail."""
        await self.push(_NOT_SMTP)

    async def smtp_DATA(self, arg: str | None) -> None:
        """Receive the content of a message, evaluate it, pass it on, and answer."""
        try:
            transaction = self._data(arg)
        except CommandRefused as refused:
            await self.push(str(refused))
            return
        self.is_busy = True
        try:
            await self._receive(transaction)
        finally:
            self.is_busy = False
            self._transaction, self._attributes = None, {}

    def _data(self, arg: str | None) -> Transaction:
        self._require_greeting()
        transaction = self._require_transaction()
        if arg:
            raise CommandRefused("501 5.5.4 Syntax: DATA")
        if not transaction.accepted:
            raise CommandRefused("503 5.5.1 No recipient is accepted")
        return transaction

    async def _receive(self, transaction: Transaction) -> None:
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        try:
            async with asyncio.timeout(CONTENT_TIMEOUT_S):
                content = await read_content(self._reader, self._configuration.max_message_octets, self._reset_timeout)
        except TimeoutError:
            await self.push("421 4.4.2 The message does not come to its end")
            self._close()
            return
        if self._timeout_handle:
            self._timeout_handle.cancel()  # from here on, the client waits for us
        try:
            replies = await self._handle_message(transaction, content)
        except Withdrawn:
            self._close()
            return
        await self.push("\r\n".join(map(str, replies)).encode())
        self._reset_timeout()

    async def _handle_message(self, transaction: Transaction, content: bytes | None) -> list[Reply]:
        """Evaluate a message and pass it on. Return the replies: one for each accepted recipient with LMTP, else one."""
        try:
            if content is not None:
                return await self._pass_on(transaction, content)
            reply = TOO_LARGE
        except (TryAgain, Refused) as error:
            reply = reply_to_error(error)
        except Withdrawn:
            self._services.log.warn("a message is not passed on", "the client did not wait")
            raise
        except Exception as error:  # noqa: BLE001 - the client keeps the message after any error
            self._services.log.warn("a message is not passed on", type(error).__name__)
            reply = _TRY_AGAIN
        return [reply] * (len(transaction.accepted) if self._is_lmtp else 1)

    async def _pass_on(self, transaction: Transaction, content: bytes) -> list[Reply]:
        assert self._host
        received = Received(transaction.sender, transaction.recipients, content, self._describe_client())
        host = self._host
        checked = await self._services.evaluate(received, host.limits, split=self._is_lmtp, waits=self._waits)
        passing = PassingOn(host, transaction, checked, self._services.sent, has_reply_each=self._is_lmtp, may_end=self._waits)
        try:
            return await passing.run()
        finally:
            # After the replies are sent: nothing may delay them once the next host has accepted the message.
            self.loop.call_soon(self._log_notes, passing.notes, checked.disposition.invocation_id)

    def _log_notes(self, notes: list[str], invocation_id: str) -> None:
        for note in dict.fromkeys(notes):
            self._services.log.warn("a message is not passed on as it should be", note, invocation_id=invocation_id)

    def _describe_client(self) -> Client:
        assert self.session
        peer = self.session.peer
        name = "LMTP" if self._is_lmtp else "ESMTP" if self.session.extended_smtp else "SMTP"
        return Client(
            self.session.host_name or "", str(peer[0]) if isinstance(peer, tuple) else "", name + ("S" if self.is_encrypted else "")
        )

    # Helpers of the commands

    async def _answer(self, work: Awaitable[Reply]) -> None:
        try:
            reply = str(await work)
        except CommandRefused as refused:
            reply = str(refused)
        except NextHostFailed as failed:
            self._services.log.warn("a command is not passed on", failed.reason)
            reply = str(failed.reply)
        await self.push(reply.encode())

    def _require_greeting(self) -> bool:
        """Return whether the client knows extensions. Raises CommandRefused before TLS that is required, and before its greeting."""
        assert self.session
        if self._configuration.tls is Tls.REQUIRED and not self.is_encrypted:
            raise CommandRefused("530 5.7.0 Send STARTTLS first")
        if not self.session.host_name:
            raise CommandRefused(f"503 5.5.1 Send {'LHLO' if self._is_lmtp else 'EHLO'} first")
        return bool(self.session.extended_smtp)

    def _require_transaction(self) -> Transaction:
        if self._transaction is None:
            raise CommandRefused("503 5.5.1 Send MAIL first")
        return self._transaction

    def _waits(self) -> bool:
        """Whether the client waits for the reply. One that closed the connection without QUIT sends the message again."""
        return self.transport is not None and not self.transport.is_closing() and not self._reader.at_eof()

    def _close(self) -> None:
        if self.transport:
            self.transport.close()
