"""The records of held messages on moto's DynamoDB over HTTP: one decision each, and it is final."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from mailhooks.aws.hold_table import KEPT_S, HoldKey, HoldRecord, HoldTable
from mailhooks.deadline import Deadline
from mailhooks.report_names import HoldState
from tests.support.holds import make_holds_table
from workmail_local.workmail import LocalWorkMail

NOW = 1_800_000_000
KEY = HoldKey.of("0" * 32, "OUTBOUND", "four eyes")
RECORD = HoldRecord(
    key=KEY,
    rule="four eyes",
    message_id="m-1",
    direction="OUTBOUND",
    mail_from="ana@example.com",
    recipients=("ben@example.net", "cleo@example.net"),
    held=("ben@example.net", ""),
    approvers=("boss@example.com", "sns"),
    created_at=NOW,
    timeout_at=NOW + 7200,
    on_timeout="bounce",
)


def soon() -> Deadline:
    return Deadline.after(20)


@pytest.fixture
def table(wm: LocalWorkMail) -> HoldTable:
    return HoldTable(make_holds_table(wm))


def decide(table: HoldTable, state: HoldState, by: str, now: int = NOW + 60, reason: str = "") -> HoldRecord | None:
    return table.decide(KEY, state, reason=reason, decided_by=by, now=now, deadline=soon())


def test_a_record_is_read_as_it_was_created(table: HoldTable) -> None:
    assert table.create(RECORD, soon()) is None
    assert table.read(KEY, soon()) == RECORD
    assert table.list_of_invocation(KEY.invocation, soon()) == [RECORD]


def test_all_records_of_an_invocation_are_read_also_beyond_the_megabyte_of_one_query(table: HoldTable) -> None:
    many = tuple(f"{number:0250}@example.net" for number in range(900))
    keys = {HoldKey.of(KEY.invocation, "OUTBOUND", f"rule {number}") for number in range(6)}
    for key in keys:
        table.create(replace(RECORD, key=key, recipients=many, held=None), soon())
    assert {record.key for record in table.list_of_invocation(KEY.invocation, soon())} == keys


def test_a_record_that_holds_all_recipients_names_them_once(table: HoldTable) -> None:
    whole = replace(RECORD, held=None)
    table.create(whole, soon())
    assert table.read(KEY, soon()) == whole


def test_a_second_attempt_gets_the_record_of_the_first(table: HoldTable) -> None:
    table.create(RECORD, soon())
    decided = decide(table, HoldState.APPROVED, "boss@example.com")
    assert table.create(replace(RECORD, created_at=NOW + 300, timeout_at=NOW + 7500), soon()) == decided
    assert table.read(KEY, soon()) == decided


def test_a_decision_is_final_and_later_ones_get_it(table: HoldTable) -> None:
    table.create(RECORD, soon())
    first = decide(table, HoldState.REJECTED, "boss@example.com", reason="not to them")
    assert first == replace(RECORD, state=HoldState.REJECTED, reason="not to them", decided_by="boss@example.com", decided_at=NOW + 60)
    assert decide(table, HoldState.APPROVED, "other@example.com", NOW + 61) == first
    assert decide(table, HoldState.TIMED_OUT, "", NOW + 7200) == first
    assert table.read(KEY, soon()) == first


def test_one_of_concurrent_decisions_counts_and_all_get_it(table: HoldTable) -> None:
    table.create(RECORD, soon())
    states = [HoldState.APPROVED, HoldState.REJECTED, HoldState.TIMED_OUT]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: decide(table, states[number % 3], f"a{number}@example.com", NOW + number), range(24)))
    assert len(set(found)) == 1
    assert found[0] == table.read(KEY, soon())


def test_one_of_concurrent_attempts_creates_the_record(table: HoldTable) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: table.create(replace(RECORD, created_at=NOW + number), soon()), range(16)))
    assert found.count(None) == 1
    assert {each for each in found if each} == {table.read(KEY, soon())}


def test_an_unknown_hold_is_neither_decided_nor_created(table: HoldTable) -> None:
    assert table.read(KEY, soon()) is None
    assert decide(table, HoldState.APPROVED, "boss@example.com") is None
    table.mark_notified(KEY, [], NOW, soon())
    assert table.list_of_invocation(KEY.invocation, soon()) == []


def test_a_decision_whose_response_was_lost_is_returned_to_its_approver(table: HoldTable) -> None:
    table.create(RECORD, soon())
    sent: list[Any] = []
    events = table._client.meta.events
    events.register("before-send.dynamodb.UpdateItem", lambda request, **_: sent.append(request))
    events.register_first("needs-retry.dynamodb.UpdateItem", lambda attempts, **_: 0 if attempts == 1 else None)
    found = decide(table, HoldState.APPROVED, "boss@example.com")
    assert found is not None
    assert (found.state, found.decided_by, found.decided_at) == (HoldState.APPROVED, "boss@example.com", NOW + 60)
    assert len(sent) == 2


def test_a_notified_record_keeps_its_time(table: HoldTable) -> None:
    table.create(RECORD, soon())
    table.mark_notified(KEY, [1], NOW + 5, soon())
    assert table.read(KEY, soon()) == replace(RECORD, notified_at=NOW + 5, missed=(1,))


def test_a_record_is_kept_two_weeks_after_its_end(table: HoldTable, wm: LocalWorkMail) -> None:
    def expires() -> int:
        [item] = wm.client("dynamodb").scan(TableName=table._table)["Items"]
        return int(item["expires"]["N"])

    table.create(RECORD, soon())
    assert expires() == NOW + 7200 + KEPT_S
    decide(table, HoldState.APPROVED, "boss@example.com")
    assert expires() == NOW + 60 + KEPT_S


def test_the_rules_and_the_directions_of_an_invocation_have_records_of_their_own(table: HoldTable) -> None:
    keys = [HoldKey.of(KEY.invocation, direction, rule) for direction in ("INBOUND", "OUTBOUND") for rule in ("one", "two")]
    for key in keys:
        assert table.create(replace(RECORD, key=key), soon()) is None
    assert {record.key for record in table.list_of_invocation(KEY.invocation, soon())} == set(keys)


def test_a_record_of_five_hundred_long_addresses_fits_into_an_item(table: HoldTable) -> None:
    recipients = tuple(f"{number:064d}@{'d' * 63}.{'e' * 63}.{'f' * 57}.example.net" for number in range(500))
    large = replace(RECORD, recipients=recipients, held=recipients[1:], approvers=recipients[:20])
    assert table.create(large, soon()) is None
    assert table.read(KEY, soon()) == large
