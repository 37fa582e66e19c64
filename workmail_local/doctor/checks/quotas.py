"""Checks of the quotas that mail may reach.

Source: WorkMail Administrator Guide, "Quotas" (100,000 recipients outside of the organization for an account and day); Lambda Developer
Guide, "Quotas".
"""

from collections.abc import Callable, Iterator
from typing import Final

from workmail_local.doctor.account import Account
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.metrics import Metric, sum_metrics
from workmail_local.doctor.target import Target

RECIPIENTS: Final = 100_000

_SHARE: Final = 0.8
_FEW_CALLS: Final = 100


def check_lambda(account: Account, target: Target) -> Iterator[Finding]:
    """Check the account's concurrent calls and its storage for code, which each deployment fills."""
    if not target.functions:
        return
    answer = account.call("lambda.get_account_settings")
    limit, usage = answer["AccountLimit"], answer["AccountUsage"]
    free, total = limit["UnreservedConcurrentExecutions"], limit["ConcurrentExecutions"]
    command = ("aws", "service-quotas", "list-service-quotas", "--service-code", "lambda", "--region", account.region)
    if free == 0:
        yield fail("concurrency", f"all {total:,} concurrent calls are reserved", "Remove a reservation of another function.", command)
    elif free < _FEW_CALLS:
        mend = "Request a higher quota, Concurrent executions: WorkMail calls a function for each message, many at once."
        yield warn("concurrency", f"{free:,} of {total:,} concurrent calls are free", mend, command)
    else:
        yield pass_check("concurrency", f"{free:,} of {total:,} concurrent calls are free")
    used = usage["TotalCodeSize"] / limit["TotalCodeSize"]
    found = f"{used:.0%} of {limit['TotalCodeSize'] / 2**30:.0f} GB"
    if used > _SHARE:
        yield warn("code storage", found, "Delete old versions of functions and layers: a full storage stops each deployment.", command)
    else:
        yield pass_check("code storage", found)


def check_recipients(account: Account, target: Target) -> Iterator[Finding]:
    """Check the recipients of outgoing mail in one day against the account's limit."""
    listed = account.list("cloudwatch.list_metrics", "Metrics", Namespace="AWS/WorkMail", MetricName="OutgoingEmailSent")
    metrics = [
        Metric("AWS/WorkMail", each["MetricName"], {one["Name"]: one["Value"] for one in each.get("Dimensions", ())})
        for each in listed[:100]
    ]
    sent = sum(sum_metrics(account, metrics, target.now, 1)) if metrics else 0
    found = f"{sent:,} outgoing in a day; WorkMail's limit is {RECIPIENTS:,} outside of the organization"
    if sent > _SHARE * RECIPIENTS:
        mend = "Ask AWS Support for a higher limit, and look at rules that add recipients: beyond it mail is rejected."
        yield warn("recipients", found, mend)
    else:
        yield pass_check("recipients", found)


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target], Iterator[Finding]]], ...]] = (
    ("concurrency", check_lambda),
    ("recipients", check_recipients),
)
