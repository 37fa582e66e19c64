"""When two addresses, or two domains, are one: for flow rules, for the organization's domains and for mailboxes."""

from functools import lru_cache
from typing import Final

_MAX_DOMAIN: Final = 253
"""Characters that a domain can have at most (RFC 1035 section 2.3.4, less the root's dot). Longer text is none, and not worth the time."""


def address_key(address: str) -> str:
    """Addresses with one key are one.

    Case does not matter; lower case, not `casefold`, which would take straße@ for strasse@, another mailbox (RFC 6531). The domain is as
    `domain_key` has it; text without `@` is taken for a domain. Never raises, whatever the text.

    >>> address_key("Ana@BÜCHER.example")
    'ana@xn--bcher-kva.example'
    """
    mailbox, at, domain = address.rpartition("@")
    return f"{mailbox.lower()}@{domain_key(domain)}" if at else domain_key(address)


def domain_of(address: str) -> str:
    """The key of the address's domain, of what stands behind the last `@`; "" when there is none."""
    domain: str
    _, at, domain = address.rpartition("@")
    return domain_key(domain) if at else ""


def domain_key(domain: str) -> str:
    """Domains with one key are one: lower case, labels of other scripts as A-labels (RFC 5890 section 2.3.2.1). Never raises.

    What is no domain stays as it is, in lower case.
    """
    lower = domain.lower()
    if lower.isascii() or len(lower) > _MAX_DOMAIN:
        return lower
    return _ascii(lower) or lower


@lru_cache(maxsize=1024)
def _ascii(domain: str) -> str:
    """ "" when it is no domain. Kept, as one that was made to be slow takes a millisecond, and a message has 500 recipients."""
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        pass
    try:
        # QUIRK: domains with symbols, which IDNA 2008 does not allow (RFC 5892), were registered under IDNA 2003 and are in use.
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
