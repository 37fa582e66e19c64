"""Compares addresses, and matches them with the patterns of WorkMail's flow rules.

The forms of patterns: guide, "Managing email flows", "Configuring email flow rules".
"""

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mailhooks.patterns import compile_late

_FORMS: Final = "a pattern: mailbox@example.com, example.com, *.example.com or *"
PATTERN_FORMS: Final = f"{_FORMS}, without +"

ADDRESS: Final = compile_late(r"[^\s@<>,;]+@[^\s@<>,;]+")
"""One address without a display name. A second `@` is rejected, because two programs could read two different domains."""

_LABEL: Final = r"[^\W_](?:[\w-]*[^\W_])?"
_DOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})+"
_MAILBOX: Final = compile_late(rf"[^\s@+*,;:<>()\[\]\"\\]+@{_DOMAIN}")
_TAGGED_MAILBOX: Final = compile_late(rf"[^\s@*,;:<>()\[\]\"\\]+@{_DOMAIN}")
_WILDCARD: Final = compile_late(rf"\*\.{_DOMAIN}")
_EXACT: Final = compile_late(_DOMAIN)

_LONGEST_DOMAIN: Final = 253
_LONGEST_LABEL: Final = 63
"""Octets (RFC 1035 section 2.3.4), and so at most as many characters. A longer text is not a domain, and not converted."""

DOMAIN_FORM: Final = "a domain such as example.com"

_DOTS: Final = compile_late("[.\u3002\uff0e\uff61]")
"""The full stops of other scripts separate labels too (RFC 3490 section 3.1)."""

_IN_DNS: Final = compile_late(r"[a-z0-9_-]+")

_INVISIBLE: Final = compile_late("[\u00ad\u034f\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]")
"""Invisible characters, which are dropped from a domain (RFC 3454, table B.1)."""


def canonical(address: str) -> str:
    """Return an address in its canonical form: lower case, with A-labels in the domain. Equal addresses have equal forms. Never raises.

    >>> canonical("Müller@Bücher.example")
    'müller@xn--bcher-kva.example'
    """
    address = address.lower()
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


def remove_tag(address: str) -> str:
    """Return an address without the tag of a plus address (RFC 5233 section 4, "subaddress").

    >>> remove_tag("ana+news@example.com"), remove_tag("+news@example.com")
    ('ana@example.com', '+news@example.com')
    """
    if "+" not in address:
        return address
    local, at, domain = address.rpartition("@")
    mailbox = local.partition("+")[0]
    return f"{mailbox}{at}{domain}" if mailbox and at else address


def ascii_domain(domain: str) -> str:
    """Return a domain in lower case with A-labels for its U-labels (RFC 5890 section 2.3.2.1). Never raises.

    A text that is not a domain is returned in lower case.
    """
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


def parse_domain(text: str) -> str:
    """Return a domain in the form of `ascii_domain`.

    Raises:
        ValueError: the text is not a domain (RFC 1035 section 2.3.1) below a top-level domain.
    """
    domain = unicodedata.normalize("NFC", text.strip()).lower()
    if _EXACT.fullmatch(domain):
        domain = ascii_domain(domain)
        labels = domain.split(".")
        # The last label of an IP address is a number.
        if domain.isascii() and len(domain) <= _LONGEST_DOMAIN and max(map(len, labels)) <= _LONGEST_LABEL and not labels[-1].isdigit():
            return domain
    raise ValueError(DOMAIN_FORM)


def _ascii_label(label: str) -> str | None:
    """Return the A-label for a label; None if it is not a label.

    The standard library's `encodings.idna` implements IDNA2003 and Unicode 3.2: it converts straße.example to strasse.example, another
    domain today (RFC 5894 section 7.2), and it is many times slower on hostile labels.
    """
    if label.isascii():
        return label
    if len(label) > _LONGEST_LABEL:
        return None
    ascii_label = unicodedata.normalize("NFKC", _INVISIBLE.sub("", label)).lower()
    if not ascii_label.isascii():
        ascii_label = f"xn--{ascii_label.encode('punycode').decode('ascii')}"
    return ascii_label if len(ascii_label) <= _LONGEST_LABEL and _IN_DNS.fullmatch(ascii_label) else None


class Specificity(IntEnum):
    """How narrow a pattern is. Of the rules that match, WorkMail applies the narrowest."""

    ANY_ADDRESS = 0
    DOMAIN_AND_SUBDOMAINS = 1
    DOMAIN = 2
    MAILBOX = 3


@dataclass(frozen=True, slots=True)
class Pattern:
    """`mailbox@example.com`, `example.com`, `*.example.com` (the domain and all its subdomains) or `*`.

    >>> Pattern.parse("*.example.com").matches("someone@mail.example.com")
    True

    Attributes:
        text: without the asterisk, in canonical form.
    """

    text: str
    specificity: Specificity

    @classmethod
    def parse(cls, text: str, *, tagged: bool = False) -> "Pattern":
        """Parse a pattern.

        Args:
            tagged: whether a mailbox may have a `+`. WorkMail's flow rules reject it.

        Raises:
            ValueError: it has none of the four forms.
        """
        # Composed: a letter and its accent as two characters do not match `_LABEL`.
        pattern = unicodedata.normalize("NFC", text.strip()).lower()
        if pattern == "*":
            return cls("", Specificity.ANY_ADDRESS)
        if _WILDCARD.fullmatch(pattern):
            return cls(_require_ascii(pattern[2:]), Specificity.DOMAIN_AND_SUBDOMAINS)
        if (_TAGGED_MAILBOX if tagged else _MAILBOX).fullmatch(pattern):
            local, _, domain = pattern.rpartition("@")
            return cls(f"{local}@{_require_ascii(domain)}", Specificity.MAILBOX)
        if _EXACT.fullmatch(pattern):
            return cls(_require_ascii(pattern), Specificity.DOMAIN)
        raise ValueError(_FORMS if tagged else PATTERN_FORMS)

    def __str__(self) -> str:
        """The pattern with its text in canonical form."""
        before = {Specificity.ANY_ADDRESS: "*", Specificity.DOMAIN_AND_SUBDOMAINS: "*."}
        return before.get(self.specificity, "") + self.text

    def matches(self, address: str) -> bool:
        """Return whether the pattern matches an address. `""` (no address) matches `*` only."""
        address = canonical(address)
        domain = address.rpartition("@")[2]
        if self.specificity is Specificity.MAILBOX:
            return address == self.text
        in_subdomain = self.specificity is Specificity.DOMAIN_AND_SUBDOMAINS and domain.endswith("." + self.text)
        return self.specificity is Specificity.ANY_ADDRESS or domain == self.text or in_subdomain


def _require_ascii(domain: str) -> str:
    ascii_form = ascii_domain(domain)
    if not ascii_form.isascii():
        raise ValueError(PATTERN_FORMS)
    return ascii_form
