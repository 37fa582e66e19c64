"""The answers to SMTP commands (RFC 5321), as a handler of aiosmtpd."""

# ruff: noqa: N802 - aiosmtpd finds a method by the name of the command

import asyncio
import logging
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from mailhooks.address_patterns import canonical
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_RECIPIENTS
from mailhooks.relay.addresses import is_mailbox
from workmail_local.mail.submission import Acceptor, Submission, TemporarilyRefused
from workmail_local.smtp.ehlo_keywords import list_ehlo_keywords

_LOG = logging.getLogger(__name__)
_NULL_PATH = "<>"
"""The null reverse-path as aiosmtpd writes it."""

_NEEDS_SMTPUTF8 = "553 5.6.7 A non-ASCII address needs SMTPUTF8"
"""RFC 6531 section 3.5."""


class Handler:
    """Answers the commands of one port.

    QUIRK: aiosmtpd reads addresses with the `email` package, which drops comments in them and decodes encoded words.

    Args:
        direction: of the port.
        acceptor: decides who may send to whom, and stores the mail.
        login_required: whether a client has to log in before it sends mail.
    """

    def __init__(self, direction: FlowDirection, acceptor: Acceptor, *, login_required: bool = False) -> None:
        self._direction = direction
        self._acceptor = acceptor
        self._login_required = login_required
        self._storing: set[asyncio.Task[str]] = set()

    async def handle_HELO(self, server: SMTP, session: Session, _envelope: Envelope, hostname: str) -> bytes:
        """Answer HELO (RFC 5321 section 4.1.1.1)."""
        session.host_name = hostname
        return f"250 {server.hostname}".encode()

    async def handle_EHLO(self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, lines: list[str]) -> list[bytes]:
        """Answer EHLO (RFC 5321 section 4.1.1.1). The lines are bytes: see `EnhancedSmtp.push`. aiosmtpd has others in `lines`."""
        session.host_name = hostname
        offers_auth = self._direction is FlowDirection.OUTBOUND and any(line.startswith("250-AUTH ") for line in lines)
        keywords = list_ehlo_keywords(offers_tls="250-STARTTLS" in lines, offers_auth=offers_auth)
        *lines, last = server.hostname, *keywords
        return [*(f"250-{line}".encode() for line in lines), f"250 {last}".encode()]

    async def handle_MAIL(self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        """Answer MAIL (RFC 5321 section 4.1.1.2)."""
        if self._login_required and not session.authenticated:
            return "530 5.7.0 Authentication required"
        sender = "" if address == _NULL_PATH else address
        if sender and not is_mailbox(sender):
            return "501 5.1.7 Syntax: MAIL FROM:<address>"
        if not (sender.isascii() or envelope.smtp_utf8):
            return _NEEDS_SMTPUTF8
        refusal = self._acceptor.refuse_sender(self._direction, sender, session.auth_data or "")
        if refusal:
            return refusal
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        """Answer RCPT (RFC 5321 section 4.1.1.3). An address that was accepted before is accepted again and counts once."""
        if not is_mailbox(address) and address.lower() != "postmaster":
            return "501 5.1.3 Syntax: RCPT TO:<address>"
        if not (address.isascii() or envelope.smtp_utf8):
            return _NEEDS_SMTPUTF8
        if canonical(address) in map(canonical, envelope.rcpt_tos):
            return "250 2.1.5 Ok"
        refusal = self._acceptor.refuse_recipient(self._direction, address)
        if refusal:
            return refusal
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            # RFC 5321 section 4.5.3.1.10: the client sends the message again to the recipients that are left.
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Answer the end of the content (RFC 5321 section 4.1.1.4): 250 only after the message is stored.

        A client that hangs up before it reads the reply does not stop the storing: it may send the message again, so that the message is
        delivered twice, but it is never lost (RFC 1047).
        """
        sender = "" if envelope.mail_from in (None, _NULL_PATH) else str(envelope.mail_from)
        submission = Submission(self._direction, sender, tuple(envelope.rcpt_tos), envelope.original_content or b"")
        task = asyncio.ensure_future(self._store(submission))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        return await asyncio.shield(task)

    async def _store(self, submission: Submission) -> str:
        try:
            return f"250 2.0.0 Ok: queued as {await self._acceptor.accept(submission)}"
        except Exception as error:  # noqa: BLE001 - the client keeps the message after any error
            return _refuse_for_now(error)

    async def handle_AUTH(self, _server: SMTP, _session: Session, envelope: Envelope, _arguments: list[str]) -> str | Any:
        """Refuse AUTH within a transaction (RFC 4954 section 4)."""
        return MISSING if envelope.mail_from is None else "503 5.5.1 AUTH is not permitted during a mail transaction"

    async def handle_exception(self, error: Exception) -> str:
        """Return the reply to a command that failed."""
        # QUIRK: the `email` package, with which aiosmtpd reads addresses, ends so for hundreds of brackets.
        return "501 5.1.3 Syntax: the address is too complex" if isinstance(error, RecursionError) else _refuse_for_now(error)

    def log_in(self, data: LoginPassword) -> AuthResult:
        """Log in a user of the organization."""
        user, password = (each.decode("utf-8", "replace") for each in (data.login, data.password))
        accepted = self._acceptor.accepts_login(user.strip(), password)
        return AuthResult(success=accepted, handled=False, auth_data=user.strip())

    async def wait_until_stored(self, timeout_s: float) -> None:
        """Wait for the messages that are being stored, at most `timeout_s` seconds."""
        if self._storing:
            await asyncio.wait(self._storing, timeout=timeout_s)


def _refuse_for_now(error: Exception) -> str:
    """Return the reply after which the client keeps its message and tries again."""
    if not isinstance(error, TemporarilyRefused):
        _LOG.error("an SMTP command failed: %s", type(error).__name__)
    return "451 4.3.0 The message cannot be stored now, try again later"
