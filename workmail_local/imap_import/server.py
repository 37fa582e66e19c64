"""The IMAP server of an import: connection, login, folders, and the messages in them.

IMAPClient is the client: imaplib alone has no modified UTF-7 for names of folders, no LITERAL+ and no parser of responses.
"""

import imaplib
import logging
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from imapclient import IMAPClient, SocketTimeout

from workmail_local.console.plain_errors import describe_reason
from workmail_local.errors import LocalError
from workmail_local.imap_import.folder_names import Use, find_use
from workmail_local.imap_import.message import digest_message_id
from workmail_local.imap_import.plan import Layout

_CONNECT_S: Final = 30
_READ_S: Final = 300
"""Seconds: a server may need minutes to store a large message."""

_BATCH: Final = 500
"""Messages of one FETCH."""

_ATTRIBUTES: Final = ("UID", "RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")
_CODE: Final = re.compile(r"\[([A-Z][A-Z-]*)")
_APPENDUID: Final = re.compile(rb"\[APPENDUID (\d+) (\d+)\]")
_THROTTLED: Final = re.compile(r"throttl|too many|try again|temporar|rate limit|backoff", re.IGNORECASE)
_BACKOFF: Final = re.compile(r"backoff time: (\d{1,8}) milliseconds", re.IGNORECASE)
"""Exchange's answer: `NO Request is throttled. Suggested Backoff Time: 299609 milliseconds`."""

_TOO_LARGE: Final = re.compile(r"too large|too big|size limit|maximum.{0,20}size|exceeds.{0,30}size", re.IGNORECASE)
_QUOTA: Final = re.compile(r"over ?quota|quota exceeded|mailbox (?:is )?full|disk quota", re.IGNORECASE)
_TEMPORARY: Final = frozenset({"UNAVAILABLE", "INUSE", "SERVERBUG", "CONTACTADMIN", "EXPUNGEISSUED"})
_SPECIAL: Final = {str(use).lower(): use for use in (Use.SENT, Use.DRAFTS, Use.TRASH, Use.JUNK, Use.ARCHIVE)}


# Its log has commands and answers, which have addresses and content.
logging.getLogger("imapclient").setLevel(logging.CRITICAL)


class CannotConnect(LocalError):
    """The server cannot be reached, or its certificate is not valid."""


class CannotLogIn(LocalError):
    """The server refuses the login."""


class ConnectionLost(Exception):
    """The connection ended. Whether the last message was stored is not known."""


class Throttled(Exception):
    """The server cannot store a message now.

    Attributes:
        pause_s: the pause that it suggests; 0.0 for none.
    """

    def __init__(self, pause_s: float = 0.0) -> None:
        super().__init__("the server limits the import now")
        self.pause_s = pause_s


class QuotaExceeded(Exception):
    """The mailbox is full."""


class Refused(Exception):
    """The server refuses a message or a folder, and would do so again.

    Attributes:
        answer: the server's words, which may have an address.
    """

    def __init__(self, reason: str, answer: str) -> None:
        super().__init__(reason)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Login:
    """Where and how to log in.

    Attributes:
        security: `tls`, `starttls` or `none`.
        user: the mailbox.
        auth_user: an administrator who logs in for the user (SASL PLAIN, RFC 4616); "" for the user.
        secret: returns the password, or the OAuth 2.0 access token; called for each login, because a token expires.
        oauth2: whether the secret is a token (SASL XOAUTH2).
        authorities: a PEM file of certificate authorities; None for those of the system.
    """

    host: str
    port: int
    security: str
    user: str
    secret: Callable[[], str]
    auth_user: str = ""
    oauth2: bool = False
    authorities: Path | None = None


@dataclass(frozen=True, slots=True)
class FolderState:
    """UIDVALIDITY, UIDNEXT and the number of messages of a folder."""

    validity: int
    next_uid: int
    messages: int


@dataclass(slots=True)
class Stored:
    """A message on the server.

    Attributes:
        message_id: SHA-256 of its Message-ID; "" without one.
        digest: SHA-256 of its content; "" until it is needed.
    """

    uid: int
    size: int
    date: datetime
    message_id: str
    digest: str = ""


class _Client(IMAPClient):
    """An IMAP client that sends messages as they are.

    imaplib's `append` changes each bare CR to CRLF. IMAPClient's `multiappend` sends any bytes, and with one message its command is a plain
    APPEND (RFC 3502 section 6.3.11), which every server has.
    """

    def has_capability(self, capability: str) -> bool:
        return capability == "MULTIAPPEND" or bool(super().has_capability(capability))


class ImapServer:
    """A connection to the server, logged in.

    Raises:
        CannotConnect, CannotLogIn: when it is created.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._folders: set[str] = set()
        self._client = _connect(login)
        try:
            _log_in(self._client, login)
            with _translate_errors():
                self.layout = self._read_layout()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError, imaplib.IMAP4.error):
            self._client.shutdown()

    def log_out(self) -> None:
        """Log out, and end the connection."""
        with suppress(OSError, imaplib.IMAP4.error):
            self._client.logout()
        self.close()

    def find_size_limit(self, folder: str) -> int | None:
        """Return the largest size of a message in octets (APPENDLIMIT, RFC 7889); None if the server names none."""
        with _translate_errors():
            capabilities = {name.decode("ascii", "replace").upper() for name in self._client.capabilities()}
            for capability in capabilities:
                name, _, value = capability.partition("=")
                if name == "APPENDLIMIT" and value.isdigit():
                    return int(value)
            if "APPENDLIMIT" in capabilities:
                found = self._client.folder_status(folder, ["APPENDLIMIT"]).get(b"APPENDLIMIT")
                return found if isinstance(found, int) else None
        return None

    def create_folder(self, folder: str) -> None:
        """Create a folder and subscribe to it, unless the server has it."""
        if folder.upper() == "INBOX" or folder in self._folders:
            return
        try:
            with _translate_errors():
                self._client.create_folder(folder)
        except Refused as refused:
            if "ALREADYEXISTS" not in refused.answer and not self._exists(folder):
                raise
        with suppress(Refused), _translate_errors():
            self._client.subscribe_folder(folder)
        self._folders.add(folder)

    def examine(self, folder: str) -> FolderState:
        """Select a folder for reading."""
        with _translate_errors():
            found = self._client.select_folder(folder, readonly=True)
        return FolderState(*(_number(found.get(name)) for name in (b"UIDVALIDITY", b"UIDNEXT", b"EXISTS")))

    def list_messages(self, folder: str, since: int = 0) -> list[Stored]:
        """Return the messages of a folder.

        Args:
            since: only messages with this UID or a higher one.
        """
        state = self.examine(folder)
        with _translate_errors():
            if since:
                # `n:*` always has the last message, also one below n (RFC 3501 section 6.4.8).
                return list(self._fetch([uid for uid in self._client.search(["UID", f"{since}:*"]) if uid >= since]))
            # By sequence number: the answer of SEARCH is one line, whose length is limited.
            self._client.use_uid = False
            try:
                return list(self._fetch(range(1, state.messages + 1)))
            finally:
                self._client.use_uid = True

    def read(self, folder: str, uid: int) -> bytes:
        """Return the content of a message; b"" when the server cannot return it."""
        self.examine(folder)
        try:
            with _translate_errors():
                found = self._client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {})
        except Refused:
            return b""
        content = found.get(b"BODY[]")
        return content if isinstance(content, bytes) else b""

    def append(self, folder: str, content: bytes, flags: Iterable[str], date: datetime) -> int | None:
        """Store a message, and return its UID; None from a server without UIDPLUS.

        Raises:
            ConnectionLost, Throttled, QuotaExceeded, Refused
        """
        with _translate_errors():
            status, answer = self._client.multiappend(folder, [{"msg": content, "flags": sorted(flags), "date": date}])
            if status != "OK":
                raise imaplib.IMAP4.error(f"{status} {_decode(answer)}")
        found = _APPENDUID.search(answer[0] or b"")
        return int(found[2]) if found else None

    def _fetch(self, numbers: Iterable[int]) -> Iterator[Stored]:
        wanted = list(numbers)
        for first in range(0, len(wanted), _BATCH):
            found = self._client.fetch(wanted[first : first + _BATCH], _ATTRIBUTES)
            for number, values in found.items():
                header = next((value for name, value in values.items() if name.startswith(b"BODY[HEADER")), b"") or b""
                uid = values.get(b"UID", number)
                yield Stored(uid, values[b"RFC822.SIZE"], values[b"INTERNALDATE"], digest_message_id(header))

    def _exists(self, folder: str) -> bool:
        with _translate_errors():
            return bool(self._client.folder_exists(folder))

    def _read_layout(self) -> Layout:
        separator, prefix = "", ""
        if self._client.has_capability("NAMESPACE"):
            personal = self._client.namespace().personal or ()
            prefix, separator = next(iter(personal), ("", ""))
        uses: dict[Use, str] = {}
        named: dict[Use, str] = {}
        for flags, delimiter, name in self._client.list_folders():
            separator = separator or _decode([delimiter])
            words = {_decode([flag]).lower() for flag in flags}
            if "\\noselect" in words or "\\nonexistent" in words:
                continue
            self._folders.add(name)
            for use in (_SPECIAL[word] for word in words if word in _SPECIAL):
                uses.setdefault(use, name)
            if (use_by_name := find_use(name.removeprefix(prefix))) and use_by_name in _SPECIAL.values():
                named.setdefault(use_by_name, name)
        return Layout(separator, prefix, named | uses)


def check_security(host: str, security: str) -> None:
    """Raise CannotConnect for a password without encryption over a network."""
    if security == "none" and not _is_loopback(host):
        raise CannotConnect("--security none is for a server on this machine only: use tls or starttls")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connect(login: Login) -> Any:
    check_security(login.host, login.security)
    context = None if login.security == "none" else ssl.create_default_context(cafile=login.authorities)
    place = f"{login.host}:{login.port}"
    try:
        client = _Client(
            login.host, login.port, ssl=login.security == "tls", ssl_context=context, timeout=SocketTimeout(_CONNECT_S, _READ_S)
        )
        client.normalise_times = False
        # A message is three writes: Nagle's algorithm would wait 40 ms for the server's delayed acknowledgement of each.
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if login.security == "starttls":
            try:
                client.starttls(context)
            except BaseException:
                client.shutdown()
                raise
    except ssl.SSLCertVerificationError as error:
        raise CannotConnect(f"{place}: the certificate is not valid: {error.verify_message}") from None
    except ssl.SSLError as error:
        hint = ": it answers without TLS (--security starttls is for port 143)" if error.reason == "WRONG_VERSION_NUMBER" else ""
        raise ConnectionLost(f"{place}: {describe_reason(error)}{hint}") from None
    except OSError as error:
        raise ConnectionLost(f"{place}: {describe_reason(error)}") from None
    except imaplib.IMAP4.error:
        raise ConnectionLost(f"{place}: no IMAP server with --security {login.security} answers there") from None
    return client


def _log_in(client: Any, login: Login) -> None:
    secret = login.secret()
    try:
        if login.oauth2:
            client.oauth2_login(login.user, secret)
        elif login.auth_user:
            client.plain_login(login.auth_user, secret, login.user)
        elif client.has_capability("AUTH=PLAIN"):
            client.plain_login(login.user, secret)
        else:
            client.login(login.user, secret)
    except imaplib.IMAP4.abort as error:
        raise ConnectionLost(str(error)) from None
    except imaplib.IMAP4.error as error:
        if _CODE.search(str(error)) and "UNAVAILABLE" in str(error):
            raise ConnectionLost("the server cannot check the login now") from None
        advice = "the token has expired, or lacks the scope for IMAP" if login.oauth2 else "check the user and the password"
        raise CannotLogIn(f"{login.host} refuses the login: {advice} (docs/import.md has what each host needs)") from None
    except UnicodeEncodeError:
        raise CannotLogIn(f"{login.host} accepts passwords in ASCII only") from None
    except OSError as error:
        raise ConnectionLost(f"{type(error).__name__}") from None


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise the errors of this module instead of imaplib's."""
    try:
        yield
    except imaplib.IMAP4.abort as error:
        text = str(error)
        # Without LITERAL+, IMAPClient reports a refusal before the message this way.
        if "waiting for continuation" in text and not text.count("BYE"):
            raise _classify(text) from None
        raise _classify(text, lost=True) from None
    except imaplib.IMAP4.error as error:
        raise _classify(str(error)) from None
    except OSError as error:
        raise ConnectionLost(f"{type(error).__name__}") from None


def _classify(text: str, *, lost: bool = False) -> Exception:
    """Return the error for an answer of the server, by its response code (RFC 5530, RFC 7889) or its words."""
    codes = set(_CODE.findall(text.upper()))
    if "OVERQUOTA" in codes or _QUOTA.search(text):
        return QuotaExceeded()
    if lost:
        return ConnectionLost("the server ended the connection")
    if "TOOBIG" in codes or _TOO_LARGE.search(text):
        return Refused("too large for the server", text)
    if codes & _TEMPORARY or "LIMIT" in codes or _THROTTLED.search(text):
        suggested = _BACKOFF.search(text)
        return Throttled(int(suggested[1]) / 1000 if suggested else 0.0)
    code = next(iter(sorted(codes)), "")
    return Refused(f"the server refuses it{f' ({code})' if code else ''}", text)


def _decode(parts: Iterable[bytes | None]) -> str:
    return b" ".join(part for part in parts if part).decode("utf-8", "replace")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
