"""The resources of template.yaml, as SAM and CloudFormation would create them with each optional part, are healthy."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.infrastructure.stack import ACCOUNT, REGION, ROOT, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING
from tests.integration.workmail_local.doctor.conftest import Run, use_account
from tests.support.deployed_account import Deployment
from tests.support.servers.aws_account import AwsAccount
from tests.support.servers.hosting import ServerPool

NAME = "doctor"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mail"
POLICY = f"""\
version: 1
rules:
  - name: Contracts
    when: {{ direction: inbound, sender_in_group: sales@example.com, rate: {{ more_than: 5, minutes: 60, per: sender }} }}
    do: [{{ notify: {{ sns: "{TOPIC}" }} }}]
"""


class TemplateDeployment:
    """Creates the resources of a rendered stack in an account. moto's CloudFormation has too few types."""

    def __init__(self, aws: AwsAccount) -> None:
        self._aws = aws
        secret = aws.do("secretsmanager.create_secret", Name="doctor-free-busy", SecretString="{}")["ARN"]
        self._stack = Stack(
            name=NAME,
            **EVERYTHING
            | {
                "AvailabilitySecretArn": secret,
                "KmsKeyArn": self._create_key(),
                "AlarmTopicArn": TOPIC,
                "PolicySource": "s3://doctor-policies/policy.yaml",
                "PolicyResourceArns": TOPIC,
            },
        )
        self._secret = aws.do("secretsmanager.create_secret", Name="doctor-approvals", SecretString="s" * 64)["ARN"]
        self._kinds = {logical: each["Type"] for logical, each in self._stack.resources.items()}

    def _create_key(self) -> str:
        """Create the key of samples/encryption-key."""
        sample = Stack(read_template(ROOT / "samples/encryption-key/template.yaml"), name="key")
        ((_, key),) = sample.of_type("AWS::KMS::Key").items()
        found: str = self._aws.do("kms.create_key", Policy=json.dumps(key["KeyPolicy"]))["KeyMetadata"]["Arn"]
        return found

    def deploy(self) -> None:
        """Create everything."""
        self._create_others()
        self._create_roles()
        for logical, function in self._stack.functions().items():
            self._create_function(logical, function)
        for number, permission in enumerate(self._fill(list(self._stack.of_type("AWS::Lambda::Permission").values()))):
            name = permission.pop("FunctionName")
            chosen = {"FunctionName": name.removesuffix(":live")} | ({"Qualifier": "live"} if name.endswith(":live") else {})
            self._aws.do("lambda.add_permission", StatementId=f"s{number}", **chosen, **permission)
        self._set_answers()

    def _find(self, logical: str, attribute: str) -> str:
        """Return the value of Ref or GetAtt."""
        name, here = f"{NAME}-{logical}", f"{REGION}:{ACCOUNT}"
        values = {
            "AWS::IAM::Role": (name, f"arn:aws:iam::{ACCOUNT}:role/{name}"),
            "AWS::IAM::ManagedPolicy": (f"arn:aws:iam::{ACCOUNT}:policy/{name}", ""),
            "AWS::S3::Bucket": (name.lower(), f"arn:aws:s3:::{name.lower()}"),
            "AWS::SQS::Queue": (name, f"arn:aws:sqs:{here}:{name}"),
            "AWS::Logs::LogGroup": (f"/aws/lambda/{NAME}", f"arn:aws:logs:{here}:log-group:/aws/lambda/{NAME}:*"),
            "AWS::SecretsManager::Secret": (self._secret, ""),
            "AWS::DynamoDB::Table": (name, f"arn:aws:dynamodb:{here}:table/{name}"),
            "AWS::Lambda::Alias": (f"arn:aws:lambda:{here}:function:{name.removesuffix('Aliaslive')}:live", ""),
            "AWS::Lambda::LayerVersion": (f"arn:aws:lambda:{here}:layer:{NAME}-{logical[:-10].lower()}:1", ""),
        }
        return values.get(self._kinds[logical], (name, name))[bool(attribute)]

    def _fill(self, document: Any) -> Any:
        """Replace the references of a rendered document."""

        def replace(found: re.Match[str]) -> str:
            return self._find(found[1], found[2] or "") if found[1] in self._kinds else found[0]

        return json.loads(re.sub(rf"{NAME}-(\w+)(\.Arn)?", replace, json.dumps(document)))

    def _list(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = self._fill(self._stack.of_type(kind))
        return found

    def _create_others(self) -> None:
        do = self._aws.do
        here = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        ((logical, bucket),) = self._list("AWS::S3::Bucket").items()
        name = self._find(logical, "")
        do("s3.create_bucket", Bucket=name, **here)
        encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
        rules = [{"ApplyServerSideEncryptionByDefault": encryption}]
        do("s3.put_bucket_encryption", Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
        do("s3.put_public_access_block", Bucket=name, PublicAccessBlockConfiguration=bucket["PublicAccessBlockConfiguration"])
        days = bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"]
        rule = {"ID": "one", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": days}}
        do("s3.put_bucket_lifecycle_configuration", Bucket=name, LifecycleConfiguration={"Rules": [rule]})
        ((_, policy),) = self._list("AWS::S3::BucketPolicy").items()
        do("s3.put_bucket_policy", Bucket=name, Policy=json.dumps(policy["PolicyDocument"]))
        do("s3.create_bucket", Bucket="doctor-policies", **here)
        do("s3.put_object", Bucket="doctor-policies", Key="policy.yaml", Body=POLICY.encode())
        for logical, table in self._list("AWS::DynamoDB::Table").items():
            keys = {key: table[key] for key in ("KeySchema", "AttributeDefinitions", "BillingMode")}
            do("dynamodb.create_table", TableName=self._find(logical, ""), **keys)
        ((_, group),) = self._list("AWS::Logs::LogGroup").items()
        for each in (group["LogGroupName"], "/aws/workmail/emailevents/example"):
            do("logs.create_log_group", logGroupName=each)
            do("logs.put_retention_policy", logGroupName=each, retentionInDays=int(group["RetentionInDays"]))
        do("logs.create_log_stream", logGroupName=group["LogGroupName"], logStreamName="stream")
        event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": "{}"}
        do("logs.put_log_events", logGroupName=group["LogGroupName"], logStreamName="stream", logEvents=[event])
        for logical, alarm in self._list("AWS::CloudWatch::Alarm").items():
            do("cloudwatch.put_metric_alarm", **alarm | {"AlarmName": f"{NAME}-{logical}"})
            do("cloudwatch.set_alarm_state", AlarmName=f"{NAME}-{logical}", StateValue="OK", StateReason="quiet")

    def _create_roles(self) -> None:
        do = self._aws.do
        for logical, policy in self._list("AWS::IAM::ManagedPolicy").items():
            do("iam.create_policy", PolicyName=f"{NAME}-{logical}", PolicyDocument=json.dumps(policy["PolicyDocument"]))
        basic = {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
        for logical, role in self._list("AWS::IAM::Role").items():
            name = f"{NAME}-{logical}"
            do("iam.create_role", RoleName=name, AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"]))
            for policy in role.get("Policies", ()):
                do(
                    "iam.put_role_policy",
                    RoleName=name,
                    PolicyName=policy["PolicyName"],
                    PolicyDocument=json.dumps(policy["PolicyDocument"]),
                )
            for arn in role.get("ManagedPolicyArns", ()):
                if arn.startswith("arn:aws:iam::aws:"):
                    # moto has none of AWS's own policies; that of Lambda for logs is this.
                    document = json.dumps({"Version": "2012-10-17", "Statement": [basic]})
                    do("iam.put_role_policy", RoleName=name, PolicyName="basic", PolicyDocument=document)
                else:
                    do("iam.attach_role_policy", RoleName=name, PolicyArn=arn)

    def _create_function(self, logical: str, function: dict[str, Any]) -> None:
        do, name = self._aws.do, f"{NAME}-{logical}"
        found = self._fill(function)
        for layer in found["Layers"]:
            do("lambda.publish_layer_version", LayerName=layer.split(":")[6], Content={"ZipFile": _make_zip()})
        do(
            "lambda.create_function",
            FunctionName=name,
            Code={"ZipFile": _make_zip()},
            MemorySize=int(found["MemorySize"]),
            **{key: found[key] for key in ("Runtime", "Role", "Handler", "Timeout", "Environment")},
            Layers=[re.sub(r":\d+$", ":1", layer) for layer in found["Layers"]],
        )
        do("lambda.publish_version", FunctionName=name)
        do("lambda.create_alias", FunctionName=name, Name="live", FunctionVersion="1")
        do("lambda.put_function_concurrency", FunctionName=name, ReservedConcurrentExecutions=int(found["ReservedConcurrentExecutions"]))
        kept = {key: found[key] for key in ("LoggingConfig", "SnapStart", "DeadLetterConfig") if key in found}
        self._aws.changes.append(("lambda", f"{name}/configuration", lambda answer: answer | kept))

    def _set_answers(self) -> None:
        aws = self._aws
        Deployment(aws).set_answers()
        provider = {"ProviderType": "LAMBDA", "LambdaProvider": {"LambdaArn": self._find("AvailabilityFunctionAliaslive", "")}}
        aws.workmail["ListAvailabilityConfigurations"] = {"AvailabilityConfigurations": [{"DomainName": "example.net", **provider}]}
        events = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/workmail/emailevents/example:*"
        aws.workmail["DescribeEmailMonitoringConfiguration"] = {"LogGroupArn": events}
        aws.topics[TOPIC] = {"SubscriptionsConfirmed": "1"}
        source = {"name": "s", "logType": "WORKMAIL_AVAILABILITY_PROVIDER_LOGS"}
        organization = f"arn:aws:workmail:{REGION}:{ACCOUNT}:organization/{self._stack.parameters['OrganizationId']}"
        aws.changes.append(("logs", "DescribeDeliverySources", lambda _: {"deliverySources": [source | {"resourceArns": [organization]}]}))
        aws.changes.append(("logs", "DescribeDeliveries", lambda _: {"deliveries": [{"deliverySourceName": "s"}]}))
        # Without the simulation the roles' own policies are evaluated.
        aws.errors["iam", "SimulatePrincipalPolicy"] = (403, "AccessDenied")
        queue = aws.do("sqs.create_queue", QueueName=f"{NAME}-ObserveDeadLetterQueue")["QueueUrl"]
        aws.resources = [
            (kind, logical, queue if kind == "AWS::SQS::Queue" else self._find(logical, "")) for logical, kind in self._kinds.items()
        ]
        outputs = self._fill(self._stack.outputs)
        aws.stack = {
            "StackName": NAME,
            "StackStatus": "CREATE_COMPLETE",
            "CreationTime": "2026-11-01T00:00:00Z",
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self._stack.parameters.items()],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }
        for logical in self._stack.functions():
            name = f"{NAME}-{logical}"
            asynchronous = {"AsyncEventsReceived": {"FunctionName": name}} if logical == "ObserveFunction" else {}
            for metric, dimensions in (
                ("Invocations", {"FunctionName": name}),
                ("Invocations", {"FunctionName": name, "Resource": f"{name}:live"}),
                *asynchronous.items(),
            ):
                self._put_metric("AWS/Lambda", metric, dimensions)
        for direction in ("INBOUND", "OUTBOUND"):
            self._put_metric("WorkMailHooks", "Messages", {"service": NAME, "hook": "mailflow", "direction": direction})

    def _put_metric(self, namespace: str, name: str, dimensions: dict[str, str]) -> None:
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        datum = {"MetricName": name, "Value": 5, "Dimensions": listed, "Timestamp": datetime.now(UTC) - timedelta(hours=2)}
        self._aws.do("cloudwatch.put_metric_data", Namespace=namespace, MetricData=[datum])


def _make_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): ...")
    return buffer.getvalue()


@pytest.fixture
def template(pool: ServerPool, _models: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    with pool.host(AwsAccount(number=ACCOUNT, region=REGION)) as aws:
        use_account(aws, monkeypatch)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        TemplateDeployment(aws).deploy()
        yield aws
        aws.close()


def test_the_template_with_each_optional_part_is_healthy(template: AwsAccount, run: Run) -> None:
    report = run("--stack", NAME)
    assert report.list_problems() == set()
    functions = {row["topic"] for row in report.rows if row["topic"].startswith("Function ")}
    assert functions == {f"Function {each.removesuffix('Function').lower()}" for each in Stack(**EVERYTHING).functions()}
    assert report.find("Rewrite bucket", "encryption", "ok")["found"] == "by a KMS key that WorkMail may use"
    assert report.find("Policy", "needs", "ok")
    assert report.find("Policy", "rights", "ok")
