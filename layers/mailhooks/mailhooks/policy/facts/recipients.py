"""The recipients of a message as bits of a number: what holds for which of them is one number, and the rules of a large policy take no time
for each recipient.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mailhooks.address_patterns import Pattern, Specificity, canonical
from mailhooks.policy.facts.regex import LineRegex

UNLISTED = ""
"""Stands for the recipients that a truncated event leaves out (guide, "Lambda event data": `truncated`): in no domain, but under `*`."""


@dataclass(slots=True)
class Recipients:
    """Addresses, in lower case and none twice, and which bits fall under what.

    Attributes:
        addresses: the address of each bit, as the event has it; compared is what `canonical` makes of them.
        everybody: all bits.
    """

    addresses: tuple[str, ...]
    everybody: int = 0
    _by_address: dict[str, int] = field(default_factory=dict)
    _by_domain: dict[str, int] = field(default_factory=dict)
    _by_suffix: dict[str, int] = field(default_factory=dict)
    _joined: str = ""

    @classmethod
    def of(cls, addresses: Iterable[str], *, truncated: bool = False) -> "Recipients":
        """Of the event's addresses, in their order."""
        unique = dict.fromkeys(address.lower() for address in addresses)
        found = cls((*unique, *((UNLISTED,) if truncated else ())))
        for index, address in enumerate(found.addresses):
            found._add(1 << index, address)
        return found

    @property
    def joined(self) -> str:
        """All addresses, one a line, as they are compared."""
        if not self._joined:
            self._joined = "\n".join(map(canonical, self.addresses))
        return self._joined

    def _add(self, bit: int, address: str) -> None:
        self.everybody |= bit
        address = canonical(address)
        self._by_address[address] = self._by_address.get(address, 0) | bit
        domain = address.rpartition("@")[2]
        if not domain:
            return
        self._by_domain[domain] = self._by_domain.get(domain, 0) | bit
        suffix = domain
        while suffix:
            self._by_suffix[suffix] = self._by_suffix.get(suffix, 0) | bit
            suffix = suffix.partition(".")[2]

    def of_address(self, address: str) -> int:
        """The bit of an address, or the bits of its spellings; 0 for one that is not among them."""
        return self._by_address.get(canonical(address), 0)

    def among_addresses(self, wanted: frozenset[str]) -> int:
        return self._any(wanted, self._by_address)

    def in_domains(self, wanted: frozenset[str]) -> int:
        return self._any(wanted, self._by_domain)

    def below(self, wanted: frozenset[str]) -> int:
        """Those in these domains or in any domain below one of them."""
        return self._any(wanted, self._by_suffix)

    def named(self, bits: int) -> Iterator[tuple[int, str]]:
        """Bit and address of each of these."""
        while bits:
            bit = bits & -bits
            yield bit, self.addresses[bit.bit_length() - 1]
            bits ^= bit

    @staticmethod
    def _any(wanted: frozenset[str], index: dict[str, int]) -> int:
        bits = 0
        if len(wanted) <= len(index):
            for key in wanted:
                bits |= index.get(key, 0)
        else:
            for key, found in index.items():
                if key in wanted:
                    bits |= found
        return bits


@dataclass(frozen=True, slots=True)
class AddressSet:
    """What addresses are looked for, by WorkMail's pattern forms and by regular expression; one of them has to fit.

    >>> AddressSet.of([Pattern.parse("*.example.com"), Pattern.parse("ana@example.net")]).matches("bo@mail.example.com")
    True
    """

    mailboxes: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()
    anybody: bool = False
    regexes: tuple[LineRegex, ...] = ()
    shared: "tuple[AddressSet, ...]" = ()

    @classmethod
    def of(cls, patterns: Iterable[Pattern], regexes: Iterable[LineRegex] = (), shared: "Iterable[AddressSet]" = ()) -> "AddressSet":
        """`shared` are sets that others have too, such as those of the policy's lists: they are not copied."""
        by: dict[Specificity, set[str]] = {kind: set() for kind in Specificity}
        for pattern in patterns:
            by[pattern.specificity].add(pattern.text)
        return cls(
            frozenset(by[Specificity.MAILBOX]),
            frozenset(by[Specificity.DOMAIN]),
            frozenset(by[Specificity.DOMAIN_AND_SUBDOMAINS]),
            bool(by[Specificity.ANY_ADDRESS]),
            tuple(regexes),
            tuple(shared),
        )

    def matches(self, address: str) -> bool:
        """Whether an address falls under it; case does not matter, nor whether a domain has A-labels or U-labels."""
        address = canonical(address)
        domain = address.rpartition("@")[2]
        if self.anybody or address in self.mailboxes or domain in self.domains:
            return True
        suffix = domain if self.suffixes else ""
        while suffix:
            if suffix in self.suffixes:
                return True
            suffix = suffix.partition(".")[2]
        if any(one.matches(address) for one in self.shared):
            return True
        return bool(address) and any(regex.search(address) for regex in self.regexes)

    def mask(self, recipients: Recipients, among: int) -> int:
        """Which of the recipients `among` fall under it."""
        if self.anybody:
            return among
        bits = 0
        if self.mailboxes:
            bits |= recipients.among_addresses(self.mailboxes)
        if self.domains:
            bits |= recipients.in_domains(self.domains)
        if self.suffixes:
            bits |= recipients.below(self.suffixes)
        for one in self.shared:
            bits |= one.mask(recipients, among)
        for regex in self.regexes:
            if not regex.may_be_in(recipients.joined):
                continue
            for bit, address in recipients.named(among & ~bits):
                if address and regex.search(canonical(address)):
                    bits |= bit
        return bits & among
