"""The action `hold` in a policy file."""

import json
from typing import Any

from mailhooks.policy.rules.rule import Hold, Notify, OnTimeout, RuleErrorPolicy
from tests.support.policies import load_error, make_policy, rule_error
from tests.support.tables import check_rows

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:approve"
HOLD = {"approvers": "ana@example.com", "timeout": "90m", "on_timeout": "bounce"}


def hold_of(**changes: Any) -> Hold:
    [action] = make_policy({"do": {"hold": HOLD | changes}}).rules[0].actions
    assert isinstance(action, Hold)
    return action


def test_a_hold_has_its_approvers_its_target_its_time_and_its_text() -> None:
    found = hold_of(
        approvers=["ana@example.com", "bo@bücher.example"],
        notify={"webhook": "https://chat.example.com/", "secret": "hook", "include": "subject"},
        timeout="1h30m",
        on_timeout="drop",
        text="No: %%Reason%% (%%Subject%%)",
    )
    assert found.approvers == ("ana@example.com", "bo@xn--bcher-kva.example")
    assert found.target == Notify(webhook="https://chat.example.com/", secret="hook", include=frozenset({"subject"}))
    assert (found.timeout_s, found.on_timeout, found.state_machine) == (5400, OnTimeout.DROP, "")
    assert found.bounce_text({"subject": "Invoice"}, "wrong\r\n  account") == "No: wrong account (Invoice)"


def test_a_hold_by_a_state_machine_has_no_approvers() -> None:
    [action] = make_policy({"do": {"hold": {"state_machine": MACHINE, "timeout": "2h", "on_timeout": "deliver"}}}).rules[0].actions
    assert isinstance(action, Hold)
    assert (action.approvers, action.target, action.state_machine) == ((), None, MACHINE)


def test_the_default_text_has_the_reason_and_no_address() -> None:
    text = hold_of().bounce_text({}, "wrong account")
    assert "wrong account" in text
    assert "@" not in text


def test_lists_have_approvers() -> None:
    policy = make_policy({"do": {"hold": HOLD | {"approvers": "list:team"}}}, lists={"team": ["ana@example.com", "bo@example.com"]})
    [action] = policy.rules[0].actions
    assert isinstance(action, Hold)
    assert action.approvers == ("ana@example.com", "bo@example.com")


TIMES = [("1m", 60), ("90m", 5400), ("2h", 7200), ("3h50m", 13_800), ("230m", 13_800)]


def test_a_time_has_hours_and_minutes() -> None:
    def check(text: str, seconds: int) -> None:
        assert hold_of(timeout=text).timeout_s == seconds

    check_rows(TIMES, check)


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"approvers": "ana@example.com", "timeout": "2h"}, "do/hold/on_timeout: expected deliver, bounce or drop, got nothing"),
    ({"approvers": "ana@example.com", "on_timeout": "drop"}, "do/hold/timeout: expected a time such as"),
    ({"timeout": "2h", "on_timeout": "drop"}, "expected approvers, notify or state_machine"),
    (HOLD | {"state_machine": MACHINE}, "expected state_machine without approvers and notify"),
    (HOLD | {"timeout": "231m"}, "do/hold/timeout: expected 1 to 230 minutes"),
    (HOLD | {"timeout": "0m"}, "do/hold/timeout: expected 1 to 230 minutes"),
    (HOLD | {"timeout": "30s"}, "do/hold/timeout: expected a time such as"),
    (HOLD | {"timeout": 90}, "do/hold/timeout: expected a time such as"),
    (HOLD | {"on_timeout": "junk"}, "do/hold/on_timeout: expected deliver, bounce or drop"),
    (HOLD | {"approvers": "list:nobody"}, "do/hold/approvers"),
    (HOLD | {"approvers": [f"a{number}@example.com" for number in range(21)]}, "do/hold/approvers"),
    (HOLD | {"text": "%%Reasons%%"}, "do/hold/text"),
    (HOLD | {"notify": {"webhook": "https://chat.example.com/"}}, "do/hold/notify: expected webhook and secret together"),
    (
        {"state_machine": f"{MACHINE}:1", "timeout": "2h", "on_timeout": "drop"},
        "do/hold/state_machine: expected the ARN of a state machine, without a version or an alias",
    ),
]


def test_an_invalid_hold_is_rejected_with_its_place() -> None:
    def check(hold: dict[str, Any], expected: str) -> None:
        assert expected in rule_error({"do": {"hold": hold}})

    check_rows(INVALID, check)


def test_each_missing_key_is_reported_once() -> None:
    rule = {"name": "Rule", "do": {"hold": {"approvers": "ana@example.com"}}}
    timeout, on_timeout = load_error(json.dumps({"version": 1, "rules": [rule]})).lines()
    assert "do/hold/timeout: expected a time such as" in timeout
    assert "do/hold/on_timeout: expected deliver, bounce or drop, got nothing" in on_timeout


def test_a_rule_holds_a_message_once() -> None:
    assert "expected one hold at most" in rule_error({"do": [{"hold": HOLD}, {"hold": HOLD | {"timeout": "1h"}}]})


def test_an_error_of_a_rule_with_a_hold_is_retried_unless_the_rule_has_its_own_on_error() -> None:
    held, plain, skipping = make_policy(
        {"do": {"hold": HOLD}}, {"do": "drop"}, {"do": {"hold": HOLD}, "on_error": "skip"}, defaults={"on_error": "skip"}
    ).rules
    assert held.on_error is RuleErrorPolicy.RETRY
    assert plain.on_error is skipping.on_error is RuleErrorPolicy.SKIP
