"""Releases a message: sends it, as it is after the rules, to the real SMTP server of the configuration. Only on request."""

import os
import re
import smtplib
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Final

from mailhooks.relay.addresses import is_mailbox
from workmail_local.config.configuration import Configuration
from workmail_local.config.release import Encryption, ReleaseServer
from workmail_local.errors import InvalidField, LocalError, NotNow, UnknownMessage
from workmail_local.mail.history import History, MessageTrace, RuleRun
from workmail_local.mail.release import Release, ReleaseOutcome, ReleaseResult
from workmail_local.mail.verdict import unique_addresses
from workmail_local.queue.release_log import ReleaseLog
from workmail_local.queue.smtp_client import format_reply, transfer

_MAX_RECIPIENTS: Final = 100
_CONNECT_S: Final = 15.0
"""Seconds for the connection and for each reply before the message."""

_SEND_S: Final = 300.0
"""Seconds in which the message is sent, and in which its reply arrives."""

_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")

_NO_SERVER: Final = "there is no SMTP server for released messages: add [release] to workmail.toml"


class AlreadyReleased(NotNow):
    """A message was released before, and the caller does not know it."""


class ReleaseFailed(LocalError):
    """The message was sent to no recipient, or it is not known whether it was.

    Attributes:
        release: what was tried.
    """

    def __init__(self, release: Release, text: str) -> None:
        super().__init__(text)
        self.release = release


class Releases:
    """Releases messages, and remembers what was sent to whom.

    Args:
        history: the stored messages.
        log: the earlier releases.
        configuration: returns the current configuration.
        report: is called with a sentence about each release.
    """

    def __init__(
        self, history: History, log: ReleaseLog, configuration: Callable[[], Configuration], report: Callable[[str], None]
    ) -> None:
        self._history = history
        self._log = log
        self._configuration = configuration
        self._report = report
        self._lock = threading.Lock()
        self._sending: set[int] = set()

    def list(self, trace: MessageTrace) -> tuple[Release, ...]:
        """Return the releases of a message, oldest first."""
        return self._log.find({run.message_id for run in trace.rule_runs})

    def release(self, number: int, recipients: Sequence[str], *, run_number: int = 1, known: int = 0) -> Release:
        """Send a message, as it is after a rule run, to these recipients.

        Args:
            run_number: of the rule run, 1 for the first.
            known: how many earlier releases of the message the caller knows, of those that may have arrived.

        Raises:
            UnknownMessage: no message has this number.
            NotNow: the configuration has no server, the function has not answered yet, or the message is being released.
            AlreadyReleased: there are more earlier releases than the caller knows.
            InvalidField: a recipient is no address, or not allowed; there is no such rule run.
            LocalError: the message or the password cannot be sent, or the release cannot be stored.
            ReleaseFailed: the server accepted the message for no recipient.
        """
        configuration = self._configuration()
        server = configuration.release
        if server is None:
            raise NotNow(_NO_SERVER)
        trace = self._history.trace(number)
        if trace is None:
            raise UnknownMessage(f"there is no message {number}")
        run = _find_run(trace, run_number)
        mail_from = server.mail_from or trace.summary.mail_from
        content = self._history.content(run.message_id)
        if content is None:
            raise UnknownMessage(f"message {number} is no longer stored")
        _check_content(content, mail_from)
        addresses = check_recipients(server, recipients)
        with self._reserve(number):
            earlier = [release for release in self.list(trace) if release.may_have_arrived]
            if len(earlier) > known:
                to = ", ".join(dict.fromkeys(result.recipient for release in earlier for result in release.outcomes))
                raise AlreadyReleased(f"message {number} was released before, to {to}: confirm to send it again")
            outcomes = tuple(ReleaseResult(address, ReleaseOutcome.UNKNOWN) for address in addresses)
            release = Release(uuid.uuid4().hex, run.message_id, time.time(), server.name, mail_from, outcomes)
            # Before the message is sent: a crash must not hide it.
            try:
                self._log.write(release)
            except OSError as error:
                raise LocalError(f"releases.jsonl cannot be written, so nothing is sent: {error.strerror}") from error
            release = release._replace(outcomes=_send(server, release, content, configuration.domains[0]))
            try:
                self._log.write(release)
            except OSError as error:
                # What the log has is "unknown", so that the next release needs a confirmation.
                self._report(f"releases.jsonl cannot be written: {error.strerror or type(error).__name__}")
        self._report(_describe(number, release))
        if not release.find(ReleaseOutcome.SENT):
            reasons = dict.fromkeys(result.reply for result in release.outcomes)
            raise ReleaseFailed(release, f"message {number} was not released by {server.name}: {'; '.join(reasons)}")
        return release

    @contextmanager
    def _reserve(self, number: int) -> Iterator[None]:
        """Let no other thread release this message meanwhile, so that a form that is sent twice sees its first release."""
        with self._lock:
            if number in self._sending:
                raise NotNow(f"message {number} is being released: wait for the result")
            self._sending.add(number)
        try:
            yield
        finally:
            with self._lock:
                self._sending.remove(number)


def check_recipients(server: ReleaseServer, recipients: Sequence[str]) -> list[str]:
    """Return the recipients, each once. Raises InvalidField when the message must not be released to one of them."""
    addresses = list(unique_addresses(recipients).values())
    if not 1 <= len(addresses) <= _MAX_RECIPIENTS:
        raise InvalidField("release_to", f"Release to: give 1 to {_MAX_RECIPIENTS} addresses.")
    for address in addresses:
        if not is_mailbox(address):
            raise InvalidField("release_to", f"Release to: {address!r} is not an address.")
        if not server.allows(address):
            raise InvalidField("release_to", f"Release to: {address} is not in allowed-recipients of [release] in workmail.toml.")
    return addresses


def _find_run(trace: MessageTrace, number: int) -> RuleRun:
    if not 1 <= number <= len(trace.rule_runs):
        raise InvalidField("run", f"Rule run: message {trace.summary.number} has {len(trace.rule_runs)}.")
    run = trace.rule_runs[number - 1]
    if not run.results:
        raise NotNow(f"message {trace.summary.number} cannot be released yet: its function has not answered")
    return run


def _check_content(content: bytes, mail_from: str) -> None:
    if mail_from and not is_mailbox(mail_from):
        raise LocalError("the message has a sender that SMTP cannot carry: set mail-from in [release]")
    # RFC 5321 section 2.3.8: a server may read another end of the message at a line end that is not CRLF.
    if _BARE.search(content):
        raise LocalError("the message has a line end that is not CRLF, which SMTP forbids")


def _send(server: ReleaseServer, release: Release, content: bytes, hostname: str) -> tuple[ReleaseResult, ...]:
    """Send the message; return the outcome for each recipient. Nothing has been sent when this raises an error."""
    recipients = [result.recipient for result in release.outcomes]
    begun = False
    try:
        with closing(_connect(server, hostname)) as client:
            if server.user:
                client.login(server.user, _read_password(server))
            if client.sock:
                client.sock.settimeout(_SEND_S)
            begun = True
            refused = transfer(client, release.mail_from, recipients, content)
            with suppress(OSError):
                client.quit()
    except smtplib.SMTPResponseException as error:
        why, outcome = format_reply(error.smtp_code, error.smtp_error), ReleaseOutcome.REFUSED
    except OSError as error:  # also SMTPException
        why, outcome = _explain(server, error), ReleaseOutcome.UNKNOWN if begun else ReleaseOutcome.REFUSED
    except LocalError as error:
        why, outcome = str(error), ReleaseOutcome.REFUSED
    except UnicodeError:
        why, outcome = "the user, the password or the host has characters that SMTP cannot carry", ReleaseOutcome.REFUSED
    else:
        return tuple(
            ReleaseResult(each, ReleaseOutcome.REFUSED if each in refused else ReleaseOutcome.SENT, refused.get(each, ""))
            for each in recipients
        )
    return tuple(ReleaseResult(each, outcome, why) for each in recipients)


def _connect(server: ReleaseServer, hostname: str) -> smtplib.SMTP:
    if server.tls is Encryption.TLS:
        return smtplib.SMTP_SSL(server.host, server.port, hostname, timeout=_CONNECT_S, context=_create_context(server))
    client = smtplib.SMTP(server.host, server.port, hostname, timeout=_CONNECT_S)
    try:
        if server.tls is Encryption.STARTTLS:
            client.starttls(context=_create_context(server))
    except BaseException:
        client.close()
        raise
    return client


def _create_context(server: ReleaseServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise LocalError(f"ca-file in [release] cannot be used: {error.strerror or error}") from error


def _read_password(server: ReleaseServer) -> str:
    password = os.environ.get(server.password_variable)
    if not password:
        name = server.password_variable
        raise LocalError(f"the environment variable {name} is not set: set it to the password of [release], and start WorkMail again")
    return password


def _explain(server: ReleaseServer, error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {server.host} is not valid: {error.verify_message}"
        case smtplib.SMTPNotSupportedError():
            return f"the server lacks an extension: {error}"
        case smtplib.SMTPException():
            return f"the connection ended ({error})"
        case TimeoutError():
            return "the server did not answer in time"
    return f"the server cannot be reached: {error.strerror or error}"


def _describe(number: int, release: Release) -> str:
    parts = (
        f"{outcome} to {', '.join(found)}" if outcome is ReleaseOutcome.SENT else f"{outcome}: {', '.join(found)}"
        for outcome in ReleaseOutcome
        if (found := release.find(outcome))
    )
    return f"release of message {number} by {release.server}: {'; '.join(parts)}"
