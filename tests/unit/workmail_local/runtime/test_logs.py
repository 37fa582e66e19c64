import json

import pytest

from mailhooks.policy.evaluation.explanation import RuleState
from workmail_local.runtime.logs import find_problems, find_traceback, format_metrics, split_decision


def test_warnings_and_errors_are_found_with_their_reason() -> None:
    log = "\n".join(
        [
            "START",
            json.dumps({"level": "INFO", "message": "fine"}),
            json.dumps({"level": "WARNING", "message": "is delivered unchanged", "reason": "MessageFrozen", "detail": "redirected"}),
            json.dumps({"level": "ERROR", "message": "failed"}),
            json.dumps({"level": "ERROR", "message": "the hook failed", "hook": "tag", "reason": "KeyError"}),
            '{"level": "ERROR", broken',
            json.dumps(["level", "ERROR"]),
        ]
    )
    assert find_problems(log) == [
        ("WARNING", "is delivered unchanged (MessageFrozen: redirected)", False),
        ("ERROR", "failed", False),
        ("ERROR", "the hook failed (KeyError)", True),
    ]


def test_the_last_traceback_is_found_with_the_errors_that_caused_it() -> None:
    handled = "Traceback (most recent call last):\n  handled\nOSError: early\n"
    cause = "Traceback (most recent call last):\n  one\nKeyError: 1\n\nThe above exception was the direct cause:\n\n"
    last = "Traceback (most recent call last):\n  two\nValueError: 2"
    assert find_traceback(f"hello\n{handled}[ERROR] ValueError: 2\n{cause}{last}\n") == cause + last
    assert find_traceback("[ERROR] Runtime.UserCodeSyntaxError: ...\n  File 'app.py', line 1\n") == "  File 'app.py', line 1"
    assert find_traceback(json.dumps({"level": "ERROR", "traceback": f"{last}\n"}) + "\n[ERROR] HookFailed: see before\n") == last
    assert find_traceback(f"hello\n{handled}") == ""


def test_embedded_metrics_are_formatted_in_one_line() -> None:
    directive = {"Namespace": "N", "Dimensions": [["hook"]], "Metrics": [{"Name": "Messages"}, {"Name": "Failed"}, {"Name": "Duration"}]}
    entry = {"_aws": {"CloudWatchMetrics": [directive]}, "hook": "observe", "Messages": [1.0], "Failed": [0], "Duration": 5.3614}
    assert format_metrics(json.dumps(entry)) == "Messages=1 Duration=5.4 (hook=observe)"


def test_a_log_without_metrics_gives_no_text() -> None:
    assert format_metrics("hello\n{}\n") == ""


CONDITION = {"condition": "subject", "wanted": "subject contains x", "observed": "x", "answer": "yes", "depth": 0}
RULE = {
    "rule": "Contracts",
    "state": "applies",
    "result": "applies to all recipients",
    "recipients": ["ana@example.com"],
    "actions": ["drop"],
    "conditions": [CONDITION],
}


@pytest.mark.parametrize(
    "wrong",
    [
        {**RULE, "rule": 7},
        {**RULE, "result": None},
        {**RULE, "recipients": "ana@example.com"},
        {**RULE, "recipients": [1]},
        {**RULE, "actions": [["drop"]]},
        {**RULE, "state": "maybe"},
        {**RULE, "conditions": {}},
        {**RULE, "conditions": [{**CONDITION, "depth": "x"}]},
        {**RULE, "conditions": [{**CONDITION, "depth": True}]},
        {**RULE, "conditions": [{**CONDITION, "answer": 1}]},
    ],
)
def test_a_field_of_this_name_with_other_values_stays_in_the_log(wrong: object) -> None:
    log = json.dumps({"decision": [RULE, wrong]})
    assert split_decision(log) == (log, ())


def test_the_decision_is_taken_out_of_the_log() -> None:
    log, decision = split_decision("hello\n" + json.dumps({"level": "INFO", "decision": [RULE], "bytes": 3}) + "\nend\n")
    assert log == 'hello\n{"level":"INFO","bytes":3}\nend\n'
    [rule] = decision
    assert (rule.rule, rule.state, rule.recipients, rule.conditions[0].answer) == (
        "Contracts",
        RuleState.APPLIES,
        ("ana@example.com",),
        "yes",
    )


@pytest.mark.parametrize(
    "line", ['{"decision": "mine"}', '{"decision": [{"rule": "a"}]}', '{"decision": [1]}', '"decision"', '{"decision": cut']
)
def test_a_decision_of_another_program_stays_in_the_log(line: str) -> None:
    assert split_decision(line) == (line, ())
