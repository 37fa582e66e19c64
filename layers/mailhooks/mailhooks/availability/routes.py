"""Which backend knows a mailbox: by WorkMail's own pattern forms, the narrowest wins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailhooks.address_patterns import Pattern
from mailhooks.availability.errors import LookupFailed, MailboxNotFound, NotRouted


@dataclass(frozen=True, slots=True)
class Routes:
    """Patterns, each with a backend's name; of two equally narrow ones the first counts."""

    entries: tuple[tuple[Pattern, str], ...]

    @classmethod
    def of(cls, named: Mapping[str, str] | Iterable[tuple[str, str]]) -> "Routes":
        """From patterns as text and names.

        Raises:
            ValueError: a text is no pattern.
        """
        pairs = named.items() if isinstance(named, Mapping) else named
        return cls(tuple((Pattern.parse(text), name) for text, name in pairs))

    def of_mailbox(self, mailbox: str) -> str | LookupFailed:
        """The name of the mailbox's backend, or why it has none."""
        local, at, domain = mailbox.rpartition("@")
        if not (local and at and domain):
            return MailboxNotFound("no address of a mailbox")
        matching = [(pattern, name) for pattern, name in self.entries if pattern.matches(mailbox)]
        if not matching:
            return NotRouted("no route leads to a backend for this domain")
        return max(matching, key=lambda entry: entry[0].specificity)[1]
