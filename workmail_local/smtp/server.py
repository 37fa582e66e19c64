"""SMTP servers on aiosmtpd: a port for mail from the Internet, and one for mail that the organization's users send."""

import asyncio
import re
import socket
import ssl
import threading
from collections import defaultdict
from typing import Any, Final
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

from mail_gateway.smtp.connection import EnhancedSmtp
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from workmail_local.config.smtp import Smtp, Tls
from workmail_local.mail.submission import Acceptor
from workmail_local.servers import HOST, ShortageLog, listen
from workmail_local.smtp.handler import Handler
from workmail_local.smtp.login_guard import FAILURES_A_CONNECTION, LoginGuard

TIMEOUT_S: Final = 300.0
"""RFC 5321 section 4.5.3.2.7: at least five minutes for the next command."""

STOP_S: Final = 10.0
"""Seconds for which a server that is stopped waits for messages that are being stored."""

IDENTITY: Final = "ESMTP local WorkMail"
"""A part of the greeting."""

_STOPPING: Final = b"421 4.3.2 The server is being stopped, try again later\r\n"
"""RFC 5321 section 3.8."""

_LINE_OCTETS: Final = {"MAIL": 512 + 26 + 17 + 10 + 500, "AUTH": 12288}
"""Maximum octets of a command line (RFC 5321 section 4.5.3.1.4, RFC 1870 for SIZE, 6152 for 8BITMIME, 6531 for SMTPUTF8, 4954 for AUTH)."""

_AUTH_PARAMETER: Final = re.compile(r"\sAUTH=(?:<>|[^\s=>]+)(?=\s[^>]*$|$)", re.IGNORECASE)
"""Cannot match inside of an address, which may be quoted: no `>` comes after the parameter."""

_ATOM: Final = r"[\w!#-'*+/=^`{-~-]+"
_PLAIN_PATH: Final = re.compile(rf"<({_ATOM}(?:\.{_ATOM})*@[\w-]+(?:\.[\w-]+)*)>(?: *([!-'*-~][!-'*-~ ]*))?", re.ASCII)
"""A path of atoms (RFC 5321 section 4.1.2), and parameters without a comment. Without `?`, it has no encoded word."""


class LocalSmtp(EnhancedSmtp):
    """The server side of one connection to the local WorkMail."""

    line_length_limit = MAX_MESSAGE_BYTES + len(".")
    is_for_users = False
    """Whether AUTH is possible."""

    def __init__(self, handler: Handler, logins: LoginGuard, **options: Any) -> None:
        super().__init__(handler, authenticator=self._log_in, **options)
        self._logins = logins
        self._failed_logins = 0

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Return the address at the start of an argument, and the parameters after it; None for a malformed address.

        The `email` package, with which aiosmtpd reads any address, needs 80 times as long for a plain one.
        """
        plain = _PLAIN_PATH.fullmatch(arg)
        return (plain[1], plain[2] or "") if plain else super()._getaddr(arg)

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds the method by the name of the command
        """Begin a message. Where AUTH is offered, the parameter AUTH is accepted and ignored, as RFC 4954 section 5 requires."""
        if arg and self.is_for_users and self.session and self.session.extended_smtp:
            arg = _AUTH_PARAMETER.sub("", arg, count=1)
        await super().smtp_MAIL(arg)

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds the method by the name of the command
        """Log in a user. The name of the mechanism may be in any case (RFC 4954 section 4).

        Each failure makes the next try slower; after some, the connection is closed.
        """
        if not self.is_for_users:
            await self.push("502 5.5.1 AUTH is not offered")
            return
        await asyncio.sleep(self._logins.pause(self._address))
        # Asked after the pause, because several connections of an address may wait at the same time.
        if not self._logins.is_refused(self._address):
            mechanism, space, response = (arg or "").partition(" ")
            await super().smtp_AUTH(mechanism.upper() + space + response)
        if self._logins.is_refused(self._address) or self._failed_logins >= FAILURES_A_CONNECTION:
            await self.push("421 4.7.0 Too many failed logins, try again later")
            if self.transport:
                self.transport.close()

    @property
    def _address(self) -> str:
        """The client's IP address."""
        return str(self.session.peer[0]) if self.session and self.session.peer else ""

    def _log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
        result = self.event_handler.log_in(data)
        assert isinstance(result, AuthResult)
        if result.success:
            self._logins.forget(self._address)
        else:
            self._failed_logins += 1
            self._logins.add_failure(self._address)
        return result


class SmtpServer:
    """One port, in a thread with an event loop of its own. `Acceptor` is called in that loop.

    Args:
        direction: INBOUND for mail from the Internet, without AUTH. OUTBOUND for submission, with AUTH.
        acceptor: decides who may send to whom, and stores the mail.
        host: the loopback interface by default.
        port: 0 for one that the system chooses.
        settings: TLS and logins, for OUTBOUND.
        tls: the context of TLS; None to offer none.
        timeout_s: seconds without a valid command before the connection is closed. The content of a message counts as part of DATA.

    Attributes:
        host, port: where the server listens, once it is started.
    """

    def __init__(
        self,
        direction: FlowDirection,
        acceptor: Acceptor,
        *,
        host: str = HOST,
        port: int = 0,
        settings: Smtp | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.port = port
        self.host = host
        self._direction = direction
        # Other organizations log in nowhere, and their servers begin without TLS.
        self._settings = settings if settings and direction is FlowDirection.OUTBOUND else Smtp()
        self._handler = Handler(direction, acceptor, login_required=self._settings.login_required)
        self._tls = tls
        self._logins = LoginGuard()
        self._timeout_s = timeout_s
        self._stop_s = STOP_S
        self._runner = asyncio.Runner()
        self._stopping = asyncio.Event()
        self._connections: WeakSet[LocalSmtp] = WeakSet()
        self._thread = threading.Thread(target=self._run, name=f"smtp-{direction.value.lower()}", daemon=True)

    def start(self) -> None:
        """Start to answer clients.

        Raises:
            ServerError: the port is in use or not allowed.
        """
        self._socket = listen(self.port, self.host)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: a client that reads no replies is disconnected
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._timeout_s * 1000))
        self.port = self._socket.getsockname()[1]
        self._loop = self._runner.get_loop()
        self._thread.start()

    def stop(self, *, wait_s: float = STOP_S) -> None:
        """Store and acknowledge the messages that have arrived, close all connections, and end the thread.

        Args:
            wait_s: seconds to wait for messages that are being stored. One that needs longer gets no reply and may or may not be stored.
        """
        if self._thread.is_alive():
            self._stop_s = wait_s
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        with self._runner as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """Serve until `stop`; then the runner cancels what is left, and aiosmtpd closes each connection."""
        self._loop.set_exception_handler(ShortageLog().handle)
        context = self._tls if self._is_implicit else None
        server = await self._loop.create_server(self._create_connection, sock=self._socket, ssl=context)
        await self._stopping.wait()
        server.close()
        await self._handler.wait_until_stored(self._stop_s)
        for connection in self._connections:
            if isinstance(connection.transport, asyncio.WriteTransport) and not connection.transport.is_closing():
                connection.transport.write(_STOPPING)
                if connection.is_encrypted:
                    # Its end would wait for the client's, and the loop ends before.
                    connection.transport.abort()

    @property
    def _is_implicit(self) -> bool:
        """Whether a connection begins with TLS."""
        return self._settings.tls is Tls.IMPLICIT

    def _create_connection(self) -> SMTP:
        requires_tls = self._settings.tls is Tls.REQUIRED
        smtp = LocalSmtp(
            self._handler,
            self._logins,
            hostname="localhost",
            ident=f"{IDENTITY}, {self._direction.value.lower()}",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            timeout=self._timeout_s,
            tls_context=None if self._is_implicit else self._tls,
            require_starttls=requires_tls,
            auth_require_tls=requires_tls,
            loop=self._loop,
        )
        self._connections.add(smtp)
        smtp.is_for_users = self._direction is FlowDirection.OUTBOUND
        # aiosmtpd has one table for all connections, and adds to it at each EHLO.
        smtp.command_size_limits = defaultdict(lambda: smtp.command_size_limit, _LINE_OCTETS)
        return smtp
