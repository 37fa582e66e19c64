from contextlib import suppress
from pathlib import Path

from mailhooks.core.content_changes import apply_changes
from mailhooks.errors import CannotChangeSafely
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.policy import Services, Trace
from mailhooks.policy.loading.condition_builders import CONDITION_BUILDERS
from tests.support.policies import Counts, Groups, evaluate, mail
from tests.support.random_policies import ACTIONS, policy_of
from tests.support.tables import check_rows
from tests.unit.policy.evaluation.test_changes_and_effects import VALUES
from tests.unit.policy.rules.test_conditions import TABLES
from workmail_local.policy_tools.memory_services import MemoryContacts

_TESTS = Path(__file__).parents[3]
MAILS = sorted([*_TESTS.rglob("*.eml"), *(_TESTS.parent / "events").rglob("*.eml")])

ROWS = [(name, index, row[0]) for name in CONDITION_BUILDERS for index, row in enumerate(TABLES[name])]
EVERY_CONDITION = [{"name": f"{name} {index}", "when": {name: value}, "do": {"count": "Seen"}} for name, index, value in ROWS]
EVERY_ACTION = [{"name": f"action {index}", "do": action} for index, action in enumerate(ACTIONS)]
POLICY = policy_of([*EVERY_CONDITION, *EVERY_ACTION])
CHANGING = policy_of(
    [
        {"name": f"change {index}", "do": action}
        for index, action in enumerate(
            [
                {"disclaimer": {"text": "Said by us."}},
                {"disclaimer": {"html": "<p>Said</p>", "position": "prepend", "on_unmodifiable": "wrap", "on_no_text": "add-part"}},
                {"subject_tag": "[T]"},
                {"headers": {"set": {"X-A": "1"}, "add": {"X-B": "ü"}, "remove": ["X-Mailer"]}},
                {"strip_attachments": {"extensions": ["exe"], "encrypted_archives": "strip"}},
            ]
        )
    ]
)


def test_there_is_real_mail():
    assert len(MAILS) > 100


def test_every_condition_is_evaluated_on_real_mail_and_every_change_applied_or_declined():
    def check(path: Path) -> None:
        raw = path.read_bytes()
        message = Message(raw)
        sample = mail(raw, "user@example.com", "a@example.com", services=Services(Counts(), Groups(), MemoryContacts()))
        trace = Trace()
        outcome = evaluate(POLICY, sample, trace=trace)
        assert outcome.failures == ()
        assert {seen.condition for rule in trace.rules for seen in rule.conditions} >= CONDITION_BUILDERS.keys()
        assert {wanted.change.name for wanted in outcome.changes} == {"subject_tag", "headers", "disclaimer", "strip_attachments"}
        assert len(outcome.effects) > 3
        make_verdict(outcome).to_response()
        for wanted in outcome.changes:
            with suppress(CannotChangeSafely):
                changed = wanted.change.change(message, VALUES)
                assert (splice(raw, changed.edits) == raw) == (not changed.edits)

    check_rows(MAILS, check)


def test_all_changes_applied_again_change_nothing():
    """A retry reads the changed message and must not change it again."""

    def check(path: Path) -> None:
        raw = path.read_bytes()
        changes = evaluate(CHANGING, mail(raw, "a@example.com")).changes
        assert len(changes) > 3
        applied = apply_changes(Message(raw), changes, VALUES)
        if applied.change.wraps or any(wanted.change.name == "disclaimer" for wanted, _ in applied.refused):
            return  # the new text part has room for the disclaimer that had none
        assert apply_changes(Message(applied.content), changes, VALUES).content == applied.content

    check_rows(MAILS, check)


def test_most_real_mail_can_be_changed():
    outcome = evaluate(POLICY, mail(services=Services(Counts(), Groups(), MemoryContacts())))
    for wanted in outcome.changes:
        count = 0
        for path in MAILS:
            try:
                wanted.change.change(Message(path.read_bytes()), VALUES)
            except CannotChangeSafely:
                continue
            count += 1
        assert count > len(MAILS) * 0.7, wanted.change.name
