"""The explanation of an evaluation in words."""

import doctest
import json
from typing import Any

import pytest

from mailhooks.core.evaluator import FixedPolicy
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.policy import Trace
from mailhooks.policy.evaluation import explanation
from mailhooks.policy.evaluation.explanation import RuleExplanation, RuleState, describe_condition, explain_rules
from mailhooks.report_names import HoldState
from tests.support.hooks import MESSAGE, Memory, handler_of
from tests.support.mail import event
from tests.support.policies import HEAD, PLAIN, Mail, mail, make_policy
from tests.support.tables import check_rows

A, B = "a@example.com", "b@example.com"
SIGNED = MESSAGE.replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n")
BODY = HEAD + b"\r\nPlease find our Invoice attached.\r\n"


def explain(*rules: dict[str, Any], sample: Mail | None = None) -> list[RuleExplanation]:
    policy, trace, given = make_policy(*rules), Trace(), sample or mail(BODY, A, B)
    outcome = policy.evaluate(given.event, given.raw, trace=trace)
    return explain_rules(policy.rules, trace, outcome, outcome.changes)


def lines(rule: RuleExplanation) -> list[str]:
    return [f"{'  ' * each.depth}{each.wanted}: {each.answer}, {each.observed}" for each in rule.conditions]


def test_a_rule_names_its_recipients_its_actions_and_each_condition_with_its_value() -> None:
    [rule] = explain({"when": {"recipient": A, "subject_or_body": "invoice"}, "do": [{"bounce": "No: %%Subject%%"}, {"count": "Bills"}]})
    assert (rule.state, rule.result, rule.recipients) == (RuleState.APPLIES, f"applies to {A}", (A,))
    assert rule.actions == ('bounce "No: A subject"', "count Bills")
    assert lines(rule) == [
        f"recipient is {A}: yes for 1 of 2: {A}, {A}, {B}",
        'subject_or_body contains "invoice": yes, found "invoice" in 35 characters of text',
    ]


def test_a_rule_that_does_not_apply_has_the_condition_that_failed_and_those_in_it() -> None:
    when = {"direction": "inbound", "any": [{"subject": "bill"}, {"all": [{"body": "invoice"}, {"body": "dear"}]}]}
    [rule] = explain({"when": when, "do": "drop"})
    assert (rule.state, rule.result, rule.recipients, rule.actions) == (RuleState.FAILS, "does not apply", (), ())
    assert lines(rule) == [
        "any: no, ",
        '  subject contains "bill": no, A subject',
        "  all: no, ",
        '    body contains "invoice": yes, found "invoice" in 35 characters of text',
        '    body contains "dear": no, 35 characters of text',
    ]


def test_an_exception_that_keeps_a_rule_from_applying_is_named() -> None:
    [rule] = explain({"unless": {"sender": "example.net", "kind": "list"}, "do": "drop"}, sample=mail(PLAIN, A))
    assert lines(rule) == ["unless: an exception, ", "  sender is example.net: yes, from@example.net"]


def test_a_verdict_after_an_earlier_one_has_no_effect() -> None:
    to_a = {"when": {"recipient": A}}
    rules = ({**to_a, "do": "junk"}, {**to_a, "do": "drop"}, {"do": {"bounce": "Closed"}})
    first, second, third = explain(*rules, sample=mail(PLAIN, A, B))
    assert first.actions == ("move to junk",)
    assert second.actions == ("drop (no effect: an earlier rule decided for these recipients)",)
    assert third.actions == ('bounce "Closed"',)


def test_rules_in_report_mode_and_skipped_rules_say_so() -> None:
    reported, off = explain({"mode": "report", "do": "drop"}, {"enabled": False, "do": "drop"})
    assert (reported.state, reported.actions) == (RuleState.REPORTED, ("drop (not done)",))
    assert reported.result == "applies to all recipients (report mode: it changes nothing)"
    assert (off.state, off.result, off.conditions) == (RuleState.SKIPPED, "skipped: not enabled", ())


def test_a_condition_that_fails_names_its_error() -> None:
    [rule] = explain({"when": {"sender_in_group": "all@example.com"}, "on_error": "apply", "do": "drop"})
    assert [each.answer for each in rule.conditions] == ["not evaluated: Misconfigured"]


def test_conditions_are_described_by_name_and_value() -> None:
    def check(name: str, written: Any, expected: str) -> None:
        assert describe_condition(name, written) == expected

    rows = [
        ("sender", ["a.example", "b.example", "c.example", "d.example"], "sender is a.example or b.example or c.example or 1 more"),
        ("subject", "list:words", "subject contains list:words"),
        ("body", {"words": ["a b", "c"], "first_kb": 4}, 'body words "a b" or "c", first_kb 4'),
        ("on_behalf", True, "on_behalf is true"),
        ("attachment", [{"extension": "exe"}, {"size": {"over": "1 MB"}}], "attachment extension exe or size (over 1 MB)"),
        ("any", None, "any"),
        ("subject", "x" * 500, f'subject contains "{"x" * 139}...'),
    ]
    check_rows(rows, check)
    assert doctest.testmod(explanation).failed == 0


@pytest.mark.parametrize(
    "action, raw, why",
    [
        ({"subject_tag": "A"}, HEAD + b"\r\nHi\r\n", "no effect: the message has it already, or nothing matches"),
        (
            {"disclaimer": {"text": "D"}},
            SIGNED,
            "not made: no disclaimer",
        ),
    ],
)
def test_a_change_that_is_not_made_has_the_reason(action: dict[str, Any], raw: bytes, why: str, log) -> None:
    hook = PolicyHook(FixedPolicy(make_policy({"do": [action]})))
    handler_of(hook, Memory({event()["messageId"]: raw}), log_decision=True)(event(), None)
    [line] = log().lines
    assert why in line["decision"][0]["actions"][0]


def test_the_log_has_the_decision_only_if_the_setting_asks_for_it(log) -> None:
    def handle(**settings: Any) -> str:
        handler_of(PolicyHook(FixedPolicy(make_policy({"when": {"body": "secretword"}, "do": "drop"}))), memory, **settings)(event(), None)
        return log().text

    memory = Memory({event()["messageId"]: HEAD + b"\r\nThe secretword\r\n"})
    silent, explained = handle(), handle(log_decision=True)
    assert "secretword" not in silent
    assert "decision" not in silent
    [rule] = json.loads(explained.splitlines()[0])["decision"]
    assert rule["conditions"][0]["observed"] == 'found "secretword" in 16 characters of text'


HOLD = {"hold": {"approvers": [A, B], "timeout": "1h30m", "on_timeout": "drop"}}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:approvals"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:approve"


def test_a_hold_names_its_approvers_and_what_follows_without_a_decision() -> None:
    def check(hold: dict[str, Any], expected: str) -> None:
        [rule] = explain({"do": {"hold": hold | {"timeout": "1h30m", "on_timeout": "drop"}}})
        assert rule.actions == (f"hold until {expected} approves, drop after 1h30m",)

    rows: list[tuple[dict[str, Any], str]] = [
        ({"approvers": [A, B]}, f"{A} or {B}"),
        ({"approvers": A, "notify": {"sns": TOPIC}}, f"{A} or the receiver of {TOPIC}"),
        ({"notify": {"eventbridge": "bus"}}, "the receiver of event bus bus"),
        ({"state_machine": MACHINE}, "the state machine approve"),
    ]
    check_rows(rows, check)


def test_a_hold_has_its_decision_or_why_it_has_no_effect() -> None:
    policy, trace, given = make_policy({"name": "hold", "do": HOLD}), Trace(), mail(BODY, A, B)
    outcome = policy.evaluate(given.event, given.raw, trace=trace)
    late = outcome.with_decision(outcome.holds[0], HoldState.TIMED_OUT)
    [rule] = explain_rules(policy.rules, trace, late)
    assert rule.actions[0].endswith("(timed out)")
    _, rule = explain({"do": "drop"}, {"do": HOLD})
    assert rule.actions[0].endswith("(no effect: none of these recipients gets the message)")
