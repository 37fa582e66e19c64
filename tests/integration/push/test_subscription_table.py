"""The records of subscriptions on moto's DynamoDB over HTTP."""

from collections.abc import Iterator

import pytest

from mailhooks.deadline import Deadline
from mailhooks.push.subscription_table import State, Subscription, SubscriptionTable
from tests.support.push_tables import subscriptions_table
from workmail_local.workmail import LocalWorkMail

MADE = Subscription("one", "ana@example.com", "arrivals", State.ACTIVE, 5, "digest", 1_800_000_000, watermark="AAAAAAAAAAA=")


@pytest.fixture
def table(wm: LocalWorkMail) -> Iterator[SubscriptionTable]:
    with subscriptions_table(wm) as name:
        yield SubscriptionTable(name)


def in_time() -> Deadline:
    return Deadline.after(20)


def test_a_saved_subscription_is_found_by_its_id(table: SubscriptionTable) -> None:
    table.save(MADE, in_time())
    assert table.find("one", in_time()) == MADE
    assert table.find("two", in_time()) is None


def test_a_notification_records_its_time_and_the_last_event(table: SubscriptionTable) -> None:
    table.save(MADE, in_time())
    table.heard("one", 1_800_000_060, in_time(), watermark="AQAAAAAAAAA=")
    table.heard("one", 1_800_000_120, in_time())
    assert table.find("one", in_time()) == MADE._replace(heard_at=1_800_000_120, watermark="AQAAAAAAAAA=")


def test_a_removed_subscription_keeps_its_record_until_it_is_forgotten(table: SubscriptionTable) -> None:
    table.save(MADE, in_time())
    table.mark_removed("one", 1_800_000_300, in_time())
    assert table.find("one", in_time()) == MADE._replace(state=State.REMOVED, removed_at=1_800_000_300)
    table.forget("one", in_time())
    assert table.find("one", in_time()) is None


def test_a_forgotten_subscription_does_not_come_back(table: SubscriptionTable) -> None:
    table.heard("one", 1_800_000_060, in_time(), watermark="AQAAAAAAAAA=")
    table.mark_removed("one", 1_800_000_060, in_time())
    assert table.list_all(in_time()) == []


def test_all_subscriptions_of_several_pages_are_listed(table: SubscriptionTable) -> None:
    # 1 MB a page: 40 items of 40 KB.
    many = [MADE._replace(id=f"{number:03}", settings="x" * 40_000) for number in range(40)]
    for each in many:
        table.save(each, in_time())
    assert sorted(table.list_all(in_time())) == many
