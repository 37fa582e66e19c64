"""The services that conditions use, each optional and behind a Protocol."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from mailhooks.deadline import Deadline


class Rates(Protocol):
    """Counters of messages."""

    def increment(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:
        """Count a message under a key, once for each invocation ID.

        The key has at most 1,000 characters. A result above the limit need not be exact.

        Returns:
            The number of messages in the window that ends with this message, this one included. A retry returns the same number.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """


class Contacts(Protocol):
    """Records of addresses that have written to each other."""

    def record(
        self, pairs: Collection[tuple[str, str]], invocation_id: str, *, keep_s: int, deadline: Deadline
    ) -> frozenset[tuple[str, str]]:
        """Record the pairs of addresses of a message, for `keep_s` seconds from the last message of a pair.

        Returns:
            The pairs without an earlier message. A retry of the invocation returns the same.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """

    def withdraw(self, pairs: Collection[tuple[str, str]], invocation_id: str, *, deadline: Deadline) -> None:
        """Withdraw the record of pairs that this invocation recorded as new, so that the next message is new, too.

        A retry of the invocation has the same result as before. Raises as `record`.
        """


class Person(Protocol):
    """A user of the organization."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str:
        """The display name."""

    @property
    def address(self) -> str:
        """The primary address, in lower case."""


class Directory(Protocol):
    """The groups, people and domains of the organization."""

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        """Return the addresses of all members of a group and of the groups in it, in lower case. Empty for an unknown group.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """

    def domains(self, deadline: Deadline) -> frozenset[str]:
        """Return the organization's mail domains, in lower case. Raises as `members`."""

    def people(self, deadline: Deadline) -> Sequence[Person]:
        """Return all users with a display name; the same object until they are loaded again. Raises as `members`."""

    def addresses(self, user: str, deadline: Deadline) -> frozenset[str]:
        """Return all addresses of a user, given by ID, in lower case. Raises as `members`."""


class Services(NamedTuple):
    """The services that a function has."""

    rates: Rates | None = None
    directory: Directory | None = None
    contacts: Contacts | None = None
