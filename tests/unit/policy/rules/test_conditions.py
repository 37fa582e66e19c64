import json
from typing import Any

import pytest

from mailhooks.mime.message import Message
from mailhooks.policy import Services
from mailhooks.policy.loading.condition_builders import CONDITION_BUILDERS
from tests.support.hostile_mail import HOSTILE
from tests.support.policies import Counts, Groups, Mail, evaluate, mail, make_policy, match_conditions
from tests.support.tables import check_rows
from tests.unit.policy.rules.content_tables import CONTENT
from tests.unit.policy.rules.envelope_tables import ENVELOPE, NONE
from workmail_local.policy_tools.memory_services import MemoryContacts

TABLES = ENVELOPE | CONTENT
LISTS = {
    "own": ["from@example.net", "list:more"],
    "more": ["x@example.org"],
    "tagged": ["ana@example.net"],
    "outer": ["x@example.org", "list:tagged"],
    "groups": ["staff@example.com"],
    "words": ["secret", "plan b"],
    "hosts": ["example.net"],
}
ROWS = [(f"{name} {index}", name, *row) for name, rows in TABLES.items() for index, row in enumerate(rows)]


def match_value(name: str, value: Any, sample: Mail, **rule: Any) -> set[str]:
    outcome = evaluate(make_policy({"when": {name: value}, "do": "drop", **rule}, lists=LISTS), sample)
    assert outcome.failures == ()
    return set(outcome.verdicts)


def test_each_condition_matches_the_recipients_of_its_table():
    def check(row: str, name: str, value: Any, sample: Mail, expected: set[str]) -> None:
        assert match_value(name, value, sample) == expected

    check_rows(ROWS, check)


def test_a_negated_condition_matches_the_other_recipients():
    def check(row: str, name: str, value: Any, sample: Mail, expected: set[str]) -> None:
        others = match_value("recipient", "*", sample) - expected
        assert match_value("not", {name: value}, sample) == others
        exceptions = make_policy({"unless": {name: value}, "do": "drop"}, lists=LISTS)
        assert set(evaluate(exceptions, sample).verdicts) == others

    check_rows([row for row in ROWS if row[1] != "rate"], check)


def test_every_condition_has_a_table_with_and_without_matches():
    assert TABLES.keys() == CONDITION_BUILDERS.keys()
    for name, rows in TABLES.items():
        found = [expected for _, _, expected in rows]
        assert NONE in found, name
        assert any(expected != NONE for expected in found), name


def test_a_rule_does_not_apply_to_a_recipient_of_an_exception():
    sample = mail(b"", "a@example.com", "b@example.com")
    exceptions = {"recipient": "a@example.com", "direction": "outbound"}
    assert match_conditions({"direction": "inbound"}, sample, unless=exceptions) == {"b@example.com"}
    assert match_conditions({"direction": "inbound"}, sample, unless=exceptions | {"subject": "subject"}) == set()
    assert match_conditions({"direction": "inbound"}, sample, unless={"all": [exceptions]}) == {"a@example.com", "b@example.com"}


def test_all_alternatives_are_evaluated():
    sample = mail()
    for alternatives in ([{"size": {"over": 1}}, {"direction": "outbound"}], [{"direction": "outbound"}, {"size": {"over": 1}}]):
        assert match_conditions({"any": alternatives}, sample) == {"user@example.com"}
        assert match_conditions({"all": alternatives}, sample) == set()


def test_every_condition_can_be_evaluated_on_a_hostile_message():
    conditions = {name: {name: rows[0][0]} for name, rows in TABLES.items()}
    either = [{"name": name, "when": when, "do": {"count": "Either"}} for name, when in conditions.items()]
    negated = [{"name": f"not {name}", "when": {"not": when}, "do": {"count": "Or"}} for name, when in conditions.items() if name != "rate"]
    policy = make_policy(*either, *negated, lists=LISTS)

    def check(hostile: str, raw: bytes) -> None:
        outcome = evaluate(policy, mail(raw, services=Services(Counts(), Groups(), MemoryContacts())))
        assert outcome.failures == ()
        assert sorted(name.removeprefix("not ") for name in outcome.matched if name != "rate") == sorted(conditions.keys() - {"rate"})

    check_rows(HOSTILE.items(), check)


@pytest.mark.parametrize("field", ["subject", "messageId"])
def test_conditions_on_the_event_do_not_fetch_the_message(field: str):
    policy = make_policy({"when": {"direction": "inbound", "subject": "x", "sender": "example.net"}, "do": "drop"})

    def fetch() -> Message:
        raise AssertionError("fetched")

    sample = mail(**{field: "x"})
    assert policy.evaluate(sample.event, fetch).matched == (("rule 0",) if field == "subject" else ())


def test_the_cheapest_condition_is_evaluated_first():
    """A cheap condition that does not match prevents calls of the directory, the content and the counters."""
    counts, groups = Counts(broken=True), Groups(broken=True)
    when = {"rate": {"more_than": 1, "minutes": 1}, "size": {"over": 1}, "sender_in_group": "a@example.com", "direction": "outbound"}
    for order in (when, dict(reversed(when.items()))):
        outcome = evaluate(make_policy({"when": order, "do": "drop"}), mail(services=Services(counts, groups)))
        assert outcome.failures == ()


def test_a_message_is_counted_only_for_recipients_that_match_all_other_conditions():
    counts = Counts()
    when = {"rate": {"more_than": 7, "minutes": 5}, "recipient": "example.com"}
    sample = mail(b"", "a@example.com", "b@example.net", "c@example.com", services=Services(counts))
    evaluate(make_policy({"name": "Flood", "when": when, "unless": {"recipient": "c@example.com"}, "do": "drop"}), sample)
    assert counts.asked == [("5:Flood to a@example.com", sample.event.invocation_id, 300, 7)]


def test_each_rule_has_its_own_counters():
    counts = Counts()
    rule = {"when": {"rate": {"more_than": 1, "minutes": 1}}, "do": "drop"}
    evaluate(make_policy({"name": "A", **rule}, {"name": "A to a", **rule}), mail(b"", "a@example.com", services=Services(counts)))
    keys = [key for key, *_ in counts.asked]
    assert len(set(keys)) == len(keys) == 2


def test_every_value_of_the_tables_can_be_written_in_a_file():
    for rows in TABLES.values():
        for value, *_ in rows:
            assert json.loads(json.dumps(value)) == value
