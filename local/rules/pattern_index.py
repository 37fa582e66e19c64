"""Flow rules' patterns, and addresses, as keys: what matches an address is looked up and not tried one after the other."""

from collections.abc import Iterator
from typing import Final

from mailhooks.address_patterns import Pattern, Specificity, canonical

Ways = tuple[tuple[Specificity, tuple[str, ...]], ...]
"""The keys of all patterns that match an address, narrowest first."""

# A key begins with its form's digit: `x@*.example.com` is an address whose domain is spelled as a pattern of another form.
_MAILBOX, _DOMAIN, _WILDCARD, _ANYBODY = (
    str(int(each)) for each in (Specificity.MAILBOX, Specificity.DOMAIN, Specificity.DOMAIN_AND_SUBDOMAINS, Specificity.ANYBODY)
)
_ANY_WAY: Final = (Specificity.ANYBODY, (_ANYBODY,))


def pattern_key(pattern: str) -> str:
    """Patterns with one key match the same addresses.

    Raises:
        ValueError: it is no pattern.
    """
    parsed = Pattern.parse(pattern)
    return str(int(parsed.specificity)) + canonical(parsed.text)


def labels_of(key: str) -> int:
    """How many labels the domain of a wildcard pattern's key has; 0 for other patterns."""
    return key.count(".") + 1 if key.startswith(_WILDCARD) else 0


def ways(address: str, labels: int) -> Ways:
    """The patterns that match an address. Any text will do; what has no domain falls under `*` only.

    DECISION: the guide ranks the four forms and nothing within one: `*.mail.example.com` is as specific as `*.example.com`.

    Args:
        labels: how many labels a wildcard pattern's domain has at most, so that an address with thousands costs no more than others.
    """
    key = canonical(address)
    _, at, domain = key.rpartition("@")
    if not at or not domain:
        return (_ANY_WAY,)
    return (
        (Specificity.MAILBOX, (_MAILBOX + key,)),
        (Specificity.DOMAIN, (_DOMAIN + domain,)),
        (Specificity.DOMAIN_AND_SUBDOMAINS, tuple(_suffixes(domain, labels))),
        _ANY_WAY,
    )


def _suffixes(domain: str, labels: int) -> Iterator[str]:
    """The keys of the domain and of each end of it of at most `labels` labels, longest first."""
    parts = domain.rsplit(".", labels)
    for first in range(len(parts)):
        yield _WILDCARD + ".".join(parts[first:])
