"""Address patterns in the forms that WorkMail's flow rules take (guide, "Managing email flows", "Configuring email flow rules")."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

PATTERN_FORMS: Final = "a pattern: mailbox@example.com, example.com, *.example.com or *, without +"

_LABEL: Final = r"[^\W_](?:[\w-]*[^\W_])?"
_DOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})+"
_MAILBOX: Final = re.compile(rf"[^\s@+*,;:<>()\[\]\"\\]+@{_DOMAIN}")
_WILDCARD: Final = re.compile(rf"\*\.{_DOMAIN}")
_EXACT: Final = re.compile(_DOMAIN)

_LONGEST_DOMAIN: Final = 253
_LONGEST_LABEL: Final = 63
"""Octets (RFC 1035 section 2.3.4), and so at most as many characters: what is longer is no domain, and not worth the time."""

_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
"""The full stops of other scripts part labels too (RFC 3490 section 3.1)."""

_IN_DNS: Final = re.compile(r"[a-z0-9_-]+")

_NOTHING: Final = re.compile("[\u00ad\u034f\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]")
"""Characters that are in no domain, although people see none there (RFC 3454, table B.1)."""


def canonical(address: str) -> str:
    """An address in the one form in which addresses are compared: lower-case, its domain as the DNS has it. Never raises.

    >>> canonical("Müller@Bücher.example")
    'müller@xn--bcher-kva.example'
    """
    address = address.lower()
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """A domain with A-labels for its U-labels (RFC 5890 section 2.3.2.1), lower-case; what is no domain stays as it is. Never raises."""
    domain = domain.lower()
    if domain.isascii() or len(domain) > _LONGEST_DOMAIN:
        return domain
    labels: list[str] = []
    for each in _DOTS.split(domain):
        label = _ascii_label(each)
        if label is None:
            return domain
        labels.append(label)
    return ".".join(labels)


def _ascii_label(label: str) -> str | None:
    """None for what cannot be one.

    Not by the standard library's `encodings.idna`, which knows IDNA2003 and Unicode 3.2: it takes straße.example for strasse.example, which
    is another domain today (RFC 5894 section 7.2), and for hostile labels it takes many times as long.
    """
    if label.isascii():
        return label
    if len(label) > _LONGEST_LABEL:
        return None
    made = unicodedata.normalize("NFKC", _NOTHING.sub("", label)).lower()
    if not made.isascii():
        made = f"xn--{made.encode('punycode').decode('ascii')}"
    return made if len(made) <= _LONGEST_LABEL and _IN_DNS.fullmatch(made) else None


class Specificity(IntEnum):
    """How narrow a pattern is; of the rules that match, the narrowest wins."""

    ANYBODY = 0
    DOMAIN_AND_SUBDOMAINS = 1
    DOMAIN = 2
    MAILBOX = 3


@dataclass(frozen=True, slots=True)
class Pattern:
    """`mailbox@example.com`, `example.com`, `*.example.com` (the domain and all its subdomains) or `*`.

    >>> Pattern.parse("*.example.com").matches("someone@mail.example.com")
    True

    Attributes:
        text: without the asterisk, as `canonical` makes it.
    """

    text: str
    specificity: Specificity

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Raises:
        ValueError: none of the four forms; `+` is in none of them.
        """
        # Composed, as a letter and its accent apart are no letter of a label.
        pattern = unicodedata.normalize("NFC", text.strip()).lower()
        if pattern == "*":
            return cls("", Specificity.ANYBODY)
        if _WILDCARD.fullmatch(pattern):
            return cls(_in_dns(pattern[2:]), Specificity.DOMAIN_AND_SUBDOMAINS)
        if _MAILBOX.fullmatch(pattern):
            local, _, domain = pattern.rpartition("@")
            return cls(f"{local}@{_in_dns(domain)}", Specificity.MAILBOX)
        if _EXACT.fullmatch(pattern):
            return cls(_in_dns(pattern), Specificity.DOMAIN)
        raise ValueError(PATTERN_FORMS)

    def __str__(self) -> str:
        """As it is compared."""
        before = {Specificity.ANYBODY: "*", Specificity.DOMAIN_AND_SUBDOMAINS: "*."}
        return before.get(self.specificity, "") + self.text

    def matches(self, address: str) -> bool:
        """Whether the address falls under the pattern; see `canonical`. `""` (no address) falls under `*` only."""
        address = canonical(address)
        domain = address.rpartition("@")[2]
        match self.specificity:
            case Specificity.ANYBODY:
                return True
            case Specificity.DOMAIN_AND_SUBDOMAINS:
                return domain == self.text or domain.endswith("." + self.text)
            case Specificity.DOMAIN:
                return domain == self.text
            case Specificity.MAILBOX:
                return address == self.text


def _in_dns(domain: str) -> str:
    found = ascii_domain(domain)
    if not found.isascii():
        raise ValueError(PATTERN_FORMS)
    return found


def narrowest(patterns: Iterable[Pattern], address: str) -> Specificity | None:
    """How narrowly the patterns match the address at best; None when they do not."""
    return max((pattern.specificity for pattern in patterns if pattern.matches(address)), default=None)
