"""The rates and groups in memory."""

from mailhooks.deadline import Deadline
from workmail_local.policy_tools.memory_services import MemoryDirectory, MemoryRates

SOON = Deadline.after(60)


def test_a_rate_counts_each_invocation_once_in_a_sliding_window() -> None:
    now = [0.0]
    rates = MemoryRates(lambda: now[0])

    def hit(invocation: str, key: str = "k") -> int:
        return rates.increment(key, invocation, window_s=60, limit=5, deadline=SOON)

    assert [hit("a"), hit("b"), hit("a"), hit("c", "other")] == [1, 2, 1, 1]
    now[0] = 60.0
    assert hit("d") == 1
    now[0] = 61.0
    assert hit("e") == 2
    now[0] = 30.0
    assert hit("f") == 3


def test_groups_contain_groups_also_in_a_circle() -> None:
    directory = MemoryDirectory({"A@x": ["b@x", "Ana@x"], "b@x": ["a@x", "ben@x"]}, ["Example.com"])
    assert directory.members("a@X", SOON) == {"ana@x", "ben@x"}
    assert directory.members("c@x", SOON) == frozenset()
    assert directory.unknown == {"c@x"}
    assert directory.domains(SOON) == {"example.com"}
