"""Flow-rule patterns and addresses as keys of an index, so that the matching patterns are looked up instead of tried one by one."""

from collections.abc import Iterator
from typing import Final

from mailhooks.address_patterns import Pattern, Specificity, canonical

MatchingKeys = tuple[tuple[Specificity, tuple[str, ...]], ...]
"""The keys of all patterns that match an address, most specific first."""

# A key begins with the digit of its form: in `x@*.example.com`, an address, the domain is spelled like a pattern of another form.
_MAILBOX, _DOMAIN, _WILDCARD, _ANYBODY = (
    str(int(each)) for each in (Specificity.MAILBOX, Specificity.DOMAIN, Specificity.DOMAIN_AND_SUBDOMAINS, Specificity.ANY_ADDRESS)
)
_MATCHES_ANY: Final = (Specificity.ANY_ADDRESS, (_ANYBODY,))


def make_key(pattern: str) -> str:
    """Return a pattern's key. Patterns with the same key match the same addresses.

    Raises:
        ValueError: the pattern is invalid.
    """
    parsed = Pattern.parse(pattern)
    return str(int(parsed.specificity)) + canonical(parsed.text)


def count_labels(key: str) -> int:
    """Return the number of labels in the domain of a wildcard pattern's key; 0 for other patterns."""
    return key.count(".") + 1 if key.startswith(_WILDCARD) else 0


def find_keys(address: str, max_labels: int) -> MatchingKeys:
    """Return the keys of the patterns that match an address. A text without a domain matches `*` only.

    DECISION: the guide ranks the four forms and nothing within one form: `*.mail.example.com` is as specific as `*.example.com`.

    Args:
        max_labels: the highest number of labels in a wildcard pattern's domain. It bounds the work for an address with thousands of labels.
    """
    key = canonical(address)
    _, at, domain = key.rpartition("@")
    if not at or not domain:
        return (_MATCHES_ANY,)
    return (
        (Specificity.MAILBOX, (_MAILBOX + key,)),
        (Specificity.DOMAIN, (_DOMAIN + domain,)),
        (Specificity.DOMAIN_AND_SUBDOMAINS, tuple(_parent_keys(domain, max_labels))),
        _MATCHES_ANY,
    )


def _parent_keys(domain: str, max_labels: int) -> Iterator[str]:
    """Yield the wildcard keys of the domain and of its parents with at most `max_labels` labels, longest first."""
    parts = domain.rsplit(".", max_labels)
    for first in range(len(parts)):
        yield _WILDCARD + ".".join(parts[first:])
