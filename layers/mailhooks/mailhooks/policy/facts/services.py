"""What a policy may ask of the world, each optional and behind a Protocol. Neither knows which service answers."""

from dataclasses import dataclass
from typing import Protocol

from mailhooks.deadline import Deadline


class Rates(Protocol):
    """Counts messages."""

    def hit(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:
        """Counts a message under `key`, once however often it is said with the same `invocation_id`.

        Args:
            key: what is counted, at most 1,000 characters.
            window_s: how far back messages count, in seconds.
            limit: what the caller compares with; above it the answer need not be exact.

        Returns:
            How many messages of the window that ends with this one were counted up to it, itself included; the same when it is asked again.

        Raises:
            PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """


class Directory(Protocol):
    """Knows the organization."""

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        """The addresses of all members of a group, those of groups in it included; lower-case. Empty for an unknown group.

        Raises:
            PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """

    def domains(self, deadline: Deadline) -> frozenset[str]:
        """The organization's mail domains, lower-case. Raises as `members`."""


@dataclass(frozen=True, slots=True)
class Services:
    """What there is of them."""

    rates: Rates | None = None
    directory: Directory | None = None
