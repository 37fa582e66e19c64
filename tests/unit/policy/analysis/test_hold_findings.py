"""Findings about rules that hold messages, and what such rules need."""

from typing import Any

from mailhooks.policy.analysis.findings import Severity
from mailhooks.policy.analysis.requirements import list_content_readers
from tests.support.policies import make_policy
from tests.support.tables import check_rows
from tests.unit.policy.analysis.test_lint import findings, heads
from tests.unit.policy.analysis.test_requirements import needed

HOLD: dict[str, Any] = {"approvers": "ana@example.com", "timeout": "110m", "on_timeout": "bounce"}
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:approve"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:approvals"


def rule(**changes: Any) -> dict[str, Any]:
    return {"do": {"hold": HOLD}} | changes


def test_a_hold_that_ends_before_110_minutes_has_no_finding() -> None:
    assert findings(rule()) == []


def test_a_hold_above_110_minutes_names_the_fallback_action_with_the_same_result() -> None:
    for on_timeout, fallback in (("deliver", "Default"), ("bounce", "Bounce"), ("drop", "Drop")):
        [found] = findings({"do": {"hold": HOLD | {"timeout": "111m", "on_timeout": on_timeout}}})
        assert found.severity is Severity.WARNING
        assert f"the fallback action {fallback} in the flow rule" in found.text


def test_a_hold_whose_errors_are_not_retried_may_deliver_mail_without_an_approval() -> None:
    for on_error in ("skip", "apply"):
        [found] = findings(rule(on_error=on_error))
        assert found.severity is Severity.WARNING
        assert "without an approval" in found.text


def test_a_hold_in_report_mode_is_a_note() -> None:
    [found] = findings(rule(mode="report", on_error="skip"))
    assert (found.severity, found.text) == (Severity.NOTE, "holds no message in report mode")


NEVER: list[list[dict[str, Any]]] = [
    [{"when": {"direction": "inbound"}, "do": "drop"}, rule(when={"direction": "inbound"})],
    [{"do": {"bounce": "No."}}, rule()],
    [{"do": {"remove_recipients": "b@example.com"}}, rule(when={"recipient": "b@example.com"})],
    [rule(do=["drop", {"hold": HOLD}])],
]

MAY_HOLD: list[list[dict[str, Any]]] = [
    [{"when": {"direction": "inbound"}, "do": "drop"}, rule()],
    [{"do": "deliver"}, rule()],
    [{"do": "drop", "mode": "report"}, rule()],
    [{"do": {"remove_recipients": "b@example.com"}}, rule()],
    [rule(do=[{"hold": HOLD}, {"add_recipients": "b@example.com"}, "drop"])],
]


def test_a_hold_of_mail_that_no_recipient_gets_is_found() -> None:
    def check(rules: list[dict[str, Any]], never: bool) -> None:
        assert ((f"r{len(rules)}", "never holds a message") in heads(*rules)) is never

    check_rows([*((rules, True) for rules in NEVER), *((rules, False) for rules in MAY_HOLD)], check)


def test_approvers_need_a_table_a_link_and_a_sender() -> None:
    recorded, mailed = needed(rule())
    assert (recorded.rules, recorded.settings) == ((("r1", "hold"),), ("HOLDS_TABLE", "APPROVAL_URL", "APPROVAL_SECRET"))
    assert (mailed.settings, mailed.permissions) == (("APPROVAL_SENDER",), ("ses:SendRawEmail from the address APPROVAL_SENDER",))


def test_a_target_needs_its_own_permission_and_no_sender_of_mail() -> None:
    recorded, target = needed({"do": {"hold": {"notify": {"sns": TOPIC}, "timeout": "1h", "on_timeout": "drop"}}})
    assert "HOLDS_TABLE" in recorded.settings
    assert (target.settings, target.permissions) == ((), (f"sns:Publish on {TOPIC}",))


def test_a_state_machine_needs_no_table() -> None:
    [machine] = needed({"do": {"hold": {"state_machine": MACHINE, "timeout": "1h", "on_timeout": "drop"}}})
    execution = MACHINE.replace("stateMachine", "execution")
    assert machine.permissions == (f"states:StartExecution on {MACHINE}", f"states:DescribeExecution on {execution}:*")


def test_a_hold_in_report_mode_needs_nothing() -> None:
    assert needed(rule(mode="report")) == []


def test_a_hold_reads_the_content_only_for_its_text_or_its_notification() -> None:
    def check(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
        [found] = make_policy({"do": {"hold": HOLD | changes}}).rules
        assert list_content_readers(found) == expected

    rows: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({}, ()),
        ({"text": "%%Subject%%"}, ()),
        ({"text": "%%FromName%%"}, ("hold",)),
        ({"notify": {"sns": TOPIC, "include": ["subject", "addresses"]}}, ()),
        ({"notify": {"sns": TOPIC, "include": "headers"}}, ("hold",)),
    ]
    check_rows(rows, check)
