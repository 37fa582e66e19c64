"""A real SMTP server that keeps what it gets: a gateway, or a server for released messages."""

# ruff: noqa: N802 - aiosmtpd finds a method by the name of the command

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.servers.certificates import ServerCertificate

REFUSED = "refused@example.net"


class Recorder:
    """Accepts mail, but for one recipient. The password is `secret`.

    Attributes:
        reply: to the end of a message; "" closes the connection in its place.
        received: sender, recipients and content of each message.
        encrypted: for each message, whether it came by TLS.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str | None, list[str], bytes]] = []
        self.encrypted: list[bool] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.reply = "250 2.0.0 Ok"
        self.port = 0

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        if address == REFUSED:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
        if not self.reply:
            server.transport.abort()
        return self.reply

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)


@contextmanager
def recording(certificate: ServerCertificate | None = None, *, implicit_tls: bool = False) -> Iterator[Recorder]:
    """Run a server on the loopback interface: with STARTTLS, or with TLS from the start, if it has a certificate."""
    recorder = Recorder()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.chain, certificate.key)
    loop = asyncio.new_event_loop()
    # Controller cannot choose a free port: it connects to the port that it was given.
    controller = UnthreadedController(
        recorder,
        "127.0.0.1",
        0,
        loop=loop,
        ssl_context=context if implicit_tls else None,
        decode_data=False,
        enable_SMTPUTF8=True,
        authenticator=recorder.authenticate,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],
        tls_context=None if implicit_tls else context,
    )
    controller.begin()
    assert isinstance(controller.server, asyncio.Server)
    recorder.port = controller.server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield recorder
    finally:
        asyncio.run_coroutine_threadsafe(controller.finalize(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
