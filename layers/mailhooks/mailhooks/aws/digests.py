"""Digests in place of addresses and identifiers in a table."""

import hashlib
from base64 import urlsafe_b64encode


def digest(text: str, octets: int) -> str:
    """Return a digest as text. A reader of a table can still test an address, but not list the addresses."""
    return urlsafe_b64encode(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=octets).digest()).rstrip(b"=").decode()
