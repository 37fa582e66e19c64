"""Each defect of logs, alarms and quotas is found and named."""

import pytest

from tests.integration.workmail_local.doctor.conftest import Run, use_account
from tests.integration.workmail_local.doctor.defects import Defect, parametrize
from tests.support.deployed_account import EVENT_LOG, GROUP, ORGANIZATION, STACK, Deployment
from tests.support.servers.aws_account import AwsAccount
from tests.support.servers.hosting import ServerPool

LOGS = [
    Defect(
        "a log group that does not exist",
        lambda d: d.change_function("rewrite", LoggingConfig={"LogGroup": "/gone"}),
        ("Logs", "log group", "wrong"),
        "/gone does not exist",
        "Deploy the stack again",
    ),
    Defect(
        "a log group without an end",
        lambda d: d.change_function("rewrite", LoggingConfig={"LogGroup": _create_group(d, "/endless")}),
        ("Logs", "log group", "warning"),
        "for ever",
        "put-retention-policy",
        alone=False,
    ),
    Defect(
        "a log group without a line",
        lambda d: d.change_function("rewrite", LoggingConfig={"LogGroup": _create_group(d, "/silent", days=30)}),
        ("Logs", "newest line", "warning"),
        "no function has logged",
        "Send a message",
    ),
    Defect(
        "an event log that is off",
        lambda d: d.aws.workmail.pop("DescribeEmailMonitoringConfiguration"),
        ("Logs", "event log", "warning"),
        "no events",
        "Email flow log settings",
    ),
    Defect(
        "an event log whose group was deleted",
        lambda d: d.aws.workmail["DescribeEmailMonitoringConfiguration"].update(
            LogGroupArn=f"arn:aws:logs:us-east-1:{d.aws.number}:log-group:/lost:*"
        ),
        ("Logs", "event log", "wrong"),
        "/lost does not exist",
        "Create the log group",
    ),
    Defect(
        "no log of the requests to the provider",
        lambda d: d.change("logs", "DescribeDeliverySources", deliverySources=[]),
        ("Logs", "audit logs", "warning"),
        "no log of WorkMail's requests",
        "organization's stack",
    ),
    Defect(
        "an audit log that is delivered nowhere",
        lambda d: d.change("logs", "DescribeDeliveries", deliveries=[]),
        ("Logs", "audit logs", "warning"),
        "delivered nowhere",
        "organization's stack",
    ),
]


def _create_group(deployment: Deployment, name: str, *, days: int = 0) -> str:
    deployment.aws.do("logs.create_log_group", logGroupName=name)
    if days:
        deployment.aws.do("logs.put_retention_policy", logGroupName=name, retentionInDays=days)
    return name


def _raise_alarm(deployment: Deployment) -> None:
    deployment.aws.do("cloudwatch.set_alarm_state", AlarmName=f"{STACK}-FailedAlarm", StateValue="ALARM", StateReason="a test")


def _send_dead_letter(deployment: Deployment) -> None:
    url = deployment.aws.do("sqs.create_queue", QueueName="another")["QueueUrl"]
    deployment.aws.do("sqs.send_message", QueueUrl=url, MessageBody="{}")
    _replace_queue(deployment, url)


def _replace_queue(deployment: Deployment, url: str) -> None:
    kept = [each for each in deployment.aws.resources if each[0] != "AWS::SQS::Queue"]
    deployment.aws.resources[:] = [*kept, ("AWS::SQS::Queue", "ObserveDeadLetterQueue", url)]


def _remove_alarms(deployment: Deployment) -> None:
    deployment.aws.resources[:] = [each for each in deployment.aws.resources if each[0] != "AWS::CloudWatch::Alarm"]


ALARMS = [
    Defect("an alarm", _raise_alarm, ("Alarms", "alarm", "wrong"), "Failed is in alarm", "describe-alarm-history"),
    Defect(
        "an alarm that was deleted",
        lambda d: d.aws.resources.append(("AWS::CloudWatch::Alarm", "PassingAlarm", f"{STACK}-PassingAlarm")),
        ("Alarms", "alarm", "wrong"),
        "Passing was deleted",
        "deploy",
    ),
    Defect("a stack without alarms", _remove_alarms, ("Alarms", "alarms", "warning"), "no alarm", "docs/monitoring.md"),
    Defect(
        "an alarm that informs no topic",
        lambda d: d.put_alarm("FailedAlarm"),
        ("Alarms", "actions", "warning"),
        "1 of 3",
        "AlarmTopicArn",
    ),
    Defect(
        "alarms that are switched off",
        lambda d: d.put_alarm("FailedAlarm", AlarmActions=[d.topic], ActionsEnabled=False),
        ("Alarms", "actions", "warning"),
        "1 of 3",
        "AlarmTopicArn",
    ),
    Defect("a topic that does not exist", lambda d: d.aws.topics.clear(), ("Alarms", "topic", "wrong"), "not exist", "AlarmTopicArn"),
    Defect(
        "a topic without subscriptions",
        lambda d: d.aws.topics.update({d.topic: {"SubscriptionsConfirmed": "0", "SubscriptionsPending": "0"}}),
        ("Alarms", "topic", "wrong"),
        "no subscription",
        "aws sns subscribe",
    ),
    Defect(
        "a subscription that was never confirmed",
        lambda d: d.aws.topics.update({d.topic: {"SubscriptionsConfirmed": "0", "SubscriptionsPending": "2"}}),
        ("Alarms", "topic", "wrong"),
        "2 subscriptions not confirmed",
        "link in its mail",
    ),
    Defect(
        "a topic with a key that CloudWatch cannot use",
        lambda d: d.aws.topics.update({d.topic: {"SubscriptionsConfirmed": "1", "KmsMasterKeyId": "alias/aws/sns"}}),
        ("Alarms", "topic", "wrong"),
        "cannot use",
        "cloudwatch.amazonaws.com",
    ),
    Defect(
        "events that failed",
        _send_dead_letter,
        ("Alarms", "dead letters", "wrong"),
        "1 event failed",
        "docs/bad-day.md#the-queue-is-not-empty",
    ),
    Defect(
        "a queue that was deleted",
        lambda d: _replace_queue(d, d.queue.replace("dead-letters", "gone")),
        ("Alarms", "dead letters", "wrong"),
        "does not exist",
        "Deploy the stack again",
    ),
]

QUOTAS = [
    Defect(
        "an account with few concurrent calls",
        lambda d: d.aws.lambda_settings["AccountLimit"].update(ConcurrentExecutions=10, UnreservedConcurrentExecutions=10),
        ("Quotas", "concurrency", "warning"),
        "10 of 10",
        "higher quota",
    ),
    Defect(
        "an account whose concurrent calls are all reserved",
        lambda d: d.aws.lambda_settings["AccountLimit"].update(UnreservedConcurrentExecutions=0),
        ("Quotas", "concurrency", "wrong"),
        "all 1,000",
        "Remove a reservation",
    ),
    Defect(
        "an account whose storage for code is nearly full",
        lambda d: d.aws.lambda_settings["AccountUsage"].update(TotalCodeSize=70 * 2**30),
        ("Quotas", "code storage", "warning"),
        "93% of 75 GB",
        "Delete old versions",
    ),
]


@pytest.mark.slow  # half a second for each of its defects
@parametrize(LOGS)
def test_a_defect_of_the_logs_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


@pytest.mark.slow  # half a second for each of its defects
@parametrize(ALARMS)
def test_a_defect_of_the_alarms_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


@pytest.mark.slow  # half a second for each of its defects
@parametrize(QUOTAS)
def test_a_quota_that_is_nearly_reached_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


def test_a_day_with_many_recipients_is_named(pool: ServerPool, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pool.host(AwsAccount()) as aws:
        use_account(aws, monkeypatch)
        other = Deployment(aws)
        other.set_answers()
        other.put_metric("AWS/WorkMail", "OutgoingEmailSent", 50_000, OrganizationId=ORGANIZATION)
        other.put_metric("AWS/WorkMail", "OutgoingEmailSent", 40_000, OrganizationId="another")
        row = run("--function", other.arn("rewrite")).find("Quotas", "recipients", "warning")
        aws.close()
    assert row["found"].startswith("90,000 outgoing in a day")
    assert "add recipients" in row["mend"]


def test_names_of_groups_are_not_mistaken_for_longer_names(deployment: Deployment, run: Run) -> None:
    _create_group(deployment, f"{GROUP}-of-another-stack")
    found = [row["found"] for row in run().rows if row["topic"] == "Logs" and row["status"] == "ok"]
    assert f"{GROUP}, 30 d" in found
    assert EVENT_LOG in found
    assert ORGANIZATION not in str(found)
