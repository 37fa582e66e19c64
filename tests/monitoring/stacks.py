"""The two stacks, with everything in them, and WorkMail's own names from its Administrator Guide."""

from functools import cache
from typing import Any, Final

from tests.infrastructure.stack import ROOT, Stack, read_template
from tests.support import emitted
from tests.support.cloudwatch.dashboards import Widget, parse_dashboard
from tests.support.cloudwatch.metrics import Metrics

SECRET: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:calendars-AbC123"

WORKMAIL_METRICS: Final = frozenset(
    "OrganizationEmailReceived MailboxEmailDelivered IncomingEmailBounced OutgoingEmailBounced OutgoingEmailSent "
    "AuthenticationFailure AccessDenied ActionDenied AvailabilityProviderFailure".split()
)
"""Guide, "CloudWatch metrics for Amazon WorkMail"."""


@cache
def main_stack(name: str = emitted.STACK, **parameters: str) -> Stack:
    """Return the main stack with all functions."""
    everything = {
        "Functions": "mailflow,rewrite,disclaimer,bounce,observe",
        "PolicySource": "ssm:/mail/policy",
        "PolicyNeeds": "directory,hold",
        "AvailabilitySecretArn": SECRET,
        "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
    }
    return Stack(name=name, **everything | parameters)


@cache
def organization_stack(name: str = "organization", **parameters: str) -> Stack:
    """Return the organization's stack with all audit logs and log groups."""
    everything = {
        "EventLogGroup": "/aws/workmail/emailevents/example",
        "HooksLogGroups": "/aws/lambda/mail,/aws/lambda/calendars",
        "AuditLogs": "access-control,authentication,availability-provider,mailbox-access,personal-access-token",
    }
    return Stack(read_template(ROOT / "organization/template.yaml"), name=name, **everything | parameters)


def widgets(stack: Stack) -> list[Widget]:
    """Return the widgets of all dashboards of a stack."""
    return [widget for each in stack.of_type("AWS::CloudWatch::Dashboard").values() for widget in parse_dashboard(each["DashboardBody"])]


def alarms(stack: Stack) -> dict[str, Any]:
    """Return the properties of a stack's alarms, by logical ID."""
    return stack.of_type("AWS::CloudWatch::Alarm")


def metrics_of(*texts: str) -> Metrics:
    """Return the metrics in printed lines, one period for each text."""
    metrics = Metrics()
    for period, text in enumerate(texts):
        for line in text.splitlines():
            metrics.read_line(line, period)
    return metrics
