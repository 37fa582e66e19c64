"""Checks of the logs: the stack's, WorkMail's event log and its audit logs. Reads no log line."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from workmail_local.doctor.account import Account, Missing
from workmail_local.doctor.checks.functions import read_configuration
from workmail_local.doctor.checks.organization import is_readable
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.target import Target

_AVAILABILITY_LOGS: Final = "WORKMAIL_AVAILABILITY_PROVIDER_LOGS"


def check_groups(account: Account, target: Target) -> Iterator[Finding]:
    """Check the functions' log groups: existence, retention and newest line."""
    groups: dict[str, None] = {}
    for function in target.functions:
        # A function that is missing has a row of its own.
        with suppress(Missing):
            logging = read_configuration(account, function).get("LoggingConfig") or {}
            groups[logging.get("LogGroup") or f"/aws/lambda/{function.name}"] = None
    for group in groups:
        found = _find_group(account, group, target.region)
        if found is None:
            yield fail("log group", f"{group} does not exist", "Deploy the stack again: without it no function can log.")
            continue
        days = found.get("retentionInDays")
        encryption = ", encrypted by a KMS key" if found.get("kmsKeyId") else ""
        if days is None:
            command = ("aws", "logs", "put-retention-policy", "--log-group-name", group, "--retention-in-days", "30")
            yield warn("log group", f"{group} keeps lines for ever{encryption}", "Set LogRetentionDays, or run:", command)
        else:
            yield pass_check("log group", f"{group}, {days} d{encryption}")
        yield _check_newest_line(account, target, group)


def _check_newest_line(account: Account, target: Target, group: str) -> Finding:
    streams = account.call("logs.describe_log_streams", logGroupName=group, orderBy="LastEventTime", descending=True, limit=1)
    newest = [each["lastEventTimestamp"] for each in streams["logStreams"] if "lastEventTimestamp" in each]
    if not newest:
        return warn("newest line", "no function has logged yet", "Send a message that meets a flow rule, then look at the rows above.")
    return pass_check("newest line", f"{_format_age(timedelta(seconds=target.now.timestamp() - newest[0] / 1000))} ago")


def _find_group(account: Account, name: str, region: str) -> dict[str, Any] | None:
    groups = account.list("logs.describe_log_groups", "logGroups", region=region, logGroupNamePrefix=name)
    return next((each for each in groups if each["logGroupName"] == name), None)


def _format_age(age: timedelta) -> str:
    """Return an age in its largest unit.

    >>> _format_age(timedelta(minutes=90)), _format_age(timedelta(days=3))
    ('1 h', '3 d')
    """
    minutes = max(0, int(age.total_seconds() // 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h" if minutes < 1440 else f"{minutes // 1440} d"


def check_event_log(account: Account, target: Target) -> Iterator[Finding]:
    """Check that WorkMail logs mail events: only they name the flow rule that a message met."""
    organization = target.organization
    if not is_readable(account, target):
        return
    mend = "Turn it on in the WorkMail console: Organization settings, Logging settings, Email flow log settings."
    try:
        found = account.call("workmail.describe_email_monitoring_configuration", region=organization.region, OrganizationId=organization.id)
    except Missing:
        found = {}
    if not found.get("LogGroupArn"):
        yield warn("event log", "WorkMail logs no events, so no log names the flow rule of a message", mend)
        return
    name = found["LogGroupArn"].split(":log-group:")[1].removesuffix(":*")
    if _find_group(account, name, organization.region) is None:
        yield fail("event log", f"its log group {name} does not exist", f"Create the log group, or turn the log off and on. {mend}")
    else:
        yield pass_check("event log", name)


def check_audit_logs(account: Account, target: Target) -> Iterator[Finding]:
    """Check the delivery of audit logs. They are optional; those of availability providers have the errors by domain."""
    organization = target.organization
    if not is_readable(account, target):
        return
    region = organization.region
    sources = account.list("logs.describe_delivery_sources", "deliverySources", region=region)
    ours = {each["logType"]: each["name"] for each in sources if organization.arn in each.get("resourceArns", ())}
    deliveries = account.list("logs.describe_deliveries", "deliveries", region=region) if ours else []
    delivered = {each["deliverySourceName"] for each in deliveries}
    mend = "Deploy the organization's stack with the delivery of the audit logs (docs/monitoring.md)."
    for kind in sorted(kind for kind, name in ours.items() if name not in delivered):
        yield warn("audit logs", f"{kind} has a source, but is delivered nowhere", mend)
    active = sorted(kind.removeprefix("WORKMAIL_").removesuffix("_LOGS").lower() for kind, name in ours.items() if name in delivered)
    if target.availability_functions and _AVAILABILITY_LOGS not in ours:
        yield warn("audit logs", "no log of WorkMail's requests to the availability provider", mend)
    else:
        yield pass_check("audit logs", ", ".join(active).replace("_", " ") if active else "none; they are optional")


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target], Iterator[Finding]]], ...]] = (
    ("log group", check_groups),
    ("event log", check_event_log),
    ("audit logs", check_audit_logs),
)
