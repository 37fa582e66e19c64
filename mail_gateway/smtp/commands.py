"""The arguments of MAIL, RCPT and XFORWARD, read without a change of their spelling."""

import re
from typing import Final, NamedTuple

from mailhooks.relay.addresses import is_mailbox

XFORWARD_ATTRIBUTES: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")
"""Postfix, XFORWARD_README: the attributes of the client of the host before this one."""

POSTMASTER: Final = "postmaster"
"""The recipient that needs no domain (RFC 5321 section 4.5.1)."""

_ROUTE: Final = r"(?:@[^\s:<>]+:)?"
"""A source route, which is ignored (RFC 5321 appendix C)."""
_PATH: Final = re.compile(rf'\s*<{_ROUTE}(?P<address>(?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>(?:\s+(?P<parameters>\S.*))?')
_PARAMETER: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[!-<>-~]+))?")
_ATTRIBUTE: Final = re.compile(rf"(?P<name>{'|'.join(XFORWARD_ATTRIBUTES)})=(?P<value>[!-~]{{1,255}})", re.IGNORECASE)


class CommandRefused(Exception):
    """A command is not accepted. The text is the reply."""


class Path(NamedTuple):
    """The argument of MAIL or RCPT.

    Attributes:
        address: as the client spells it; "" for the null path.
        parameters: by their names in capital letters; "" for one without a value.
    """

    address: str
    parameters: dict[str, str]


class MailParameters(NamedTuple):
    """The parameters of MAIL.

    Attributes:
        size: octets that the client announces (RFC 1870); None without it.
        body: 7BIT or 8BITMIME (RFC 6152); "" without it.
        smtputf8: whether an address or a header field may have characters that are not ASCII (RFC 6531).
    """

    size: int | None = None
    body: str = ""
    smtputf8: bool = False


def parse_path(argument: str | None, keyword: str, *, extended: bool) -> Path:
    """Read the argument of MAIL (`keyword` FROM) or RCPT (TO).

    Args:
        extended: whether parameters are allowed: after EHLO and LHLO.

    Raises:
        CommandRefused: with the reply.
    """
    name, colon, rest = (argument or "").partition(":")
    found = _PATH.fullmatch(rest) if colon and name.strip().upper() == keyword else None
    if found is None or (found["parameters"] and not extended):
        raise CommandRefused(f"501 5.5.4 Syntax: {'MAIL' if keyword == 'FROM' else 'RCPT'} {keyword}:<address>")
    parameters: dict[str, str] = {}
    for text in (found["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(text)
        if parameter is None or parameter["name"].upper() in parameters:
            raise CommandRefused("501 5.5.4 A parameter is malformed or occurs twice")
        parameters[parameter["name"].upper()] = parameter["value"] or ""
    return Path(found["address"], parameters)


def parse_mail_parameters(parameters: dict[str, str], max_octets: int) -> MailParameters:
    """Read the parameters of MAIL. Raises CommandRefused with the reply."""
    if unknown := parameters.keys() - {"SIZE", "BODY", "SMTPUTF8"}:
        raise CommandRefused(f"555 5.5.4 The parameter {min(unknown)} is not known")
    size, body = parameters.get("SIZE"), parameters.get("BODY", "").upper()
    if size is not None and not re.fullmatch(r"[0-9]{1,20}", size):
        raise CommandRefused("501 5.5.4 Syntax: SIZE=octets")
    if "BODY" in parameters and body not in ("7BIT", "8BITMIME"):
        raise CommandRefused("501 5.5.4 Syntax: BODY=7BIT or BODY=8BITMIME")
    if parameters.get("SMTPUTF8"):
        raise CommandRefused("501 5.5.4 SMTPUTF8 has no value")
    if size is not None and int(size) > max_octets:
        raise CommandRefused(f"552 5.3.4 The message is too large: this host accepts {max_octets} octets")
    return MailParameters(None if size is None else int(size), body, "SMTPUTF8" in parameters)


def check_sender(address: str, *, smtputf8: bool) -> None:
    """Raise CommandRefused unless the address can be a sender. The null path can."""
    if address and not is_mailbox(address):
        raise CommandRefused("501 5.1.7 Syntax: MAIL FROM:<address>")
    _check_ascii(address, smtputf8=smtputf8)


def check_recipient(address: str, *, smtputf8: bool) -> None:
    """Raise CommandRefused unless the address can be a recipient."""
    if not is_mailbox(address) and address.lower() != POSTMASTER:
        raise CommandRefused("501 5.1.3 Syntax: RCPT TO:<address>")
    _check_ascii(address, smtputf8=smtputf8)


def _check_ascii(address: str, *, smtputf8: bool) -> None:
    if not (address.isascii() or smtputf8):
        raise CommandRefused("553 5.6.7 A non-ASCII address needs SMTPUTF8")  # RFC 6531 section 3.5


def parse_xforward(argument: str | None) -> dict[str, str]:
    """Read the attributes of XFORWARD, in capital letters, with their values as they are encoded. Raises CommandRefused."""
    attributes: dict[str, str] = {}
    for text in (argument or "").split():
        found = _ATTRIBUTE.fullmatch(text)
        if found is None:
            raise CommandRefused("501 5.5.4 Syntax: XFORWARD attribute=value")
        attributes[found["name"].upper()] = found["value"]
    if not attributes:
        raise CommandRefused("501 5.5.4 Syntax: XFORWARD attribute=value")
    return attributes
