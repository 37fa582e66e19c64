"""Holds by a state machine over HTTP: it is started once, read by each retry, and its output is the decision."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mailhooks.aws.session import open_session
from mailhooks.contract import MailFlowEvent
from mailhooks.contract.event import check_event
from mailhooks.errors import StillHeld, TransientError
from mailhooks.report_names import LogKey
from tests.support.holds import START, Company, hold_policy
from tests.support.mail import event, parsed
from tests.support.servers.step_functions import Executions
from tests.support.serving import serving

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:review"
HOUR = 3600
BOTH = parsed("ana@example.com", "ben@example.com")


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Executions]:
    found = Executions(START)
    with serving(found.handler()) as url:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", url)
        open_session.cache_clear()
        yield found
    open_session.cache_clear()


def company(on_timeout: str = "bounce", on_error: str = "retry", **rule: Any) -> Company:
    hold = {"state_machine": MACHINE, "timeout": "2h", "on_timeout": on_timeout}
    return Company(hold_policy({"name": "review", "do": {"hold": hold}, "on_error": on_error, **rule}))


def wait(found: Company, document: MailFlowEvent = BOTH) -> None:
    with pytest.raises(StillHeld):
        found.attempt(document)


def decide(found: Company, document: MailFlowEvent = BOTH) -> dict[str, str]:
    """Run an attempt that answers, and return the action by recipient."""
    reply = found.attempt(document)
    assert reply.verdict is not None
    return {
        address: entry["action"]["type"] for entry in reply.verdict.to_response()["actions"] for address in entry.get("recipients", ["*"])
    }


def test_the_state_machine_is_started_once_with_the_event_of_workmail(executions: Executions) -> None:
    found = company()
    for _ in range(3):
        wait(found)
    assert executions.calls == ["DescribeExecution", "StartExecution", "DescribeExecution", "DescribeExecution"]
    [(arn, execution)] = executions.found.items()
    assert arn == f"arn:aws:states:eu-west-1:123456789012:execution:review:{BOTH.invocation_id}"
    document = json.loads(execution["input"])
    check_event(document)
    assert document == event("ana@example.com", "ben@example.com") | {"hold": {"rule": "review"}}
    assert found.table.calls == []


def test_a_rule_that_no_longer_applies_decides_on_its_own_recipients_only(executions: Executions) -> None:
    found = company(when={"recipient": "ben@example.com"})
    wait(found)
    assert json.loads(next(iter(executions.found.values()))["input"])["hold"] == {"rule": "review", "recipients": ["ben@example.com"]}
    executions.end(output={"decision": "reject"})
    found.policy = company(when={"recipient": "ben@example.com"}, active={"until": "2020-01-01T00:00:00Z"}).policy
    assert decide(found) == {"ben@example.com": "BOUNCE", "*": "DEFAULT"}


def test_an_execution_of_another_rule_does_not_count_for_a_rule_that_does_not_apply(executions: Executions) -> None:
    do = {"hold": {"state_machine": MACHINE, "timeout": "2h", "on_timeout": "bounce"}}
    past = {"name": "ana", "when": {"recipient": "ana@example.com"}, "active": {"until": "2020-01-01T00:00:00Z"}, "do": do}
    found = Company(hold_policy({"name": "ben", "when": {"recipient": "ben@example.com"}, "do": do}, past))
    wait(found)
    executions.end(output={"decision": "reject"})
    assert decide(found) == {"ben@example.com": "BOUNCE", "*": "DEFAULT"}


def test_an_execution_that_cannot_be_read_yet_is_not_started_again(executions: Executions) -> None:
    found = company()
    wait(found)
    executions.is_stale = True
    wait(found)
    executions.end(output={"decision": "approve"})
    wait(found)
    assert len(executions.found) == 1
    executions.is_stale = False
    assert decide(found) == {"*": "DEFAULT"}


def test_an_output_approves_or_rejects(executions: Executions) -> None:
    found = company()
    wait(found)
    executions.end(output={"decision": "approve", "comment": "fine"})
    assert decide(found) == {"*": "DEFAULT"}
    executions.end(output={"decision": "reject", "reason": "no\r\ncontract"})
    reply = found.attempt(BOTH)
    assert reply.verdict is not None
    [entry] = reply.verdict.to_response()["actions"]
    assert entry["action"]["type"] == "BOUNCE"
    assert entry["action"]["parameters"]["bounceMessage"].endswith("Reason: no contract")
    assert reply.log[LogKey.HOLDS] == [{"rule": "review", "state": "rejected"}]


ACTIONS: list[tuple[list[dict[str, Any]], dict[str, str]]] = [
    ([{"action": {"type": "DEFAULT"}, "allRecipients": True}], {"*": "DEFAULT"}),
    ([{"action": {"type": "DROP"}, "allRecipients": True}], {"*": "DROP"}),
    (
        [
            {"action": {"type": "BOUNCE", "parameters": {"bounceMessage": "no"}}, "recipients": ["BEN@example.com"]},
            {"action": {"type": "DEFAULT"}, "allRecipients": True},
        ],
        {"ben@example.com": "BOUNCE", "*": "DEFAULT"},
    ),
    (
        [
            {"action": {"type": "MOVE_TO_JUNK"}, "recipients": ["ana@example.com"]},
            {"action": {"type": "DEFAULT"}, "recipients": ["ben@example.com"]},
        ],
        {"ana@example.com": "MOVE_TO_JUNK", "*": "DEFAULT"},
    ),
    # A recipient whom the message does not have is not added.
    (
        [
            {"action": {"type": "DEFAULT"}, "recipients": ["cleo@example.com"]},
            {"action": {"type": "DROP"}, "allRecipients": True},
        ],
        {"*": "DROP"},
    ),
]


def test_an_output_may_be_a_response_of_a_run_lambda_function(executions: Executions) -> None:
    found = company()
    wait(found)
    for actions, expected in ACTIONS:
        executions.end(output={"actions": actions})
        assert decide(found) == expected, actions


def test_a_response_changes_only_recipients_of_the_hold_who_would_get_the_message(executions: Executions) -> None:
    found = company(when={"recipient": "ben@example.com"})
    wait(found)
    executions.end(output={"actions": [{"action": {"type": "DROP"}, "allRecipients": True}]})
    assert decide(found) == {"ben@example.com": "DROP", "*": "DEFAULT"}
    dropped = hold_policy(
        {"name": "drop", "when": {"recipient": "ana@example.com"}, "do": "drop"},
        {"name": "review", "do": {"hold": {"state_machine": MACHINE, "timeout": "2h", "on_timeout": "bounce"}}},
    )
    executions.end(output={"actions": [{"action": {"type": "MOVE_TO_JUNK"}, "allRecipients": True}]})
    assert decide(Company(dropped)) == {"ben@example.com": "MOVE_TO_JUNK", "*": "DROP"}


@pytest.mark.parametrize(
    "output",
    [
        "no JSON",
        "[" * 5000,
        [],
        {},
        "null",
        {"decision": "Approve"},
        {"decision": None},
        {"actions": []},
        {"actions": [{"action": {"type": "DELETE"}, "allRecipients": True}]},
        {"actions": [{"action": {"type": "DROP"}, "recipients": ["ana@example.com"]}]},
        {"actions": [{"action": {"type": "DROP"}, "allRecipients": "yes"}]},
    ],
    ids=lambda output: str(output)[:40],
)
def test_an_invalid_output_lets_the_rule_decide_at_once(output: Any, executions: Executions) -> None:
    found = company("drop")
    wait(found)
    executions.end(output=output)
    reply = found.attempt(BOTH)
    assert decide(found) == {"*": "DROP"}
    assert [(failure["rule"], failure["error"]) for failure in reply.log[LogKey.FAILURES]] == [("review", "StateMachineFailed")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_failed_execution_lets_the_rule_decide_at_once(status: str, executions: Executions) -> None:
    found = company("deliver")
    wait(found)
    executions.end(status)
    assert decide(found) == {"*": "DEFAULT"}


def test_the_time_begins_with_the_execution(executions: Executions) -> None:
    found = company("drop")
    wait(found)
    found.now = START + 2 * HOUR - 1
    wait(found)
    found.now += 1
    assert decide(found) == {"*": "DROP"}


@pytest.mark.parametrize("error", ["ThrottlingException", "AccessDeniedException", "StateMachineDoesNotExist", "InvalidArn"])
def test_mail_does_not_pass_while_the_state_machine_cannot_be_asked(error: str, executions: Executions) -> None:
    executions.error = error
    with pytest.raises(TransientError) as failed:
        company().attempt(BOTH)
    assert not isinstance(failed.value, StillHeld)
    assert decide(company(on_error="skip")) == {"*": "DEFAULT"}


def test_an_invocation_whose_id_is_no_name_of_an_execution_has_another_name(executions: Executions) -> None:
    wait(company(), parsed(invocationId="a:b/c" * 30))
    [arn] = executions.found
    assert len(arn.rpartition(":")[2]) == 32


def test_a_truncated_event_needs_an_action_for_the_omitted_recipients(executions: Executions) -> None:
    found, document = company("drop"), parsed("ana@example.com", truncated=True)
    wait(found, document)
    executions.end(output={"actions": [{"action": {"type": "DEFAULT"}, "recipients": ["ana@example.com"]}]})
    assert decide(found, document) == {"*": "DROP"}
    executions.end(output={"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]})
    assert decide(found, document) == {"*": "DEFAULT"}
