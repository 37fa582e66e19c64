"""Mail addresses: their syntax in SMTP, their domain, and the members of a group. `mailhooks.address_patterns.canonical` compares them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from mailhooks.address_patterns import ascii_domain, canonical

MAX_ADDRESS_OCTETS = 64 + 1 + 255
"""RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.2 together.

QUIRK: a local part alone may exceed its 64 octets, as in the bounce addresses that mailing lists make for each recipient (VERP).
"""

# RFC 6531 section 3.3, without controls, line ends and lone surrogates. Octets that are not UTF-8 are decoded to lone surrogates.
_BEYOND_ASCII = r"\xa0-\u2027\u202a-\ud7ff\ue000-\U0010ffff"
# QUIRK: dots may be anywhere in a local part; some providers assign addresses with two in a row, or with one at the end.
_LOCAL = rf'(?:[!#-\'*+\-./0-9=?A-Z^-~{_BEYOND_ASCII}]+|"(?:[ !#-\[\]-~{_BEYOND_ASCII}]|\\[ -~])*")'
_LABEL = rf"[0-9A-Za-z_\-{_BEYOND_ASCII}]+"
_MAILBOX = re.compile(rf"{_LOCAL}@(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])")


def is_mailbox(text: str) -> bool:
    """Return whether the text is an address that SMTP can carry, with SMTPUTF8 if need be.

    >>> is_mailbox("ana@example.com"), is_mailbox('"a b"@example.com'), is_mailbox("ana@example.com\\r\\nBcc: bo@example.com")
    (True, True, False)
    """
    return _MAILBOX.fullmatch(text) is not None and len(text.encode()) <= MAX_ADDRESS_OCTETS


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
