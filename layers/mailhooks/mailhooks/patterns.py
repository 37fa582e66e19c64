"""Address patterns in the forms that WorkMail's flow rules take (guide, "Managing email flows", "Configuring email flow rules")."""

import re
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
    """

    text: str
    specificity: Specificity

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Raises:
        ValueError: none of the four forms; `+` is in none of them.
        """
        pattern = text.strip().lower()
        if pattern == "*":
            return cls("", Specificity.ANYBODY)
        if _WILDCARD.fullmatch(pattern):
            return cls(pattern[2:], Specificity.DOMAIN_AND_SUBDOMAINS)
        if _MAILBOX.fullmatch(pattern):
            return cls(pattern, Specificity.MAILBOX)
        if _EXACT.fullmatch(pattern):
            return cls(pattern, Specificity.DOMAIN)
        raise ValueError(PATTERN_FORMS)

    def __str__(self) -> str:
        """As written, in lower case."""
        before = {Specificity.ANYBODY: "*", Specificity.DOMAIN_AND_SUBDOMAINS: "*."}
        return before.get(self.specificity, "") + self.text

    def matches(self, address: str) -> bool:
        """Whether the address falls under the pattern; case does not matter. `""` (no address) falls under `*` only."""
        address = address.lower()
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


def narrowest(patterns: Iterable[Pattern], address: str) -> Specificity | None:
    """How narrowly the patterns match the address at best; None when they do not."""
    return max((pattern.specificity for pattern in patterns if pattern.matches(address)), default=None)
