"""Groups that contain groups: who a message to a group goes to."""

from collections.abc import Collection, Iterator, Mapping

from mailhooks.address_patterns import canonical


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
