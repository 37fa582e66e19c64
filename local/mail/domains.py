"""Whose domain an address is in: for the organization's domains and its mailboxes."""

from mailhooks.address_patterns import ascii_domain


def domain_of(address: str) -> str:
    """Return the domain behind the last `@`, in ASCII; "" when there is none. Never raises."""
    domain: str
    _, at, domain = address.rpartition("@")
    return ascii_domain(domain) if at else ""
