"""Each defect of the rewrite bucket, the policy, logs, alarms and quotas is found and named."""

import json
from typing import Any

import pytest

from tests.integration.local.doctor.conftest import Run, use_account
from tests.integration.local.doctor.defects import Defect, parametrize
from tests.support.deployed_account import EVENT_LOG, GROUP, MAIL_FUNCTIONS, ORGANIZATION, REGION, STACK, Deployment
from tests.support.servers.aws_account import AwsAccount
from tests.support.servers.hosting import ServerPool

BUCKET = "Rewrite bucket"
OTHER = f"arn:aws:workmailmessageflow:{REGION}:111122223333:message/m-{'f' * 32}/*"


def _set_bucket(deployment: Deployment, name: str, **location: Any) -> None:
    """Let the functions use another bucket."""
    deployment.aws.do("s3.create_bucket", Bucket=name, **location)
    for label in MAIL_FUNCTIONS:
        deployment.set_variables(label, REWRITE_BUCKET=name)


def _encrypt(deployment: Deployment, key: str = "") -> None:
    default = {"SSEAlgorithm": "aws:kms"} | ({"KMSMasterKeyID": key} if key else {})
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    deployment.aws.do("s3.put_bucket_encryption", Bucket=deployment.bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _create_key(deployment: Deployment, *services: str) -> str:
    """Create a KMS key that the account and these services may use."""
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{deployment.aws.number}:root"}, "Action": "kms:*", "Resource": "*"}
    condition = {"StringEquals": {"aws:SourceAccount": deployment.aws.number, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    uses = [
        {"Effect": "Allow", "Principal": {"Service": each}, "Action": "kms:Decrypt", "Resource": "*", "Condition": condition}
        for each in services
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own, *uses]})
    key: str = deployment.aws.do("kms.create_key", Policy=policy)["KeyMetadata"]["Arn"]
    return key


def _disable_key(deployment: Deployment) -> None:
    key = _create_key(deployment, f"workmail.{REGION}.amazonaws.com")
    _encrypt(deployment, key)
    deployment.aws.do("kms.disable_key", KeyId=key.rpartition("/")[2])


def _deny_outside_of_a_vpc(deployment: Deployment) -> None:
    policy = deployment.bucket_policy()
    deny = {"Sid": "OnlyOurVpc", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{deployment.bucket}/*"}
    policy["Statement"].append(deny | {"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}})
    deployment.put_bucket_policy(policy)


BUCKETS = [
    Defect(
        "a bucket in another region",
        lambda d: _set_bucket(d, f"elsewhere-{d.aws.number}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
        (BUCKET, "bucket", "wrong"),
        "in eu-west-1",
        "Use a bucket in us-east-1",
        alone=False,
    ),
    Defect(
        "a bucket whose name has dots",
        lambda d: _set_bucket(d, f"mail.example.com.{d.aws.number}"),
        (BUCKET, "bucket", "wrong"),
        "mail.example.com",
        "hyphens",
        alone=False,
    ),
    Defect(
        "a bucket that was deleted",
        lambda d: d.aws.errors.update({("s3", f"{d.bucket}?location"): (404, "NoSuchBucket")}),
        (BUCKET, "bucket", "wrong"),
        "does not exist",
        "deploy it again",
    ),
    Defect(
        "a bucket without a policy",
        lambda d: d.aws.do("s3.delete_bucket_policy", Bucket=d.bucket),
        (BUCKET, "access", "wrong"),
        "no policy",
        "Deploy the stack again",
    ),
    Defect(
        "a bucket's policy for another organization",
        lambda d: d.put_bucket_policy(d.bucket_policy(ArnLike={"aws:SourceArn": OTHER})),
        (BUCKET, "access", "wrong"),
        "does not let WorkMail read",
        "get-bucket-policy",
    ),
    Defect(
        "a bucket's policy for every organization",
        lambda d: d.put_bucket_policy(d.bucket_policy(ArnLike={}, StringEquals={})),
        (BUCKET, "access", "warning"),
        "every organization",
        "conditions",
    ),
    Defect(
        "a bucket's policy that may deny WorkMail",
        _deny_outside_of_a_vpc,
        (BUCKET, "access", "warning"),
        "OnlyOurVpc",
        "InvalidContentLocation",
    ),
    Defect(
        "a bucket with the KMS key of AWS",
        lambda d: _encrypt(d),
        (BUCKET, "encryption", "wrong"),
        "aws/s3",
        "KmsKeyArn",
    ),
    Defect(
        "a KMS key that WorkMail may not use",
        lambda d: _encrypt(d, _create_key(d)),
        (BUCKET, "encryption", "wrong"),
        "may not decrypt",
        "kms:Decrypt",
    ),
    Defect(
        "a KMS key that is disabled",
        _disable_key,
        (BUCKET, "encryption", "wrong"),
        "Disabled",
        "Enable the key",
    ),
    Defect(
        "a bucket that may be public",
        lambda d: d.aws.do("s3.delete_public_access_block", Bucket=d.bucket),
        (BUCKET, "public access", "warning"),
        "not blocked",
        "put-public-access-block",
    ),
    Defect(
        "a bucket that keeps mail",
        lambda d: d.aws.do("s3.delete_bucket_lifecycle", Bucket=d.bucket),
        (BUCKET, "lifecycle", "warning"),
        "never deleted",
        "after a day",
    ),
]

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
    Defect("events that failed", _send_dead_letter, ("Alarms", "dead letters", "wrong"), "1 event failed", "docs/failure.md"),
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
@parametrize(BUCKETS)
def test_a_defect_of_the_bucket_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


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


def test_a_key_that_workmail_may_use_is_healthy(deployment: Deployment, run: Run) -> None:
    key = _create_key(deployment, f"workmail.{REGION}.amazonaws.com")
    _encrypt(deployment, key)
    deployment.set_parameter("KmsKeyArn", key)
    report = run()
    assert report.list_problems() == set()
    assert report.find(BUCKET, "encryption", "ok")["found"] == "by a KMS key that WorkMail may use"


def test_a_role_without_the_right_for_the_key_is_named(deployment: Deployment, run: Run) -> None:
    deployment.set_parameter("KmsKeyArn", f"arn:aws:kms:{REGION}:{deployment.aws.number}:key/1")
    deployment.aws.refused.add("kms:GenerateDataKey")
    assert ("Function rewrite", "role", "wrong") in run().list_problems()


POLICY = 'version: 1\nrules:\n  - name: "Tag"\n    when: {direction: inbound}\n    do: [{subject_tag: "[EXTERNAL]"}]\n'


def _store_in_s3(deployment: Deployment, text: str) -> str:
    bucket = f"policies-{deployment.aws.number}"
    deployment.aws.do("s3.create_bucket", Bucket=bucket)
    deployment.aws.do("s3.put_object", Bucket=bucket, Key="policy.yaml", Body=text.encode())
    return f"s3://{bucket}/policy.yaml"


def _store_in_systems_manager(deployment: Deployment, text: str) -> str:
    deployment.aws.do("ssm.put_parameter", Name="/mail/policy", Value=text, Type="SecureString", Overwrite=True)
    return "ssm:/mail/policy"


def _store_in_appconfig(deployment: Deployment, text: str) -> str:
    do = deployment.aws.do
    application = do("appconfig.create_application", Name="mail")["Id"]
    profile = do("appconfig.create_configuration_profile", ApplicationId=application, Name="policy", LocationUri="hosted")["Id"]
    versions = {}
    for content in ("rules: [", text, "rules: ["):
        created = do(
            "appconfig.create_hosted_configuration_version",
            ApplicationId=application,
            ConfigurationProfileId=profile,
            Content=content.encode(),
            ContentType="text/yaml",
        )
        versions[created["VersionNumber"]] = content
    deployed = next(number for number, content in versions.items() if content == text)
    deployment.aws.deployments = [
        {"DeploymentNumber": 3, "ConfigurationName": "another", "ConfigurationVersion": "9", "State": "COMPLETE"},
        {"DeploymentNumber": 4, "ConfigurationName": "policy", "ConfigurationVersion": "3", "State": "ROLLED_BACK"},
        {"DeploymentNumber": 2, "ConfigurationName": "policy", "ConfigurationVersion": str(deployed), "State": "COMPLETE"},
        {"DeploymentNumber": 1, "ConfigurationName": "policy", "ConfigurationVersion": "1", "State": "COMPLETE"},
    ]
    return f"appconfig:{application}/abc1234/{profile}"


STORES = {"s3": _store_in_s3, "ssm": _store_in_systems_manager, "appconfig": _store_in_appconfig}


@pytest.mark.parametrize("kind", STORES)
def test_a_policy_elsewhere_is_fetched_and_loaded(deployment: Deployment, run: Run, kind: str) -> None:
    deployment.set_variables("mailflow", POLICY=STORES[kind](deployment, POLICY))
    report = run()
    assert report.list_problems() == set()
    assert report.find("Policy", "source", "ok")["found"].endswith("is valid, 1 rule")


@pytest.mark.parametrize("kind", STORES)
def test_an_invalid_policy_is_named_by_its_lines_without_its_content(deployment: Deployment, run: Run, kind: str) -> None:
    text = POLICY.replace("subject_tag", "ana@example.com")
    deployment.set_variables("mailflow", POLICY=STORES[kind](deployment, text))
    report = run()
    assert report.list_problems() == {("Policy", "source", "wrong")}
    row = report.find("Policy", "source", "wrong")
    assert "lines: 5" in row["found"]
    assert "python -m local check" in row["mend"]
    assert "ana@" not in str(report.rows)


@pytest.mark.parametrize("source", ["s3://no-such-bucket/none.yaml", "ssm:/none", "appconfig:none123/none123/none123"])
def test_a_policy_that_does_not_exist_is_named(deployment: Deployment, run: Run, source: str) -> None:
    deployment.set_variables("mailflow", POLICY=source)
    report = run()
    assert report.list_problems() == {("Policy", "source", "wrong")}
    assert "PolicySource" in report.find("Policy", "source", "wrong")["mend"]


def test_a_policy_whose_needs_are_not_deployed_is_named(deployment: Deployment, run: Run) -> None:
    text = POLICY.replace("{direction: inbound}", "{sender_in_group: [all@example.com], rate: {more_than: 5, minutes: 60, per: sender}}")
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, text))
    report = run()
    assert report.list_problems() == {("Policy", "needs", "wrong")}
    assert "PolicyNeeds=counting,directory" in report.find("Policy", "needs", "wrong")["mend"]


def test_a_table_that_was_deleted_is_named(deployment: Deployment, run: Run) -> None:
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, POLICY), RATES_TABLE="counts")
    report = run()
    assert report.list_problems() == {("Policy", "table", "wrong")}
    assert "DELETED" in report.find("Policy", "table", "wrong")["found"]


def test_a_topic_that_the_role_may_not_use_is_named(deployment: Deployment, run: Run) -> None:
    topic = "arn:aws:sns:us-east-1:111122223333:mail"
    text = POLICY.replace('{subject_tag: "[EXTERNAL]"}', f'{{notify: {{sns: "{topic}"}}}}')
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, text))
    assert run().find("Policy", "rights", "ok")
    deployment.aws.refused.add("sns:Publish")
    report = run()
    assert report.list_problems() == {("Policy", "rights", "wrong")}
    row = report.find("Policy", "rights", "wrong")
    assert "sns:Publish" in row["found"]
    assert row["mend"] == f"Add this to PolicyResourceArns, and deploy: {topic}"


def test_names_of_groups_are_not_mistaken_for_longer_names(deployment: Deployment, run: Run) -> None:
    _create_group(deployment, f"{GROUP}-of-another-stack")
    found = [row["found"] for row in run().rows if row["topic"] == "Logs" and row["status"] == "ok"]
    assert f"{GROUP}, 30 d" in found
    assert EVENT_LOG in found
    assert ORGANIZATION not in str(found)
