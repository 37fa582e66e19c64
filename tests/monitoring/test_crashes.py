"""The metric of crashes counts Lambda's own lines about a function that did not run to its end, and no line of ours."""

import pytest

from tests.monitoring.stacks import main_stack
from tests.support import emitted
from tests.support.cloudwatch.filter_patterns import compile_pattern

# Printed by Lambda's Python runtime in a container (the first three), or given in Lambda's documentation and by its emulator.
CRASHES = [
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'missing'\nTraceback (most recent call last):",
    "[ERROR] Runtime.HandlerNotFound: Handler 'handler' missing on module 'app'",
    "[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'app': invalid syntax (app.py, line 3)",
    "2026-05-04T08:00:14.012Z d74a279f-5cbd-4482-b167-71127009a3fb Task timed out after 14.00 seconds",
    "RequestId: 8f156ebb-5564-41b5-b4a0-51f5427f1901 Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    "RequestId: d93c3e09-2455-4ef1-8171-6f2dda10d68d Error: Runtime exited with error: exit status 3\nRuntime.ExitError",
    "INIT_REPORT Init Duration: 812.40 ms\tPhase: init\tStatus: error\tError Type: SettingsError",
    "RESTORE_REPORT Restore Duration: 1236.04 ms Status: timeout",
    "RESTORE_REPORT Restore Duration: 1236.04 ms\tStatus: error\tError Type: Runtime.ExitError",
]

ORDINARY = [
    "INIT_START Runtime Version: python:3.13.v30\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:0123",
    "START RequestId: d74a279f-5cbd-4482-b167-71127009a3fb Version: 7",
    "END RequestId: d74a279f-5cbd-4482-b167-71127009a3fb",
    "RESTORE_START Runtime Version: python:3.13.v30\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:0123",
    "RESTORE_REPORT Restore Duration: 398.97 ms",
    "REPORT RequestId: d74a279f-5cbd-4482-b167-71127009a3fb\tDuration: 35.11 ms\tBilled Duration: 36 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 120 MB\tInit Duration: 801.10 ms\t",
    # A transient error that the function raises, so that WorkMail retries: PassingAlarm counts it.
    "[ERROR] Throttled: GetRawMessageContent: too many calls\nTraceback (most recent call last):",
    "[ERROR] HookFailed: ValueError in hook rewrite; see the log line before this\nTraceback (most recent call last):",
    "mailhooks: the policy ssm:/mail is rejected: ssm:/mail:1: expected a policy: Task timed out after 3.00 seconds",
]


@pytest.fixture(scope="module")
def pattern():
    [crashed] = main_stack().of_type("AWS::Logs::MetricFilter").values()
    assert len(crashed["FilterPattern"]) <= 1024
    return compile_pattern(crashed["FilterPattern"])


@pytest.mark.parametrize("line", CRASHES)
def test_a_crash_is_counted(line: str, pattern) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_of_lambda_is_not_counted(line: str, pattern) -> None:
    assert not pattern.search(line)


def test_no_line_of_ours_is_counted_even_if_it_quotes_a_subject_about_a_time_out(pattern) -> None:
    lines = "".join(make() for make in emitted.KINDS.values()).splitlines()
    assert any("Task timed out after 3.00 seconds" in line for line in lines)
    assert not [line for line in lines if pattern.search(line)]


def test_each_stack_counts_its_own_crashes() -> None:
    names = [
        transformation["MetricName"]
        for stack in (main_stack(), main_stack("mail-2"))
        for each in stack.of_type("AWS::Logs::MetricFilter").values()
        for transformation in each["MetricTransformations"]
    ]
    assert names == ["Crashed-mail", "Crashed-mail-2"]
