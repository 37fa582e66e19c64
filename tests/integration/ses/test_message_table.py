"""The table of messages: one invocation has a message at a time, and what is done for a recipient is never forgotten."""

from collections.abc import Iterator

import boto3
import pytest

from mailhooks.deadline import Deadline
from mailhooks.errors import Throttled
from mailhooks.ses.message_table import Claim, MessageRecord, MessageTable, State
from mailhooks.ses.receipt_event import Receipt
from tests.support.moto_account import use_moto_account
from tests.support.ses import Clock, create_table, make_event, ses_stack

RECEIPT = Receipt.parse(make_event("bo@example.com", "Cy@example.com"))
HOUR = 3600


@pytest.fixture(scope="module", autouse=True)
def account() -> Iterator[None]:
    with use_moto_account("eu-west-1"):
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> Iterator[MessageTable]:
    create_table("MessagesTable", ses_stack())
    yield MessageTable("ses-MessagesTable", 96 * HOUR, clock=clock, sleep=clock.sleep)
    boto3.client("dynamodb").delete_table(TableName="ses-MessagesTable")


def deadline() -> Deadline:
    return Deadline.after(20)


def claim(table: MessageTable, owner: str = "one", receipt: Receipt = RECEIPT, *, only_due: bool = False) -> MessageRecord | Claim:
    return table.claim(receipt, owner, 300, deadline(), only_due=only_due)


def claimed(table: MessageTable, owner: str = "one") -> MessageRecord:
    record = claim(table, owner)
    assert isinstance(record, MessageRecord)
    return record


def test_one_of_two_invocations_gets_a_message(table: MessageTable) -> None:
    assert claimed(table).attempts == 1
    assert claim(table, "two") is Claim.OTHER


def test_a_claim_may_be_sent_twice_after_a_lost_response(table: MessageTable) -> None:
    claimed(table)

    assert claimed(table).owner == "one"


def test_a_message_of_a_process_that_ended_is_free_after_the_claim(table: MessageTable, clock: Clock) -> None:
    claimed(table)
    clock.now += 299
    assert claim(table, "two") is Claim.OTHER
    clock.now += 3
    assert claimed(table, "two").attempts == 2


def test_the_schedule_finds_it_when_the_claim_ends(table: MessageTable, clock: Clock) -> None:
    claimed(table)
    [found] = table.list_open(deadline())

    assert (found.receipt, found.state) == (RECEIPT, State.OPEN)
    assert 300 <= found.due_at - clock.now <= 302


def test_what_is_done_for_recipients_is_kept(table: MessageTable) -> None:
    record = claimed(table)
    table.add_passed(record, ["Cy@example.com"], deadline())
    table.add_bounced(record, ["bo@example.com"], deadline())
    table.mark_as_reported(record, deadline())
    table.release(record, State.OPEN, 0, deadline())
    again = claimed(table, "two")

    assert (again.passed, again.bounced, again.is_reported) == ({"cy@example.com"}, {"bo@example.com"}, True)
    assert again.is_settled("CY@example.com")
    assert not again.is_settled("other@example.com")


def test_a_message_that_is_done_stays_done(table: MessageTable, clock: Clock) -> None:
    table.complete(claimed(table), deadline())
    clock.now += 1000

    assert claim(table, "two") is Claim.DONE
    assert list(table.list_open(deadline())) == []


def test_an_item_that_is_done_has_no_address_and_expires(table: MessageTable, clock: Clock) -> None:
    record = claimed(table)
    table.add_passed(record, ["bo@example.com"], deadline())
    table.complete(record, deadline())
    [item] = boto3.client("dynamodb").scan(TableName="ses-MessagesTable")["Items"]

    assert "@" not in str(item)
    assert int(item["expires"]["N"]) > clock.now


def test_the_end_of_an_old_claim_changes_nothing(table: MessageTable, clock: Clock) -> None:
    old = claimed(table)
    clock.now += 400
    claimed(table, "two")
    table.complete(old, deadline())
    table.release(old, State.OPEN, 0, deadline())

    assert claim(table, "three") is Claim.OTHER


def test_the_schedule_leaves_a_message_that_is_not_due(table: MessageTable, clock: Clock) -> None:
    table.release(claimed(table), State.HELD, clock.now + 60, deadline())
    assert claim(table, "two", only_due=True) is Claim.OTHER
    clock.now += 61
    assert isinstance(claim(table, "two", only_due=True), MessageRecord)


def test_the_schedule_creates_no_item(table: MessageTable) -> None:
    assert claim(table, only_due=True) is Claim.OTHER
    assert list(table.list_open(deadline())) == []


def test_the_same_message_for_other_recipients_is_other_work(table: MessageTable) -> None:
    claimed(table)
    other = Receipt.parse(make_event("else@example.com"))

    assert isinstance(claim(table, "two", other), MessageRecord)


def test_the_hours_to_retry_begin_with_the_first_attempt(table: MessageTable, clock: Clock) -> None:
    record, began = claimed(table), clock.now
    table.release(record, State.OPEN, 0, deadline())
    clock.now += HOUR

    assert claimed(table, "two").give_up_at == began + 96 * HOUR


def test_a_message_that_was_given_up_gets_new_hours_and_keeps_what_is_done(table: MessageTable, clock: Clock) -> None:
    record = claimed(table)
    table.add_passed(record, ["bo@example.com"], deadline())
    table.fail(record, deadline())
    assert list(table.list_open(deadline())) == []
    clock.now += 100 * HOUR
    again = claimed(table, "two")

    assert (again.attempts, again.passed, again.give_up_at) == (1, {"bo@example.com"}, clock.now + 96 * HOUR)


def test_a_turn_comes_once_a_second(table: MessageTable, clock: Clock) -> None:
    began = clock.now
    for _ in range(4):
        table.wait_for_turn("SendBounce", 1, deadline())

    assert clock.now - began == pytest.approx(3, abs=0.01)


def test_a_turn_that_does_not_come_in_time_is_a_transient_error(table: MessageTable) -> None:
    table.wait_for_turn("SendBounce", 60, deadline())
    with pytest.raises(Throttled):
        table.wait_for_turn("SendBounce", 60, deadline())


def test_a_held_message_is_found_by_the_id_of_its_hold(table: MessageTable) -> None:
    table.note_held("a" * 64, RECEIPT, deadline())

    assert table.find_held("a" * 64, deadline()) == "m-1"
    assert table.find_held("b" * 64, deadline()) is None
