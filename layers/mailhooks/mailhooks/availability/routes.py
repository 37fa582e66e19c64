"""Which backend serves a mailbox, by address patterns in WorkMail's forms."""

from collections.abc import Iterable
from typing import NamedTuple

from mailhooks.address_patterns import Pattern
from mailhooks.availability.errors import LookupFailed, MailboxNotFound, NotRouted


class Routes(NamedTuple):
    """Patterns with the name of a backend. The most specific pattern applies; of equally specific ones the first."""

    entries: tuple[tuple[Pattern, str], ...]

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> "Routes":
        """Parse pairs of a pattern and a backend's name.

        Raises:
            ValueError: a pattern is invalid.
        """
        return cls(tuple((Pattern.parse(text), name) for text, name in pairs))

    def find_backend(self, mailbox: str) -> str | LookupFailed:
        """Return the name of a mailbox's backend, or the failure if it has none."""
        local, at, domain = mailbox.rpartition("@")
        if not (local and at and domain):
            return MailboxNotFound("the mailbox is not an address")
        matching = [(pattern, name) for pattern, name in self.entries if pattern.matches(mailbox)]
        if not matching:
            return NotRouted("no route matches the mailbox's domain")
        return max(matching, key=lambda entry: entry[0].specificity)[1]
