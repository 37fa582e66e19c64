"""Marks the mail to approvers, so that no rule holds it.

An approver may be in the organization: then the mail to the approver passes the same rules as all mail. A rule that held it would ask the
approver by another mail, which it would hold, too. The mark is `EXPIRES.SIGNATURE`, in a header field: seconds since 1970, and an
HMAC-SHA256 (RFC 2104) of them and of the approver's address.

A sender cannot make a mark without the secret. A copied mark, such as from a forwarded header, is only valid in inbound mail whose header
names the sender of approval mail and the same approver, until it expires. The envelope does not count: the platform may expand a group.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final

from mailhooks.address_patterns import canonical
from mailhooks.aws.approval_mail import MARK
from mailhooks.mime.addresses import find_addresses
from mailhooks.mime.message import Message

_PURPOSE: Final = b"mailhooks approval mail 1\n"
"""Precedes the signed text, so that no signature for another purpose is valid here."""

_VALID_S: Final = 24 * 60 * 60
"""Longer than SES tries to deliver a mail (14 hours): a late one must not be held either."""

_FORM: Final = re.compile(rb"([0-9]{1,12})\.([\w-]{43})", re.ASCII)
"""Short enough for one line with the field's name (RFC 5322 section 2.1.1), so that no program folds it."""


def make_mark(secret: str, approver: str, timeout_at: int) -> str:
    """Return the mark of the mail to an approver. `timeout_at` is the end of the hold, in seconds since 1970."""
    expires = timeout_at + _VALID_S
    return f"{expires}.{_sign(secret, approver, expires)}"


def has_valid_mark(message: Message, secret: str, sender: str, now: float) -> bool:
    """Return whether a message is a mail to an approver: from `sender`, to one address, with the mark for it."""
    approvers = find_addresses(message, "to")
    if len(approvers) != 1 or list(map(canonical, find_addresses(message, "from"))) != [canonical(sender)]:
        return False
    for field in message.header.named(MARK.lower()):
        found = _FORM.fullmatch(field.value(message.raw))
        if found and now < int(found[1]) and hmac.compare_digest(_sign(secret, approvers[0], int(found[1])).encode(), found[2]):
            return True
    return False


def _sign(secret: str, approver: str, expires: int) -> str:
    text = f"{expires} {canonical(approver)}".encode("utf-8", "surrogatepass")
    digest = hmac.new(secret.encode("utf-8", "surrogatepass"), _PURPOSE + text, hashlib.sha256).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
