import json
from typing import Any

import pytest

from mailhooks.mime.message import Message
from mailhooks.policy import Services
from mailhooks.policy.loading.condition_builders import CONDITION_BUILDERS
from tests.support.hostile_mail import HOSTILE
from tests.support.policies import Counts, Groups, Mail, evaluated, made, mail, matching
from tests.support.tables import check_rows
from tests.unit.policy.rules.content_tables import CONTENT
from tests.unit.policy.rules.envelope_tables import ENVELOPE, NONE

TABLES = ENVELOPE | CONTENT
LISTS = {
    "own": ["from@example.net", "list:more"],
    "more": ["x@example.org"],
    "groups": ["staff@example.com"],
    "words": ["secret", "plan b"],
}
ROWS = [(f"{name} {index}", name, *row) for name, rows in TABLES.items() for index, row in enumerate(rows)]


def matching_recipients(name: str, value: Any, of: Mail, **rule: Any) -> set[str]:
    outcome = evaluated(made({"when": {name: value}, "do": "drop", **rule}, lists=LISTS), of)
    assert outcome.failures == ()
    return set(outcome.verdicts)


def test_each_condition_matches_the_recipients_of_its_table():
    def check(row: str, name: str, value: Any, of: Mail, expected: set[str]) -> None:
        assert matching_recipients(name, value, of) == expected

    check_rows(ROWS, check)


def test_a_negated_condition_matches_the_other_recipients():
    def check(row: str, name: str, value: Any, of: Mail, expected: set[str]) -> None:
        others = matching_recipients("recipient", "*", of) - expected
        assert matching_recipients("not", {name: value}, of) == others
        exceptions = made({"unless": {name: value}, "do": "drop"}, lists=LISTS)
        assert set(evaluated(exceptions, of).verdicts) == others

    check_rows([row for row in ROWS if row[1] != "rate"], check)


def test_every_condition_has_a_table_of_when_it_holds_and_when_not():
    assert TABLES.keys() == CONDITION_BUILDERS.keys()
    for name, rows in TABLES.items():
        found = [expected for _, _, expected in rows]
        assert NONE in found, name
        assert any(expected != NONE for expected in found), name


def test_a_rule_does_not_apply_where_one_of_its_exceptions_holds():
    of = mail(b"", "a@example.com", "b@example.com")
    exceptions = {"recipient": "a@example.com", "direction": "outbound"}
    assert matching({"direction": "inbound"}, of, unless=exceptions) == {"b@example.com"}
    assert matching({"direction": "inbound"}, of, unless=exceptions | {"subject": "subject"}) == set()
    assert matching({"direction": "inbound"}, of, unless={"all": [exceptions]}) == {"a@example.com", "b@example.com"}


def test_alternatives_that_hold_later_are_asked_too():
    of = mail()
    for alternatives in ([{"size": {"over": 1}}, {"direction": "outbound"}], [{"direction": "outbound"}, {"size": {"over": 1}}]):
        assert matching({"any": alternatives}, of) == {"user@example.com"}
        assert matching({"all": alternatives}, of) == set()


def test_every_condition_can_be_evaluated_on_a_hostile_message():
    conditions = {name: {name: rows[0][0]} for name, rows in TABLES.items()}
    either = [{"name": name, "when": when, "do": {"count": "Either"}} for name, when in conditions.items()]
    negated = [{"name": f"not {name}", "when": {"not": when}, "do": {"count": "Or"}} for name, when in conditions.items() if name != "rate"]
    policy = made(*either, *negated, lists=LISTS)

    def check(hostile: str, raw: bytes) -> None:
        outcome = evaluated(policy, mail(raw, services=Services(Counts(), Groups())))
        assert outcome.failures == ()
        assert sorted(name.removeprefix("not ") for name in outcome.matched if name != "rate") == sorted(conditions.keys() - {"rate"})

    check_rows(HOSTILE.items(), check)


@pytest.mark.parametrize("field", ["subject", "messageId"])
def test_the_message_is_not_fetched_for_what_the_event_tells(field: str):
    policy = made({"when": {"direction": "inbound", "subject": "x", "sender": "example.net"}, "do": "drop"})

    def fetch() -> Message:
        raise AssertionError("fetched")

    of = mail(**{field: "x"})
    assert policy.evaluate(of.event, fetch).matched == (("rule 0",) if field == "subject" else ())


def test_what_costs_least_is_asked_first():
    """A condition that does not hold keeps a later one of the rule from asking the directory, the message or the counts."""
    counts, groups = Counts(broken=True), Groups(broken=True)
    when = {"rate": {"more_than": 1, "minutes": 1}, "size": {"over": 1}, "sender_in_group": "a@example.com", "direction": "outbound"}
    for order in (when, dict(reversed(when.items()))):
        outcome = evaluated(made({"when": order, "do": "drop"}), mail(services=Services(counts, groups)))
        assert outcome.failures == ()


def test_a_count_is_made_once_all_else_holds_and_for_those_for_whom_it_does():
    counts = Counts()
    when = {"rate": {"more_than": 7, "minutes": 5}, "recipient": "example.com"}
    of = mail(b"", "a@example.com", "b@example.net", "c@example.com", services=Services(counts))
    evaluated(made({"name": "Flood", "when": when, "unless": {"recipient": "c@example.com"}, "do": "drop"}), of)
    assert counts.asked == [("5:Flood to a@example.com", of.event.invocation_id, 300, 7)]


def test_two_rules_count_apart():
    counts = Counts()
    rule = {"when": {"rate": {"more_than": 1, "minutes": 1}}, "do": "drop"}
    evaluated(made({"name": "A", **rule}, {"name": "A to a", **rule}), mail(b"", "a@example.com", services=Services(counts)))
    keys = [key for key, *_ in counts.asked]
    assert len(set(keys)) == len(keys) == 2


def test_every_value_of_the_tables_is_one_that_a_file_can_say():
    for rows in TABLES.values():
        for value, *_ in rows:
            assert json.loads(json.dumps(value)) == value
