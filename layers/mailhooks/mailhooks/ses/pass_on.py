"""Passes messages on to the next mailbox host by SMTP, with the envelope and the octets that the message has.

A permanent reply (5xx) to MAIL, RCPT or the data is the host's answer for the recipient. All that concerns the connection (greeting, TLS,
login) is no answer for a message: it is raised, and the message waits.
"""

import json
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mailhooks.aws.client import CONFIG, call
from mailhooks.aws.secrets import SecretReader
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, NoTimeLeft, ServiceFailed, SettingsError
from mailhooks.relay.addresses import is_mailbox
from mailhooks.relay.smtp_data import add_dots, has_false_end, is_ascii
from mailhooks.ses.answer import Answer
from mailhooks.ses.settings import SesSettings

_STEP_S: Final = 60.0
"""For one command and its reply. RFC 5321 section 4.5.3.2 has up to five minutes, which a function may not have."""

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_LONGEST_TEXT: Final = 500

_AUTHENTICATION_REQUIRED: Final = frozenset({530, 534, 535, 538})
"""Replies about the login (RFC 4954 section 6): the set-up is wrong, not the message."""


class NextHost:
    """The next mailbox host.

    Args:
        folder: the folder of the function, with the file of NEXT_HOST_CA.

    Raises:
        SettingsError: a setting is invalid.
    """

    def __init__(self, settings: SesSettings, folder: Path | None = None) -> None:
        host, _, port = settings.next_host.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._tls = settings.next_host_tls
        self._own_name = settings.host_name
        self._login = settings.next_host_login
        self._context = None if self._tls == "none" else _make_context(settings.next_host_ca, folder or Path.cwd())
        self._secrets = SecretReader(CONFIG) if self._login else None

    def connect(self, deadline: Deadline) -> "Connection":
        """Connect, start TLS, and log in.

        Raises:
            TransientError: the host does not answer, or not now.
            Misconfigured: its certificate is not valid, it has no STARTTLS, or it rejects the login.
        """
        login = self._read_login(deadline)
        timeout = _limit(deadline)
        smtp: smtplib.SMTP | None = None
        try:
            if self._tls == "implicit":
                smtp = smtplib.SMTP_SSL(self._host, self._port, self._own_name, timeout=timeout, context=self._context)
            else:
                smtp = smtplib.SMTP(self._host, self._port, self._own_name, timeout=timeout)
            if smtp.sock:
                # Else the end of the data waits for the host's delayed acknowledgement, for some 40 ms.
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
            if self._tls == "required":
                smtp.starttls(context=self._context)
                smtp.ehlo_or_helo_if_needed()
            if login:
                smtp.login(*login)
        except (OSError, smtplib.SMTPException) as error:
            if smtp:
                smtp.close()
            raise _map_error(error) from None
        return Connection(smtp, deadline)

    def _read_login(self, deadline: Deadline) -> tuple[str, str] | None:
        if not self._secrets:
            return None
        secrets = self._secrets
        text = call("GetSecretValue", lambda: secrets.read(self._login), deadline)
        try:
            login = json.loads(text or "")
            name, password = login["username"], login["password"]
        except (ValueError, KeyError, TypeError):
            raise Misconfigured('NEXT_HOST_LOGIN: the secret is not {"username": "...", "password": "..."}') from None
        return str(name), str(password)


class Connection:
    """A connection to the next host, for one transaction after another. A context manager: it ends by QUIT."""

    def __init__(self, smtp: smtplib.SMTP, deadline: Deadline) -> None:
        self._smtp = smtp
        self._deadline = deadline

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        # The host has answered for each message: an error now changes nothing.
        try:
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(5)
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()

    def send(self, mail_from: str, recipients: Sequence[str], pieces: Sequence[bytes | memoryview]) -> dict[str, Answer]:
        """Send a message in one transaction. Return the answer for each recipient.

        Raises:
            TransientError: the connection broke, or there is no time left. Without the reply to the data, the host may have accepted it.
            Misconfigured: the host requires a login.
        """
        try:
            return self._send(mail_from, recipients, pieces)
        except (OSError, smtplib.SMTPException) as error:
            raise _map_error(error) from None

    def _send(self, mail_from: str, recipients: Sequence[str], pieces: Sequence[bytes | memoryview]) -> dict[str, Answer]:
        if refusal := self.refuse(pieces):
            return dict.fromkeys(recipients, refusal)
        answers = {each: refusal for each in recipients if (refusal := self._check_address(each))}
        wanted = [each for each in recipients if each not in answers]
        if mail_from and (refusal := self._check_address(mail_from)):
            return dict.fromkeys(recipients, refusal)
        if not wanted:
            return answers
        beyond_ascii = not all(map(str.isascii, (mail_from, *wanted)))
        options = [f"SIZE={sum(map(len, pieces))}"] if self._smtp.has_extn("size") else []
        options += [] if is_ascii(pieces) else ["BODY=8BITMIME"]
        options += ["SMTPUTF8"] if beyond_ascii else []
        # smtplib writes commands in this charset.
        self._smtp.command_encoding = "utf-8" if beyond_ascii else "ascii"
        answer = self._command("MAIL", " ".join([f"FROM:<{mail_from}>", *options]))
        if not answer.is_accepted:
            self._command("RSET")
            return answers | dict.fromkeys(wanted, answer)
        for each in wanted:
            answers[each] = self._command("RCPT", f"TO:<{each}>")
        accepted = [each for each in wanted if answers[each].is_accepted]
        if not accepted:
            self._command("RSET")
            return answers
        return answers | dict.fromkeys(accepted, self._send_data(pieces))

    def _send_data(self, pieces: Sequence[bytes | memoryview]) -> Answer:
        answer = self._command("DATA")
        if answer.code != 354:
            # A success would not be one: the host has no message (RFC 5321 section 4.1.1.4).
            return answer if answer.code >= 400 else Answer(451, f"4.5.0 unexpected reply to DATA: {answer.code}")
        for chunk in add_dots(pieces):
            self._limit_socket(_STEP_S).sendall(chunk)
        # The reply means that the message is the host's: wait as long as possible (RFC 5321 section 4.5.3.2.6).
        self._limit_socket(None)
        return _to_answer(*self._smtp.getreply())

    def refuse(self, pieces: Sequence[bytes | memoryview]) -> Answer | None:
        """Return why the host cannot get this message as it is; None if it can. A message is never encoded again."""
        if has_false_end(pieces):
            return Answer(550, "5.6.0 the message has a lone dot next to NUL or to a bare CR or LF")
        if not self._smtp.has_extn("8bitmime") and not is_ascii(pieces):
            return Answer(554, "5.6.3 the message has 8-bit content, which the next host does not accept")
        limit = self._smtp.esmtp_features.get("size", "").split(" ")[0]
        if limit.isdigit() and 0 < int(limit) < sum(map(len, pieces)):
            return Answer(552, "5.3.4 the message is larger than the next host accepts")
        return None

    def _check_address(self, address: str) -> Answer | None:
        if not is_mailbox(address):
            return Answer(553, "5.1.3 the address cannot be written in SMTP")
        if not address.isascii() and not self._smtp.has_extn("smtputf8"):
            return Answer(553, "5.6.7 the next host does not accept an address beyond ASCII")
        return None

    def _command(self, name: str, arguments: str = "") -> Answer:
        """Raises:
        ServiceFailed: the host closes the connection (421).
        Misconfigured: it requires a login.
        """
        self._limit_socket(_STEP_S)
        answer = _to_answer(*self._smtp.docmd(name, arguments))
        if answer.code == 421:
            raise ServiceFailed(f"next host: {name}: 421")
        if answer.code in _AUTHENTICATION_REQUIRED:
            raise Misconfigured(f"next host: {name}: {answer.code}: set NEXT_HOST_LOGIN and NEXT_HOST_TLS as the host requires")
        return answer

    def _limit_socket(self, most_s: float | None) -> socket.socket:
        """Return the socket, whose next operation ends in time. Raises TransientError if it is closed or there is no time left."""
        if self._smtp.sock is None:
            raise ServiceFailed("next host: the connection is closed")
        self._smtp.sock.settimeout(_limit(self._deadline, most_s))
        return self._smtp.sock


def _limit(deadline: Deadline, most_s: float | None = _STEP_S) -> float:
    left = deadline.left()
    if not left:
        raise NoTimeLeft("next host: no answer in time")
    return left if most_s is None else min(left, most_s)


def _to_answer(code: int, text: bytes) -> Answer:
    return Answer(code, _UNPRINTABLE.sub(" ", text.decode("utf-8", "replace")).strip()[:_LONGEST_TEXT])


def _make_context(file: str, folder: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(folder / file) if file else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"NEXT_HOST_CA: {file} is not a readable PEM file ({type(error).__name__})") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _map_error(error: Exception) -> MailhooksError:
    """Return our error for one of smtplib or the socket. It has no text of the host, which may quote an address."""
    match error:
        case MailhooksError():
            return error
        case ssl.SSLCertVerificationError():
            return Misconfigured(f"next host: its certificate is not valid ({error.verify_message}): set NEXT_HOST_CA to its authority")
        case smtplib.SMTPNotSupportedError():
            return Misconfigured("next host: it has no STARTTLS, or no login that smtplib knows: see NEXT_HOST_TLS and NEXT_HOST_LOGIN")
        case smtplib.SMTPResponseException() if error.smtp_code >= 500:
            return Misconfigured(
                f"next host: {type(error).__name__}: {error.smtp_code}: the host does not accept this function as a client"
            )
        case smtplib.SMTPResponseException():
            return ServiceFailed(f"next host: {type(error).__name__}: {error.smtp_code}")
        case _:
            return ServiceFailed(f"next host: {type(error).__name__}")
