"""Checks of the stack's alarms, their topics, and the queue of failed events."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from workmail_local.console.style import format_count
from workmail_local.doctor.account import Account, Missing
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.target import Target

_CHUNK: Final = 100
"""CloudWatch describes so many alarms by name in one call."""


def _list_alarms(account: Account, target: Target) -> list[dict[str, Any]]:
    names = target.stack.list_physical("AWS::CloudWatch::Alarm") if target.stack else []
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), _CHUNK):
        found += account.list("cloudwatch.describe_alarms", "MetricAlarms", AlarmNames=names[start : start + _CHUNK])
    return found


def check_alarms(account: Account, target: Target) -> Iterator[Finding]:
    """Check that the alarms exist, are quiet, and inform a topic."""
    if target.stack is None:
        return
    expected = target.stack.resources.get("AWS::CloudWatch::Alarm", {})
    if not expected:
        yield warn("alarms", "the stack has no alarm", "Deploy the current template (docs/monitoring.md).")
        return
    labels = {name: logical.removesuffix("Alarm") for logical, name in expected.items()}
    alarms = {each["AlarmName"]: each for each in _list_alarms(account, target)}
    for name in sorted(labels.keys() - alarms.keys()):
        yield fail(
            "alarm", f"{labels[name]} was deleted", "Delete it from the template's stack and deploy, or recreate it by its old name."
        )
    for name, alarm in sorted(alarms.items()):
        if alarm["StateValue"] == "ALARM":
            command = ("aws", "cloudwatch", "describe-alarm-history", "--alarm-name", name, "--history-item-type", "StateUpdate")
            yield fail("alarm", f"{labels[name]} is in alarm", "Its entry in docs/monitoring.md has the steps.", command)
    silent = [name for name, alarm in alarms.items() if not alarm.get("AlarmActions") or not alarm.get("ActionsEnabled", True)]
    if silent:
        mend = "Set AlarmTopicArn to an SNS topic, and deploy: without it the alarms inform no one."
        yield warn("actions", f"{len(silent)} of {len(alarms)} alarms have no action", mend)
    quiet = sum(each["StateValue"] != "ALARM" for each in alarms.values())
    if quiet:
        yield pass_check("alarms", f"{quiet} of {len(expected)} are quiet")


def check_topics(account: Account, target: Target) -> Iterator[Finding]:
    """Check that each topic of the alarms has a subscriber, and that CloudWatch can publish to it."""
    actions = {action for alarm in _list_alarms(account, target) for action in alarm.get("AlarmActions", ())}
    for arn in sorted(each for each in actions if ":sns:" in each):
        name, region = arn.rpartition(":")[2], arn.split(":")[3]
        subscribe = ("aws", "sns", "subscribe", "--topic-arn", arn, "--protocol", "email", "--notification-endpoint", "ADDRESS")
        try:
            topic = account.call("sns.get_topic_attributes", region=region, TopicArn=arn)["Attributes"]
        except Missing:
            yield fail("topic", f"{name} does not exist", "Set AlarmTopicArn to a topic that exists, and deploy.")
            continue
        pending = int(topic.get("SubscriptionsPending", "0"))
        if topic.get("KmsMasterKeyId") == "alias/aws/sns":
            mend = "Encrypt the topic by a key of your own, whose policy lets cloudwatch.amazonaws.com use it."
            yield fail("topic", f"{name} is encrypted by a key that CloudWatch cannot use", mend)
        elif int(topic.get("SubscriptionsConfirmed", "0")) > 0:
            yield pass_check("topic", f"{name} has a confirmed subscription")
        elif pending:
            yield fail("topic", f"{name}: {format_count(pending, 'subscription')} not confirmed", "Confirm one by the link in its mail.")
        else:
            yield fail("topic", f"{name} has no subscription", "Subscribe, then confirm by the link in the mail.", subscribe)


def check_dead_letters(account: Account, target: Target) -> Iterator[Finding]:
    """Check that the queues of failed events are empty."""
    for url in target.stack.list_physical("AWS::SQS::Queue") if target.stack else ():
        try:
            answer = account.call("sqs.get_queue_attributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        except Missing:
            yield fail("dead letters", "the queue does not exist", "Deploy the stack again: events that fail are lost.")
            continue
        number = int(answer["Attributes"]["ApproximateNumberOfMessages"])
        if number:
            mend = "Read the function's log for the reason; the events stay for 14 days (docs/bad-day.md#the-queue-is-not-empty)."
            yield fail("dead letters", f"{format_count(number, 'event')} failed three times", mend)
        else:
            yield pass_check("dead letters", "none")


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target], Iterator[Finding]]], ...]] = (
    ("alarms", check_alarms),
    ("topic", check_topics),
    ("dead letters", check_dead_letters),
)
