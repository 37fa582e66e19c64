"""The services of a policy, in memory: counts and groups that the caller gives. They need no network."""

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Mapping

from local.mail.addresses import expand_group
from mailhooks.address_patterns import ascii_domain, canonical
from mailhooks.deadline import Deadline


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


class MemoryDirectory:
    """The organization's groups and domains, from the command line.

    Attributes:
        unknown: groups that a policy asked for and the caller did not give.
    """

    def __init__(self, groups: Mapping[str, Collection[str]], domains: Collection[str] = ()) -> None:
        self._groups = {canonical(group): members for group, members in groups.items()}
        self._domains = frozenset(map(ascii_domain, domains))
        self.unknown: set[str] = set()

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """See `mailhooks.policy.Directory`. Groups may contain each other."""
        if canonical(group) not in self._groups:
            self.unknown.add(canonical(group))
            return frozenset()
        return frozenset(expand_group(group, self._groups))

    def domains(self, deadline: Deadline) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Return the organization's domains; see `mailhooks.policy.Directory`."""
        return self._domains
