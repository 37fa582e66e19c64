"""Makes and reads the signed links to the approval page of a message that waits for a decision.

A token is `PK.SK.APPROVER.EXPIRES.SIGNATURE`: the key of the message's record, an approver's position, seconds since 1970, and an
HMAC-SHA256 (RFC 2104) of all before it. Mail programs change none of its characters in a URL. It has neither an address nor a rule's name.
"""

import hashlib
import hmac
import re
from typing import Final, NamedTuple

from mailhooks.errors import MailhooksError, Misconfigured

PARAMETER: Final = "token"
"""The parameter of the link and of the page's form."""

_PURPOSE: Final = b"mailhooks approval 1\n"
"""Precedes the signed text, so that no signature for another purpose is valid here."""

_MIN_SECRET: Final = 16
"""Characters. The template generates 64."""

_SIGNED: Final = re.compile(r"(?P<pk>[\w-]{1,128})\.(?P<sk>[\w-]{1,128})\.(?P<approver>[0-9]{1,4})\.(?P<expires>[0-9]{1,12})", re.ASCII)


class ForgedLink(MailhooksError):
    """The token of a link has no valid signature."""


class Link(NamedTuple):
    """A link as `read_link` returns it.

    Attributes:
        hold_key: partition key and sort key of the record.
        approver: the position in the record's `approvers`, from 0.
        expires_at: seconds since 1970.
    """

    hold_key: tuple[str, str]
    approver: int
    expires_at: int

    def is_expired(self, now: float) -> bool:
        return now >= self.expires_at


def make_link(url: str, secret: str, hold_key: tuple[str, str], approver: int, expires_at: int) -> str:
    """Return the URL of the approval page for one record and one approver.

    Args:
        url: of the page (setting APPROVAL_URL).
        secret: the text of the secret that APPROVAL_SECRET names.
        hold_key: partition key and sort key of the record: letters, digits, `_` and `-`.
        approver: the position in the record's `approvers`, from 0.
        expires_at: seconds since 1970, from which on the link decides nothing.

    Raises:
        Misconfigured: the secret is too short.
        ValueError: a part of the key has another character.
    """
    signed = ".".join((*hold_key, str(approver), str(expires_at)))
    if not _SIGNED.fullmatch(signed):
        raise ValueError("a part of the link has a character that a token may not have, or is too long")
    return f"{url}?{PARAMETER}={signed}.{_sign(signed, secret)}"


def read_link(token: str, secret: str) -> Link:
    """Return the content of a token. The caller checks `Link.is_expired`.

    Raises:
        ForgedLink: the signature is not that of the token, or there is none.
        Misconfigured: the secret is too short.
    """
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(signed, secret).encode(), signature.encode("utf-8", "surrogatepass")):
        raise ForgedLink("the link's signature is not valid: use the whole link of the mail")
    if (found := _SIGNED.fullmatch(signed)) is None:
        raise ForgedLink("the link's token has another form: another version of the function made it")
    return Link((found["pk"], found["sk"]), int(found["approver"]), int(found["expires"]))


def _sign(signed: str, secret: str) -> str:
    if len(secret) < _MIN_SECRET:
        raise Misconfigured(f"APPROVAL_SECRET: the secret needs at least {_MIN_SECRET} characters")
    key, text = (value.encode("utf-8", "surrogatepass") for value in (secret, signed))
    return hmac.new(key, _PURPOSE + text, hashlib.sha256).hexdigest()
