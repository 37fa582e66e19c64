"""Sets of a message's recipients, and the addresses that a rule names.

A set has one bit for each recipient. Its operations are as fast for 500 recipients as for 1, so that the time of a large policy does not
grow with the number of recipients.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from mailhooks.address_patterns import Pattern, Specificity, canonical, remove_tag
from mailhooks.policy.facts.regex import LineRegex

UNLISTED: Final = ""
"""The address of the recipients that a truncated event omits (guide, "Lambda event data": `truncated`). Only the pattern `*` matches it."""


class RecipientSet:
    """An immutable set of recipients of one message. The lowest of `bits` is the first recipient."""

    __slots__ = ("bits",)

    def __init__(self, bits: int = 0) -> None:
        self.bits = bits

    def __and__(self, other: "RecipientSet") -> "RecipientSet":
        return RecipientSet(self.bits & other.bits)

    def __or__(self, other: "RecipientSet") -> "RecipientSet":
        return RecipientSet(self.bits | other.bits)

    def __sub__(self, other: "RecipientSet") -> "RecipientSet":
        return RecipientSet(self.bits & ~other.bits)

    def __bool__(self) -> bool:
        return self.bits != 0

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecipientSet) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"RecipientSet({self.bits:#b})"


NO_RECIPIENTS: Final = RecipientSet()


class Recipients:
    """The recipients of one message, indexed by address and by domain. A `truncated` event omits recipients.

    Attributes:
        addresses: the address of each recipient, in lower case and without repetition. Comparisons use the form of `canonical`.
        all: the set of all recipients.
    """

    def __init__(self, addresses: Iterable[str], *, truncated: bool = False) -> None:
        unique = dict.fromkeys(address.lower() for address in addresses)
        self.addresses = (*unique, *((UNLISTED,) if truncated else ()))
        self.all = RecipientSet((1 << len(self.addresses)) - 1)
        self._by_address: dict[str, int] = {}
        self._by_domain: dict[str, int] = {}
        self._by_suffix: dict[str, int] = {}
        for index, address in enumerate(self.addresses):
            self._index(1 << index, canonical(address))

    def _index(self, bit: int, address: str) -> None:
        self._by_address[address] = self._by_address.get(address, 0) | bit
        domain = address.rpartition("@")[2]
        if not domain:
            return
        self._by_domain[domain] = self._by_domain.get(domain, 0) | bit
        suffix = domain
        while suffix:
            self._by_suffix[suffix] = self._by_suffix.get(suffix, 0) | bit
            suffix = suffix.partition(".")[2]

    @cached_property
    def joined(self) -> str:
        """All addresses in canonical form, one on each line."""
        return "\n".join(map(canonical, self.addresses))

    def find(self, address: str) -> RecipientSet:
        """Return the recipients with this address. There are several if the event spells it in several ways."""
        return RecipientSet(self._by_address.get(canonical(address), 0))

    def with_addresses(self, addresses: frozenset[str]) -> RecipientSet:
        """Return the recipients with one of these canonical addresses."""
        return _union(addresses, self._by_address)

    @cached_property
    def _by_untagged(self) -> dict[str, int]:
        """The recipients with a tag, such as ana+news@example.com, by their addresses without it."""
        found: dict[str, int] = {}
        for address, bits in self._by_address.items():
            if "+" in address and (untagged := remove_tag(address)) != address:
                found[untagged] = found.get(untagged, 0) | bits
        return found

    def with_tagged(self, addresses: frozenset[str]) -> RecipientSet:
        """Return the recipients with one of these canonical addresses and a tag."""
        return _union(addresses, self._by_untagged)

    def in_domains(self, domains: frozenset[str]) -> RecipientSet:
        """Return the recipients in one of these domains."""
        return _union(domains, self._by_domain)

    def in_or_below_domains(self, domains: frozenset[str]) -> RecipientSet:
        """Return the recipients in one of these domains or in a subdomain of one."""
        return _union(domains, self._by_suffix)

    def list_addresses(self, recipients: RecipientSet) -> Iterator[str]:
        """Yield the addresses of a set, in the order of the event."""
        bits = recipients.bits
        while bits:
            lowest = bits & -bits
            yield self.addresses[lowest.bit_length() - 1]
            bits ^= lowest

    def select(self, test: Callable[[str], bool], candidates: RecipientSet) -> RecipientSet:
        """Return the candidates whose address passes a test."""
        found, bits = 0, candidates.bits
        while bits:
            lowest = bits & -bits
            if test(self.addresses[lowest.bit_length() - 1]):
                found |= lowest
            bits ^= lowest
        return RecipientSet(found)


def _union(keys: frozenset[str], index: dict[str, int]) -> RecipientSet:
    bits = 0
    if len(keys) <= len(index):
        for key in keys:
            bits |= index.get(key, 0)
    else:
        for key, found in index.items():
            if key in keys:
                bits |= found
    return RecipientSet(bits)


class AddressSet(NamedTuple):
    """The addresses that a condition names: WorkMail's pattern forms and regular expressions. One of them has to match.

    >>> AddressSet.of([Pattern.parse("*.example.com"), Pattern.parse("ana@example.net")]).matches("bo@mail.example.com")
    True
    """

    mailboxes: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()
    everyone: bool = False
    regexes: tuple[LineRegex, ...] = ()
    shared: "tuple[AddressSet, ...]" = ()
    plus_addresses: bool = False
    """Whether `ana+tag@example.com` matches the mailbox `ana@example.com`, also of a shared set."""

    @classmethod
    def of(
        cls,
        patterns: Iterable[Pattern],
        regexes: Iterable[LineRegex] = (),
        shared: "Iterable[AddressSet]" = (),
        *,
        plus_addresses: bool = False,
    ) -> "AddressSet":
        """Make a set. `shared` are sets of the policy's lists: rules that name the same list share one set."""
        by: dict[Specificity, set[str]] = {specificity: set() for specificity in Specificity}
        for pattern in patterns:
            by[pattern.specificity].add(pattern.text)
        return cls(
            frozenset(by[Specificity.MAILBOX]),
            frozenset(by[Specificity.DOMAIN]),
            frozenset(by[Specificity.DOMAIN_AND_SUBDOMAINS]),
            bool(by[Specificity.ANY_ADDRESS]),
            tuple(regexes),
            tuple(shared),
            plus_addresses,
        )

    def matches(self, address: str) -> bool:
        """Return whether an address matches, regardless of case and of A-labels or U-labels in the domain."""
        address = canonical(address)
        if self.plus_addresses and "+" in address and self._has_mailbox(remove_tag(address)):
            return True
        domain = address.rpartition("@")[2]
        if self.everyone or address in self.mailboxes or domain in self.domains:
            return True
        suffix = domain if self.suffixes else ""
        while suffix:
            if suffix in self.suffixes:
                return True
            suffix = suffix.partition(".")[2]
        return any(one.matches(address) for one in self.shared) or self._matches_regex(address)

    def _has_mailbox(self, address: str) -> bool:
        return address in self.mailboxes or any(one._has_mailbox(address) for one in self.shared)

    def _matching_tagged(self, recipients: Recipients) -> RecipientSet:
        found = recipients.with_tagged(self.mailboxes)
        for one in self.shared:
            found |= one._matching_tagged(recipients)
        return found

    def _matches_regex(self, address: str) -> bool:
        return bool(address) and any(regex.search(address) for regex in self.regexes)

    def matching(self, recipients: Recipients, candidates: RecipientSet) -> RecipientSet:
        """Return the candidates whose address matches."""
        if self.everyone:
            return candidates
        found = NO_RECIPIENTS
        if self.mailboxes:
            found |= recipients.with_addresses(self.mailboxes)
        if self.domains:
            found |= recipients.in_domains(self.domains)
        if self.suffixes:
            found |= recipients.in_or_below_domains(self.suffixes)
        for one in self.shared:
            found |= one.matching(recipients, candidates)
        if self.plus_addresses:
            found |= self._matching_tagged(recipients)
        # Most expressions match no address: one search in all addresses is faster than one search for each.
        if any(regex.may_match_a_line(recipients.joined) for regex in self.regexes):
            found |= recipients.select(lambda address: self._matches_regex(canonical(address)), candidates - found)
        return found & candidates
