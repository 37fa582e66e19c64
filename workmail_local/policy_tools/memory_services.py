"""The services of a policy, in memory: counts and groups that the caller gives. They need no network."""

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from mailhooks.address_patterns import ascii_domain, canonical
from mailhooks.deadline import Deadline
from mailhooks.errors import StillHeld
from mailhooks.hooks.invocation import Mail
from mailhooks.policy import Outcome
from mailhooks.report_names import HoldState
from workmail_local.mail.addresses import expand_group


class MemoryRates:
    """Counts of messages in a sliding window; each invocation counts once.

    Args:
        clock: returns the time at which a message is counted, in seconds. Times may decrease: mail is replayed in the order of its files.
        before: the number of earlier messages that is added to every count.
    """

    def __init__(self, clock: Callable[[], float], before: int = 0) -> None:
        self._clock = clock
        self._before = before
        self._times: dict[str, list[float]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def increment(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:  # noqa: ARG002 - the protocol's
        """Count a message; see `mailhooks.policy.Rates`."""
        if (key, invocation_id) not in self._counts:
            now = self._clock()
            times = self._times.setdefault(key, [])
            insort(times, now)
            count = bisect_right(times, now) - bisect_right(times, now - window_s)
            self._counts[key, invocation_id] = self._before + count
        return self._counts[key, invocation_id]


class MemoryContacts:
    """Records of addresses that have written to each other. They have no end.

    Args:
        known: addresses that have written to all others before.
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        self._known = frozenset(map(canonical, known))
        self._first: dict[tuple[str, str], str] = {}
        self._withdrawn: set[tuple[tuple[str, str], str]] = set()

    def record(
        self,
        pairs: Collection[tuple[str, str]],
        invocation_id: str,
        *,
        keep_s: int,  # noqa: ARG002 - the protocol's
        deadline: Deadline,  # noqa: ARG002 - the protocol's
    ) -> frozenset[tuple[str, str]]:
        """Record the pairs of a message; see `mailhooks.policy.Contacts`."""
        new = (pair for pair in pairs if self._known.isdisjoint(pair))
        return frozenset(
            pair for pair in new if self._first.setdefault(pair, invocation_id) == invocation_id or (pair, invocation_id) in self._withdrawn
        )

    def withdraw(
        self,
        pairs: Collection[tuple[str, str]],
        invocation_id: str,
        *,
        deadline: Deadline,  # noqa: ARG002 - the protocol's
    ) -> None:
        """Withdraw the records of pairs; see `mailhooks.policy.Contacts`."""
        for pair in pairs:
            if self._first.get(pair) == invocation_id:
                del self._first[pair]
                self._withdrawn.add((pair, invocation_id))


class MemoryHolds:
    """Holds that all have the same state. Implements `mailhooks.core.side_effects_base.Holds`.

    Args:
        reason: of a rejection.
    """

    def __init__(self, state: HoldState = HoldState.PENDING, reason: str = "") -> None:
        self._state = state
        self._reason = reason

    def resolve(self, mail: Mail, outcome: Outcome) -> Outcome:  # noqa: ARG002 - the protocol's
        """Return the outcome after the decisions on its holds; see `Holds.resolve`."""
        return self.decide(outcome)

    def decide(self, outcome: Outcome) -> Outcome:
        """Return the outcome after the decisions on its holds. A hold whose recipients an earlier one refused needs none.

        Raises:
            StillHeld: the state is pending, and a rule holds the message.
        """
        wanted = [each for each in outcome.holds if each.recipients]
        if wanted and self._state is HoldState.PENDING:
            raise StillHeld({each.rule.name: HoldState.PENDING for each in wanted})
        for each in wanted:
            if each.recipients & outcome.reached:
                outcome = outcome.with_decision(each, self._state, self._reason)
        return outcome


@dataclass(frozen=True, slots=True)
class MemoryPerson:
    """A person with a display name."""

    name: str
    addresses: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        return canonical(self.addresses[0])


class MemoryDirectory:
    """The organization's groups, people and domains, from the command line.

    Args:
        people: the addresses of each person by display name, at least one.

    Attributes:
        unknown: groups that a policy asked for and the caller did not give.
        misses_people: whether a policy asked for people and the caller gave none.
    """

    def __init__(
        self,
        groups: Mapping[str, Collection[str]],
        domains: Collection[str] = (),
        people: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._groups = {canonical(group): members for group, members in groups.items()}
        self._domains = frozenset(map(ascii_domain, domains))
        self._people = {name: MemoryPerson(name, tuple(addresses)) for name, addresses in (people or {}).items()}
        self._listed = tuple(self._people.values())
        self.unknown: set[str] = set()
        self.misses_people = False

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """See `mailhooks.policy.Directory`. Groups may contain each other."""
        if canonical(group) not in self._groups:
            self.unknown.add(canonical(group))
            return frozenset()
        return frozenset(expand_group(group, self._groups))

    def domains(self, deadline: Deadline) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Return the organization's domains; see `mailhooks.policy.Directory`."""
        return self._domains

    def people(self, deadline: Deadline) -> tuple[MemoryPerson, ...]:  # noqa: ARG002 - the protocol's
        """Return the people; see `mailhooks.policy.Directory`."""
        self.misses_people = not self._listed
        return self._listed

    def addresses(self, user: str, deadline: Deadline) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Return the addresses of a person, given by name; see `mailhooks.policy.Directory`."""
        return frozenset(map(canonical, self._people[user].addresses))
