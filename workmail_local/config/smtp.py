"""The table `[smtp]` of `workmail.toml`: TLS and logins of the SMTP ports."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from mail_gateway.toml_reader import Table


class Tls(StrEnum):
    """How the port for submission uses TLS. The port for inbound mail offers STARTTLS, unless this is `OFF`."""

    OFFERED = "offered"
    """STARTTLS is offered, and not required."""
    REQUIRED = "required"
    """No login and no mail before STARTTLS (RFC 3207 section 4)."""
    IMPLICIT = "implicit"
    """A connection begins with TLS, as at WorkMail's port 465 (RFC 8314 section 3.3)."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Smtp:
    """The settings of the SMTP ports.

    Attributes:
        tls: see `Tls`.
        login_required: whether a user has to log in before the port for submission accepts mail.
        certificate, key: PEM files; None for a certificate made at the start.
    """

    tls: Tls = Tls.OFFERED
    login_required: bool = False
    certificate: Path | None = None
    key: Path | None = None

    def describe(self, *, passwords: bool) -> str:
        """Return what the port for submission offers and asks of a client, in words.

        Args:
            passwords: whether a user has a password in the configuration.
        """
        login = "login required, " if self.login_required else ""
        return f"{_WORDS[self.tls]}, {login}{'some users have a password' if passwords else 'every password is accepted'}"

    def write_swaks_options(self, user: str) -> str:
        """Return the options with which the command `swaks` sends mail of a user; "" for none."""
        return " ".join(filter(None, (_SWAKS.get(self.tls, ""), f"--auth-user {user}" if self.login_required else "")))


_WORDS: Final = {
    Tls.OFFERED: "STARTTLS offered",
    Tls.REQUIRED: "STARTTLS required",
    Tls.IMPLICIT: "TLS from the first byte",
    Tls.OFF: "no TLS",
}
_SWAKS: Final = {Tls.REQUIRED: "--tls", Tls.IMPLICIT: "--tls-on-connect"}


def read_smtp(table: Table) -> Smtp:
    """Read the table. Raises ConfigurationError when it is not valid."""
    tls = table.read_word("tls", {each.value: each for each in Tls}, Tls.OFFERED.value)
    required = table.read_word("login", {"optional": False, "required": True}, "optional")
    certificate, key = (_read_file(table, name) for name in ("certificate", "key"))
    table.require_both("certificate", "key")
    return Smtp(tls, required, certificate, key)


def _read_file(table: Table, key: str) -> Path | None:
    text = table.read_text(key, "")
    if not text:
        return None
    file = table.folder / text
    table.require(file.is_file(), key, found=repr(text), expected="the name of a file")
    return file
