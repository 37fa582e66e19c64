"""The services that conditions use, each optional and behind a Protocol."""

from dataclasses import dataclass
from typing import Protocol

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


class Directory(Protocol):
    """The groups and domains of the organization."""

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        """Return the addresses of all members of a group and of the groups in it, in lower case. Empty for an unknown group.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """

    def domains(self, deadline: Deadline) -> frozenset[str]:
        """Return the organization's mail domains, in lower case. Raises as `members`."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services that a function has."""

    rates: Rates | None = None
    directory: Directory | None = None
