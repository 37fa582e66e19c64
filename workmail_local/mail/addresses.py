"""Mail addresses: their domain, and the members of a group. `mailhooks.address_patterns` checks and compares them."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from mailhooks.address_patterns import ascii_domain, canonical


def list_addresses(addresses: str | Sequence[str]) -> tuple[str, ...]:
    """Return one address, or several, as a tuple. A text is one address; "" is none.

    >>> list_addresses("ana@example.com"), list_addresses(["ana@example.com", "ben@example.com"])
    (('ana@example.com',), ('ana@example.com', 'ben@example.com'))
    """
    return tuple(filter(None, [addresses] if isinstance(addresses, str) else addresses))


def domain_of(address: str) -> str:
    """Return the domain after the last `@`, as `ascii_domain` writes it; "" when there is none. Never raises.

    >>> domain_of("ana@Bücher.example"), domain_of("ana")
    ('xn--bcher-kva.example', '')
    """
    domain: str
    _, at, domain = address.rpartition("@")
    return ascii_domain(domain) if at else ""


def expand_group(address: str, groups: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield the canonical addresses of a group's members, each once, through all nested groups. Groups may contain each other.

    >>> groups = {"all@example.com": ["ana@example.com", "team@example.com"], "team@example.com": ["bo@example.com"]}
    >>> list(expand_group("All@example.com", groups))
    ['ana@example.com', 'bo@example.com']

    Args:
        address: of a group; one that is no group is yielded itself.
        groups: members by the group's canonical address.
    """
    waiting, seen = [address], set[str]()
    while waiting:
        each = canonical(waiting.pop())
        if each in seen:
            continue
        seen.add(each)
        if each in groups:
            waiting.extend(reversed(list(groups[each])))
        else:
            yield each
