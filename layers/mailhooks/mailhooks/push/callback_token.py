"""The callback URL of a subscription, which only WorkMail gets: its path has a key and the key's HMAC.

A post has no other proof of its sender: WorkMail signs nothing and sends no credentials. The key is a digest of the mailbox and the
subscription's name, so that neither is in the URL.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from mailhooks.address_patterns import canonical

_KEY_OCTETS: Final = 18
"""A multiple of three, so that Base64 needs no padding."""


def make_key(mailbox: str, name: str) -> str:
    """Return the key of a mailbox's subscription."""
    text = f"{canonical(mailbox)}\n{name}"
    return _encode(hashlib.sha256(_to_octets(text)).digest()[:_KEY_OCTETS])


def make_callback_url(function_url: str, secret: str, mailbox: str, name: str) -> str:
    """Return the URL to which WorkMail posts the notifications of a mailbox's subscription.

    Args:
        function_url: the URL of the push function.
        secret: the key of the HMAC.
        mailbox, name: the mailbox's address, and the subscription's name in the configuration.
    """
    key = make_key(mailbox, name)
    return f"{function_url.rstrip('/')}/{key}/{_sign(secret, key)}"


def read_key(path: str, secret: str) -> str | None:
    """Return the key in the path of a callback URL; None if its HMAC is missing or wrong. Compares in constant time."""
    key, _, token = path.removeprefix("/").partition("/")
    return key if hmac.compare_digest(_to_octets(token), _to_octets(_sign(secret, key))) else None


def _sign(secret: str, key: str) -> str:
    return _encode(hmac.new(_to_octets(secret), _to_octets(key), hashlib.sha256).digest())


def _encode(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _to_octets(text: str) -> bytes:
    """Return a text as UTF-8. A path may have half of a surrogate pair, as JSON may."""
    return text.encode("utf-8", "surrogatepass")
