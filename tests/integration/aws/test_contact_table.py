"""The records of contacts on moto's DynamoDB over HTTP: first messages, retries, concurrency, time to live."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mailhooks.aws.contact_table import DynamoContacts
from mailhooks.aws.rate_counter import DynamoRates
from mailhooks.deadline import Deadline
from mailhooks.policy import Services
from tests.support.policies import evaluate, mail_from, make_policy
from workmail_local.workmail import LocalWorkMail

PAIR = ("ana@example.com", "ext@example.net")
DAY = 86_400
KEEP = 100 * DAY
START = 1_800_000_000


class Table:
    """The table, with a clock that the test sets.

    Attributes:
        writes: the update requests.
    """

    def __init__(self, wm: LocalWorkMail) -> None:
        self.now = float(START)
        self.contacts = DynamoContacts(wm.rates_table, clock=lambda: self.now)
        self.writes: list[dict[str, Any]] = []
        self.name = wm.rates_table
        self._dynamodb = wm.client("dynamodb")
        self.contacts._client.meta.events.register("provide-client-params.dynamodb.UpdateItem", self._note)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.writes.append(params)

    def is_first(self, invocation: str, pair: tuple[str, str] = PAIR, *, days: float | None = None) -> bool:
        if days is not None:
            self.now = START + days * DAY
        return bool(self.contacts.record([pair], invocation, keep_s=KEEP, deadline=Deadline.after(20)))

    def withdraw(self, invocation: str, *pairs: tuple[str, str]) -> None:
        self.contacts.withdraw(pairs or [PAIR], invocation, deadline=Deadline.after(20))

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._dynamodb.scan(TableName=self.name)["Items"]
        return found


@pytest.fixture
def table(wm: LocalWorkMail) -> Table:
    return Table(wm)


def test_the_first_message_of_a_pair_is_new(table: Table) -> None:
    assert [table.is_first(f"i{number}") for number in range(3)] == [True, False, False]
    assert table.is_first("i9", ("ben@example.com", "ext@example.net"))
    assert table.is_first("i9", ("ana@example.com", "other@example.net"))


def test_a_retry_is_new_again_and_a_later_message_is_not(table: Table) -> None:
    assert [table.is_first(name) for name in ("i1", "i2", "i1", "i2", "i1")] == [True, False, True, False, True]


def test_a_message_costs_one_write_for_each_pair(table: Table) -> None:
    pairs = [(f"u{number}@example.com", "ext@example.net") for number in range(20)]
    found = table.contacts.record(pairs, "i1", keep_s=KEEP, deadline=Deadline.after(20))
    assert found == frozenset(pairs)
    assert not table.contacts.record(pairs, "i2", keep_s=KEEP, deadline=Deadline.after(20))
    assert len(table.writes) == 40


def test_five_hundred_recipients_are_recorded_within_the_deadline(table: Table) -> None:
    pairs = [(f"u{number}@example.com", "ext@example.net") for number in range(500)]
    assert len(table.contacts.record(pairs, "i1", keep_s=KEEP, deadline=Deadline.after(120))) == 500


def test_an_expired_pair_is_new_also_if_dynamodb_has_not_removed_it(table: Table) -> None:
    assert table.is_first("i1", days=0)
    assert not table.is_first("i2", days=5)
    assert table.is_first("i3", days=100)
    assert not table.is_first("i4", days=101)
    assert table.is_first("i3", days=102)


def test_a_message_extends_the_time_at_most_once_in_a_tenth_of_it(table: Table) -> None:
    for number, days in enumerate((0, 1, 9, 10.1, 11, 21)):
        table.is_first(f"i{number}", days=days)
    assert len(table.writes) == 6 + 2
    [item] = table.items()
    assert int(item["expires"]["N"]) == START + 21 * DAY + KEEP
    assert not table.is_first("late", days=120)


def test_after_a_withdrawn_record_the_next_message_is_new_and_a_retry_too(table: Table) -> None:
    assert table.is_first("hidden")
    table.withdraw("hidden")
    assert table.is_first("hidden")
    table.withdraw("hidden")
    assert [table.is_first(name) for name in ("seen", "hidden", "seen", "later")] == [True, True, True, False]
    table.withdraw("hidden")
    assert not table.is_first("later")
    assert table.is_first("hidden")
    assert not table.is_first("much later", days=50)


def test_only_the_record_of_the_invocation_is_withdrawn(table: Table) -> None:
    other = ("ben@example.com", "ext@example.net")
    assert table.is_first("i1")
    assert table.is_first("i1", other)
    table.withdraw("i2")
    table.withdraw("i2", ("new@example.com", "ext@example.net"))
    assert len(table.items()) == 2
    table.withdraw("i1", PAIR, other)
    assert table.is_first("i3")
    assert table.is_first("i3", other)


def test_exactly_one_of_concurrent_messages_is_new(table: Table) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(table.is_first, [f"i{number}" for number in range(40)])) == 1


def test_exactly_one_of_concurrent_messages_is_new_after_the_end(table: Table) -> None:
    table.is_first("old", days=0)
    table.now = START + 200 * DAY
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(table.is_first, [f"i{number}" for number in range(40)])) == 1


def test_concurrent_attempts_of_one_invocation_are_both_new(table: Table) -> None:
    barrier = threading.Barrier(2)

    def both_are_here(**_: Any) -> None:
        barrier.wait(10)

    table.contacts._client.meta.events.register("before-call.dynamodb.UpdateItem", both_are_here)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(table.is_first, ["i1", "i1"])) == [True, True]


def test_nothing_in_the_table_names_an_address_or_an_invocation(table: Table) -> None:
    table.is_first("0123456789abcdef0123456789abcdef")
    text = json.dumps(table.items())
    assert not [word for word in ("ana", "ext", "example", "0123456789abcdef") if word in text]


def test_pairs_are_not_confused_with_each_other_or_with_rates(table: Table) -> None:
    assert table.is_first("i1", ("a", "b c"))
    assert table.is_first("i1", ("a b", "c"))
    rates = DynamoRates(table.name)
    assert rates.increment("1:r to ana@example.com", "i1", window_s=60, limit=5, deadline=Deadline.after(20)) == 1
    assert table.is_first("i2", ("a", "c"))
    assert len(table.items()) == 4


def test_a_rule_marks_the_first_message_in_either_direction(table: Table) -> None:
    policy = make_policy({"when": {"direction": "inbound", "first_contact": True}, "do": "bypass_spam_check"})

    def send(invocation: str, sender: str, *to: str, direction: str = "INBOUND") -> list[str]:
        sample = mail_from(sender, *to, invocationId=invocation, flowDirection=direction)
        outcome = evaluate(policy, sample._replace(services=Services(contacts=table.contacts)))
        assert (outcome.failures, outcome.notes) == ((), ())
        return sorted(outcome.verdicts)

    ana, ben = "ana@example.com", "ben@example.com"
    assert send("i1", "ext@example.net", ana) == [ana]
    assert send("i2", "ext@example.net", ana, ben) == [ben]
    assert send("i1", "ext@example.net", ana) == [ana]
    assert send("i3", ana, "new@example.net", direction="OUTBOUND") == []
    assert send("i4", "New@example.net", ana, ben) == [ben]
