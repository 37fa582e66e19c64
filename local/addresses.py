"""Whose domain an address is in: for the organization's domains and its mailboxes."""

from mailhooks.patterns import ascii_domain


def domain_of(address: str) -> str:
    """The domain behind the last `@`, as domains are compared (`mailhooks.patterns.ascii_domain`); "" when there is none. Never raises."""
    domain: str
    _, at, domain = address.rpartition("@")
    return ascii_domain(domain) if at else ""
