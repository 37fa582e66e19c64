"""The table `[release]` of `workmail.toml`: the SMTP server to which a message is released on request. Without it, no mail leaves."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mail_gateway.toml_reader import Table
from mailhooks.address_patterns import Pattern
from mailhooks.relay.addresses import is_mailbox
from workmail_local.servers import is_loopback

_KEYS: Final = ("host", "port", "tls", "user", "password-variable", "allowed-recipients", "mail-from", "ca-file")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Encryption(StrEnum):
    """How a connection is encrypted."""

    STARTTLS = "starttls"
    """After the STARTTLS command (RFC 3207), without which nothing is sent."""
    TLS = "tls"
    """From the start (RFC 8314)."""
    NONE = "none"


_PORTS: Final = {Encryption.STARTTLS: 587, Encryption.TLS: 465, Encryption.NONE: 25}


@dataclass(frozen=True, slots=True)
class ReleaseServer:
    """The SMTP server for released messages.

    Attributes:
        allowed_recipients: patterns; a message is released to no other address.
        user: for the login; "" for none.
        password_variable: the name of the environment variable that has the user's password.
        mail_from: the sender of the envelope; "" for that of the message.
        ca_file: certificates that sign the server's own, in PEM format; None for those of this machine.
    """

    host: str
    port: int
    tls: Encryption
    allowed_recipients: tuple[Pattern, ...]
    user: str = ""
    password_variable: str = ""
    mail_from: str = ""
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def allows(self, address: str) -> bool:
        """Return whether messages may be released to an address."""
        return any(pattern.matches(address) for pattern in self.allowed_recipients)


def read_release(table: Table) -> ReleaseServer:
    """Read the table. Raises ConfigurationError."""
    table.reject_other_keys(*_KEYS)
    host = table.read_text("host")
    table.require(_is_host(host), "host", found=repr(host), expected="the name or the IP address of an SMTP server")
    tls = table.read_word("tls", {tls.value: tls for tls in Encryption}, "starttls")
    user, variable = table.read_text("user", ""), table.read_text("password-variable", "")
    table.require_both("user", "password-variable")
    expected = "the name of an environment variable that has the password"
    table.require(not variable or _VARIABLE.fullmatch(variable), "password-variable", found="another text", expected=expected)
    encrypted = tls is not Encryption.NONE or is_loopback(host)
    table.require(encrypted or not user, "tls", found='"none"', expected='"starttls" or "tls": a password is not sent unencrypted')
    mail_from = table.read_text("mail-from", "")
    table.require(not mail_from or is_mailbox(mail_from), "mail-from", found=repr(mail_from), expected="an address")
    ca_file = table.read_text("ca-file", "")
    return ReleaseServer(
        host,
        table.read_port("port", _PORTS[tls]),
        tls,
        _read_patterns(table),
        user,
        variable,
        mail_from,
        table.folder / ca_file if ca_file else None,
    )


def _read_patterns(table: Table) -> tuple[Pattern, ...]:
    texts = table.read_texts("allowed-recipients")
    table.require(texts, "allowed-recipients", found="none", expected='at least one pattern, such as example.org, or "*" for all addresses')
    patterns = []
    for text in texts:
        try:
            patterns.append(Pattern.parse(text, tagged=True))
        except ValueError as error:
            raise table.error("allowed-recipients", found=repr(text), expected=str(error)) from None
    return tuple(patterns)


def _is_host(text: str) -> bool:
    return _NAME.fullmatch(text) is not None or _is_ip_address(text)


def _is_ip_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False
