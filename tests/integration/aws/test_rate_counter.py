"""The rate counter on moto's DynamoDB over HTTP: sliding window, retries, concurrency."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mailhooks.aws.rate_counter import RETRIED_FOR_S, DynamoRates
from mailhooks.deadline import Deadline
from workmail_local.workmail import LocalWorkMail

KEY = "4:many to ana@example.com"
WINDOW = 60
START = 1_800_000_000.0
"""The start of a bucket of a minute."""


class Clock:
    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Counter:
    """The table, with a clock that the test sets.

    Attributes:
        writes: the update requests.
    """

    def __init__(self, wm: LocalWorkMail) -> None:
        self.clock = Clock()
        self.rates = DynamoRates(wm.rates_table, clock=self.clock)
        self.writes: list[dict[str, Any]] = []
        self._table = wm.rates_table
        self._dynamodb = wm.client("dynamodb")
        self.rates._client.meta.events.register("provide-client-params.dynamodb.UpdateItem", self._note)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.writes.append(params)

    def hit(self, invocation: str, *, key: str = KEY, limit: int = 5, after: float | None = None) -> int:
        if after is not None:
            self.clock.now = START + after
        return self.rates.increment(key, invocation, window_s=WINDOW, limit=limit, deadline=Deadline.after(20))

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._dynamodb.scan(TableName=self._table)["Items"]
        return found


@pytest.fixture
def counter(wm: LocalWorkMail) -> Counter:
    return Counter(wm)


def test_each_message_gets_its_number_and_costs_one_write(counter: Counter) -> None:
    assert [counter.hit(f"i{number}") for number in range(4)] == [1, 2, 3, 4]
    assert len(counter.writes) == 4


def test_keys_and_windows_have_separate_counts(counter: Counter) -> None:
    assert counter.hit("i1") == counter.hit("i1", key="other") == 1
    assert counter.rates.increment(KEY, "i2", window_s=300, limit=5, deadline=Deadline.after(20)) == 1


def test_a_retry_gets_the_same_number_without_a_write(counter: Counter) -> None:
    assert [counter.hit(name) for name in ("i1", "i2", "i1", "i3", "i2", "i1")] == [1, 2, 1, 3, 2, 1]
    assert len(counter.writes) == 3


def test_the_window_slides_over_the_end_of_a_bucket(counter: Counter) -> None:
    for after in (10, 20, 30, 59.999):
        counter.hit(f"i{after}", after=after)
    # The window of 60 seconds before 80 begins after 20.
    assert counter.hit("late", after=80) == 3
    assert counter.hit("later", after=89.999) == 4
    assert counter.hit("latest", after=90) == 4


def test_messages_before_the_window_are_not_counted(counter: Counter) -> None:
    counter.hit("old", after=0)
    assert counter.hit("new", after=120) == 1


def test_a_retry_after_the_end_of_the_bucket_gets_the_same_number(counter: Counter) -> None:
    counter.hit("earlier", after=30)
    assert counter.hit("i1", after=70) == 2
    counter.hit("i2", after=75)
    for after in (119, 121, 185, 70 + RETRIED_FOR_S - WINDOW):
        assert counter.hit("i1", after=after) == 2
    assert len(counter.writes) == 3


def test_a_retry_after_the_longest_rule_timeout_is_a_new_message(counter: Counter) -> None:
    counter.hit("earlier", after=0)
    counter.hit("i1", after=0)
    assert counter.hit("i1", after=RETRIED_FOR_S + 2 * WINDOW) == 1


def test_an_item_expires_after_the_last_retry_of_the_next_bucket(counter: Counter) -> None:
    counter.hit("i1", after=30)
    [item] = counter.items()
    # The last retry of a message at the end of the next bucket.
    assert int(item["expires"]["N"]) >= START + 2 * WINDOW + RETRIED_FOR_S


def test_concurrent_messages_get_different_numbers(counter: Counter) -> None:
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda number: counter.hit(f"i{number}", limit=100), range(40)))
    assert sorted(told) == list(range(1, 41))


def test_concurrent_attempts_of_one_invocation_are_counted_once(counter: Counter) -> None:
    counter.hit("before")
    barrier = threading.Barrier(2)

    def both_have_read(**_: Any) -> None:
        barrier.wait(10)

    counter.rates._client.meta.events.register("before-call.dynamodb.UpdateItem", both_have_read)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(counter.hit, ["i1", "i1"])) == [2, 2]
    [item] = counter.items()
    assert item["n"] == {"N": "2"}


def test_a_flood_stays_over_the_limit_in_the_next_bucket_and_in_a_small_item(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailhooks.aws.rate_counter._MIN_ENTRIES", 8)
    for number in range(30):
        assert counter.hit(f"i{number}", limit=2, after=number * 1.8) == number + 1
    [item] = counter.items()
    assert item["n"] == {"N": "30"}
    assert len([name for name in item if name.startswith("i")]) == 8
    # The first and the last messages get the same numbers again.
    assert [counter.hit("i0", limit=2, after=70), counter.hit("i1", limit=2), counter.hit("i29", limit=2)] == [1, 2, 30]
    # The last came at 50.4 and 52.2.
    assert counter.hit("next", limit=2, after=110.3) == 3
    assert counter.hit("quiet", limit=2, after=112.3) == 2


def test_nothing_in_the_table_names_an_address_or_an_invocation(counter: Counter) -> None:
    counter.hit("0123456789abcdef0123456789abcdef")
    text = json.dumps(counter.items())
    assert not [word for word in ("ana", "example", "0123456789abcdef") if word in text]


def test_a_key_can_be_longer_than_a_dynamodb_key(counter: Counter) -> None:
    assert counter.hit("i1", key="ä" * 1000 + "1") == counter.hit("i1", key="ä" * 1000 + "2") == 1
