from pathlib import Path

import pytest

from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.policy import Services, Trace
from mailhooks.policy.loading.condition_builders import MAKERS
from tests.support.policies import Counts, Groups, evaluated, mail
from tests.support.random_policies import ACTIONS, policy_of
from tests.unit.policy.evaluation.test_changes_and_effects import VALUES
from tests.unit.policy.rules.test_conditions import TABLES

_TESTS = Path(__file__).parents[3]
MAILS = sorted([*_TESTS.rglob("*.eml"), *(_TESTS.parent / "events").rglob("*.eml")])

ROWS = [(name, index, row[0]) for name in MAKERS for index, row in enumerate(TABLES[name])]
EVERY_CONDITION = [{"name": f"{name} {index}", "when": {name: value}, "do": {"count": "Seen"}} for name, index, value in ROWS]
EVERY_ACTION = [{"name": f"action {index}", "do": action} for index, action in enumerate(ACTIONS)]
POLICY = policy_of([*EVERY_CONDITION, *EVERY_ACTION])


def test_there_is_real_mail():
    assert len(MAILS) > 100


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_every_condition_is_told_of_real_mail_and_every_change_made_or_declined(path: Path):
    raw = path.read_bytes()
    of = mail(raw, "user@example.com", "a@example.com", services=Services(Counts(), Groups()))
    trace = Trace()
    outcome = evaluated(POLICY, of, trace=trace)
    assert outcome.failures == ()
    assert {seen.condition for rule in trace.rules for seen in rule.conditions} >= MAKERS.keys()
    assert {wanted.change.name for wanted in outcome.changes} == {"subject_tag", "headers", "disclaimer", "strip_attachments"}
    assert len(outcome.effects) > 3
    outcome.verdict().to_response()
    for wanted in outcome.changes:
        try:
            changed = wanted.change.change(Message(raw), VALUES)
        except CannotChangeSafely:
            continue
        result = splice(raw, changed.edits)
        assert (result == raw) == (not changed.edits)


def test_most_real_mail_can_be_changed():
    outcome = evaluated(POLICY, mail(services=Services(Counts(), Groups())))
    for wanted in outcome.changes:
        made = 0
        for path in MAILS:
            try:
                wanted.change.change(Message(path.read_bytes()), VALUES)
            except CannotChangeSafely:
                continue
            made += 1
        assert made > len(MAILS) * 0.7, wanted.change.name
