"""The arguments of MAIL and RCPT: a path, then parameters (RFC 5321 section 4.1.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from local.mail.submission import Refusal

MAX_ADDRESS_OCTETS = 64 + 1 + 255
"""RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.2 together.

QUIRK: a local part alone may pass its 64 octets: bounce addresses that mailing lists make for each recipient (VERP) do.
"""

# RFC 6531 section 3.3, but for controls, line ends, and lone surrogates: these are what octets that are not UTF-8 have become.
_BEYOND_ASCII = r"\xa0-\u2027\u202a-\ud7ff\ue000-\U0010ffff"
# QUIRK: dots stand anywhere in a local part; some providers give out addresses with two in a row, or one at the end.
_LOCAL = rf'(?:[!#-\'*+\-./0-9=?A-Z^-~{_BEYOND_ASCII}]+|"(?:[ !#-\[\]-~{_BEYOND_ASCII}]|\\[ -~])*")'
_LABEL = rf"[0-9A-Za-z_\-{_BEYOND_ASCII}]+"
_MAILBOX = rf"{_LOCAL}@(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])"
_MAILBOX_ONLY = re.compile(_MAILBOX)
# A source route is taken and ignored (RFC 5321 section 4.1.1.3 and appendix C). QUIRK: white space before the path is common.
_PATH = re.compile(rf"\s*<(?:@[^<>:\s]+:)?({_MAILBOX}|postmaster|)>(?:\s+(.*))?", re.IGNORECASE)
_PARAMETER = re.compile(r"([0-9A-Za-z][0-9A-Za-z-]*)(?:=([!-<>-~]+))?")


@dataclass(frozen=True, slots=True)
class Path:
    """A path as a client gave it.

    Attributes:
        address: without angle brackets; "" for the null path; "postmaster" in any case may stand without a domain.
        parameters: by name in upper case; "" is the value of one that has none. None when they are not such.
    """

    address: str
    parameters: Mapping[str, str] | None


def is_mailbox(text: str) -> bool:
    """Whether this is an address that SMTP can carry, with SMTPUTF8 if need be.

    >>> is_mailbox("ana@example.com"), is_mailbox('"a b"@example.com'), is_mailbox("ana@example.com\\r\\nBcc: bo@example.com")
    (True, True, False)
    """
    return _MAILBOX_ONLY.fullmatch(text) is not None and len(text.encode()) <= MAX_ADDRESS_OCTETS


def parse(keyword: str, argument: str | None) -> Path | None:
    """Reads what stands behind MAIL or RCPT; None when it cannot be read.

    >>> parse("FROM:", "FROM:<ana@example.com> SIZE=10 SMTPUTF8")
    Path(address='ana@example.com', parameters={'SIZE': '10', 'SMTPUTF8': ''})
    """
    if argument is None or argument[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.fullmatch(argument, len(keyword))
    if found is None or len(found[1].encode()) > MAX_ADDRESS_OCTETS:
        return None
    return Path(found[1], _parameters(found[2] or ""))


def refuse_mail_parameters(parameters: Mapping[str, str] | None, known: frozenset[str], limit: int) -> Refusal | None:
    """What is wrong with MAIL's parameters.

    Args:
        parameters: as read; None when they could not be.
        known: names, in upper case, of the extensions that this conversation has.
        limit: octets of the largest message (RFC 1870).
    """
    if parameters is None:
        return Refusal(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
    if not parameters.keys() <= known:
        return Refusal(555, "5.5.4", "Parameter not recognized or not implemented")
    if parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}:
        return Refusal(501, "5.5.4", "BODY is 7BIT or 8BITMIME")
    if parameters.get("SMTPUTF8"):
        return Refusal(501, "5.5.4", "SMTPUTF8 takes no value")
    size = parameters.get("SIZE", "0")
    if not re.fullmatch(r"[0-9]{1,20}", size):
        return Refusal(501, "5.5.4", "SIZE is a number of octets")
    # RFC 1870 section 6.1 gives the reply, RFC 3463 section 3.4 its enhanced code ("Message too big for system").
    return Refusal(552, "5.3.4", f"Message size exceeds the limit of {limit} octets") if int(size) > limit else None


def _parameters(text: str) -> dict[str, str] | None:
    found = [_PARAMETER.fullmatch(word) for word in text.split()]
    return {match[1].upper(): match[2] or "" for match in found if match} if all(found) else None
