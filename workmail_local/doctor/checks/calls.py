"""Checks of a mail function's calls. WorkMail has no API for flow rules; the calls show whether a rule runs the function."""

from collections.abc import Iterator
from typing import Final

from workmail_local.console.style import format_count
from workmail_local.doctor.account import Account
from workmail_local.doctor.checks.functions import Mode, find_mode
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.metrics import Metric, sum_metrics
from workmail_local.doctor.target import Function, Target

DAYS: Final = 7

_TIMEOUTS: Final = {"rewrite": 30, "disclaimer": 30}
_NAMES: Final = ("Invocations", "Errors", "Throttles", "AsyncEventsReceived")


def check_calls(account: Account, target: Target, function: Function) -> Iterator[Finding]:
    """Check by the metrics of a week that WorkMail calls the function, by the right ARN and in the right way."""
    all_versions = {"FunctionName": function.name}
    through_arn = all_versions | {"Resource": f"{function.name}:{function.qualifier}"}
    metrics = [Metric("AWS/Lambda", name, all_versions) for name in _NAMES]
    if function.qualifier:
        metrics.append(Metric("AWS/Lambda", "Invocations", through_arn))
    calls, errors, throttles, asynchronous, *through = sum_metrics(account, metrics, target.now, DAYS)
    mode = find_mode(account, function)
    if calls == 0:
        mend = f"Create the rule if there is none (docs/connect.md): {describe_rule(function, mode)}"
        yield warn("flow rule", f"no call in {DAYS} days: no rule runs it, or no mail met the rule", mend)
        return
    if through == [0]:
        mend = f"Use the ARN of the alias in the flow rule, so that gradual deployments and rollbacks apply: {function.arn}"
        yield warn("flow rule", f"{format_count(calls, 'call')} in {DAYS} days, but none of the alias {function.qualifier}", mend)
    elif asynchronous and mode is not Mode.ASYNCHRONOUS:
        found = f"{asynchronous:,} of {calls:,} calls in {DAYS} days were asynchronous"
        mend = "Check Run synchronously in the flow rule: WorkMail ignores the answer and the changes of other calls."
        if mode is Mode.SYNCHRONOUS:
            yield fail("flow rule", found, mend)
        else:
            yield warn(
                "flow rule",
                found,
                f"If it does not answer WorkMail, give it a dead-letter queue, by which doctor knows. If it does: {mend}",
            )
    elif mode is Mode.ASYNCHRONOUS and not asynchronous:
        yield warn(
            "flow rule",
            f"{format_count(calls, 'call')} in {DAYS} days, synchronous: mail waits",
            "Uncheck Run synchronously in the flow rule.",
        )
    else:
        yield from _check_directions(account, target, function, calls, mode)
    if errors or throttles:
        mend = "Read the function's log for the reasons: WorkMail retries these calls, then applies the fallback action."
        yield warn("errors", f"{errors:,} calls failed and {throttles:,} were throttled in {DAYS} days", mend)


def describe_rule(function: Function, mode: Mode) -> str:
    """Return the values of a function's flow rule in the WorkMail console."""
    if mode is Mode.ASYNCHRONOUS:
        return f"Run Lambda {function.arn}, Run synchronously unchecked."
    minutes = _TIMEOUTS.get(function.label, 60)
    return (
        f"Run Lambda {function.arn}, Run synchronously checked, fallback action Default, rule timeout {minutes} minutes, "
        "senders *, destinations *."
    )


def _check_directions(account: Account, target: Target, function: Function, calls: int, mode: Mode) -> Iterator[Finding]:
    found = f"{format_count(calls, 'call')} in {DAYS} days"
    if function.label != "mailflow" or target.stack is None:
        yield pass_check("flow rule", found)
        return
    named = {"incoming": ("INBOUND", "Inbound rules"), "outgoing": ("OUTBOUND", "Outbound rules")}
    asked = [named[each] for each in target.directions]
    dimensions = {"service": target.stack.name, "hook": function.label}
    metrics = [Metric("WorkMailHooks", "Messages", {**dimensions, "direction": direction}) for direction, _ in asked]
    sums = sum_metrics(account, metrics, target.now, DAYS)
    without = [page for (_, page), messages in zip(asked, sums, strict=True) if not messages]
    if without and len(without) < len(asked):
        mend = f"A policy for both directions needs a rule in each; ignore this if yours has rules for one. {describe_rule(function, mode)}"
        yield warn("flow rule", f"{found}, none by {without[0]}", mend)
    else:
        yield pass_check("flow rule", found)
