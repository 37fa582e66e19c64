"""A healthy deployment for the tests of `doctor`: the stack, its functions and the organization in an account of `aws_account`."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.servers.aws_account import AwsAccount

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
REGION = "us-east-1"
STACK = "workmail-hooks"
NOW = datetime.now(UTC)
ROLE = "workmail-hooks-Role"
GROUP = f"/aws/lambda/{STACK}"
EVENT_LOG = "/aws/workmail/emailevents/example"
IMPERSONATION = "role-1"
ALARMS = ("FailedAlarm", "CrashedAlarm", "PolicyRefusedAlarm")
DEAD_LETTERS = "workmail-hooks-dead-letters"
MAIL_FUNCTIONS = ("mailflow", "rewrite", "observe")


class Deployment:
    """The names of the deployed things, and the steps that deploy them."""

    def __init__(self, aws: AwsAccount) -> None:
        self.aws = aws
        self.bucket = f"workmail-hooks-rewrite-{aws.number}"
        self.organization = f"arn:aws:workmail:{REGION}:{aws.number}:organization/{ORGANIZATION}"
        self.messages = f"arn:aws:workmailmessageflow:{REGION}:{aws.number}:message/{ORGANIZATION}/*"
        self.role = f"arn:aws:iam::{aws.number}:role/{ROLE}"
        self.topic = ""
        self.queue = ""
        self.secret = ""

    def name(self, label: str) -> str:
        """Return the physical name of a function."""
        return f"{STACK}-{label.title()}Function-a1b2"

    def arn(self, label: str) -> str:
        """Return the ARN of a function's alias."""
        return f"arn:aws:lambda:{REGION}:{self.aws.number}:function:{self.name(label)}:live"

    def deploy(self) -> "Deployment":
        """Deploy everything."""
        self._deploy_bucket()
        self._deploy_role()
        self._deploy_surroundings()
        for label in MAIL_FUNCTIONS:
            self.deploy_function(label, self._variables(label))
            self.permit(label, f"workmail.{REGION}.amazonaws.com", SourceArn=self.organization)
        self.deploy_function("availability", {"AVAILABILITY_SECRET": self.secret}, timeout=24)
        self.permit(
            "availability",
            f"availability.workmail.{REGION}.amazonaws.com",
            SourceArn=self.organization,
            SourceAccount=self.aws.number,
        )
        self._deploy_stack()
        self._put_metrics()
        # moto does not keep a function's log group.
        self.change("lambda", "/configuration", LoggingConfig={"LogFormat": "Text", "LogGroup": GROUP})
        self.set_dead_letters("observe")
        self.set_answers()
        return self

    def _variables(self, label: str) -> dict[str, str]:
        variables = {"POWERTOOLS_SERVICE_NAME": STACK} | ({} if label == "observe" else {"ON_ERROR": ""})
        if label in {"mailflow", "rewrite"}:
            variables["REWRITE_BUCKET"] = self.bucket
        if label == "mailflow":
            variables["POLICY"] = "policy.yaml"
        return variables

    def bucket_policy(self, **condition: Any) -> dict[str, Any]:
        """Return the bucket's policy; arguments replace conditions by operator."""
        conditions = {
            "StringEquals": {"aws:SourceAccount": self.aws.number},
            "Bool": {"aws:SecureTransport": "true"},
            "ArnLike": {"aws:SourceArn": self.messages},
        }
        tls = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": f"arn:aws:s3:::{self.bucket}/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        reads = {
            "Sid": "WorkMailReads",
            "Effect": "Allow",
            "Principal": {"Service": f"workmail.{REGION}.amazonaws.com"},
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": f"arn:aws:s3:::{self.bucket}/rewritten/*",
            "Condition": {operator: keys for operator, keys in (conditions | condition).items() if keys},
        }
        return {"Version": "2012-10-17", "Statement": [tls, reads]}

    def _deploy_bucket(self) -> None:
        self.aws.do("s3.create_bucket", Bucket=self.bucket)
        self.restore_bucket()

    def restore_bucket(self) -> None:
        """Give the bucket its settings."""
        do = self.aws.do
        rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        do("s3.put_bucket_encryption", Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": rules})
        blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
        do("s3.put_public_access_block", Bucket=self.bucket, PublicAccessBlockConfiguration=blocked)
        rule = {"ID": "one-day", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}
        do("s3.put_bucket_lifecycle_configuration", Bucket=self.bucket, LifecycleConfiguration={"Rules": [rule]})
        self.put_bucket_policy(self.bucket_policy())

    def put_bucket_policy(self, policy: dict[str, Any]) -> None:
        """Replace the bucket's policy."""
        self.aws.do("s3.put_bucket_policy", Bucket=self.bucket, Policy=json.dumps(policy))

    def _deploy_role(self) -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        }
        self.aws.do("iam.create_role", RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        logs = f"arn:aws:logs:{REGION}:{self.aws.number}:log-group:{GROUP}:*"
        self.put_role_policy("logs", ["logs:CreateLogStream", "logs:PutLogEvents"], logs)
        self.put_role_policy("secret", ["secretsmanager:GetSecretValue"], "*")
        self.put_role_policy("queue", ["sqs:SendMessage"], f"arn:aws:sqs:{REGION}:{self.aws.number}:{DEAD_LETTERS}")
        both = ["workmailmessageflow:GetRawMessageContent", "workmailmessageflow:PutRawMessageContent"]
        statements = [
            {"Effect": "Allow", "Action": both, "Resource": self.messages},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{self.bucket}/rewritten/*"},
            {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": f"arn:aws:s3:::{self.bucket}/decided/*"},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        managed = self.aws.do("iam.create_policy", PolicyName="read-and-replace", PolicyDocument=document)["Policy"]["Arn"]
        self.aws.do("iam.attach_role_policy", RoleName=ROLE, PolicyArn=managed)

    def put_role_policy(self, name: str, actions: list[str], resource: str) -> None:
        """Add or replace an inline policy of the functions' role."""
        statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.aws.do("iam.put_role_policy", RoleName=ROLE, PolicyName=name, PolicyDocument=document)

    def _deploy_surroundings(self) -> None:
        do = self.aws.do
        for group in (GROUP, EVENT_LOG):
            do("logs.create_log_group", logGroupName=group)
            do("logs.put_retention_policy", logGroupName=group, retentionInDays=30)
        do("logs.create_log_stream", logGroupName=GROUP, logStreamName="stream")
        event = {"timestamp": int((NOW - timedelta(minutes=3)).timestamp() * 1000), "message": "{}"}
        do("logs.put_log_events", logGroupName=GROUP, logStreamName="stream", logEvents=[event])
        self.topic = f"arn:aws:sns:{REGION}:{self.aws.number}:mail-alarms"
        self.aws.topics[self.topic] = {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}
        self.queue = do("sqs.create_queue", QueueName=DEAD_LETTERS)["QueueUrl"]
        self.secret = do("secretsmanager.create_secret", Name="workmail-free-busy", SecretString="{}")["ARN"]
        self.restore_alarms()
        self.deliver_audit_logs()

    def restore_alarms(self) -> None:
        """Give the alarms their settings and state."""
        for name in ALARMS:
            self.put_alarm(name, AlarmActions=[self.topic])

    def put_alarm(self, name: str, **more: Any) -> None:
        """Create or replace one alarm of the stack, which is quiet."""
        threshold = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "EvaluationPeriods": 1}
        metric = {"Namespace": "WorkMailHooks", "MetricName": "Failed", "Statistic": "Sum", "Period": 300}
        self.aws.do("cloudwatch.put_metric_alarm", AlarmName=f"{STACK}-{name}", **threshold, **metric, **more)
        self.aws.do("cloudwatch.set_alarm_state", AlarmName=f"{STACK}-{name}", StateValue="OK", StateReason="quiet")

    def deliver_audit_logs(self) -> None:
        """Deliver the log of availability requests."""
        do = self.aws.do
        source = {"name": "availability", "logType": "WORKMAIL_AVAILABILITY_PROVIDER_LOGS"}
        do("logs.put_delivery_source", resourceArn=self.organization, **source)
        group = f"arn:aws:logs:{REGION}:{self.aws.number}:log-group:{EVENT_LOG}"
        configuration = {"destinationResourceArn": group}
        destination = do("logs.put_delivery_destination", name="group", deliveryDestinationConfiguration=configuration)[
            "deliveryDestination"
        ]
        do("logs.create_delivery", deliverySourceName="availability", deliveryDestinationArn=destination["arn"])

    def deploy_function(self, label: str, variables: dict[str, str], *, timeout: int = 14) -> None:
        """Create a function with a version and the alias."""
        do = self.aws.do
        layer = f"arn:aws:lambda:{REGION}:{self.aws.number}:layer:{STACK}-mailhooks"
        if not any(kind == "layer" for kind, _, _ in self.aws.resources):
            do("lambda.publish_layer_version", LayerName=f"{STACK}-mailhooks", Content={"ZipFile": _make_zip()})
            self.aws.resources.append(("layer", "MailhooksLayer", layer))
        do(
            "lambda.create_function",
            FunctionName=self.name(label),
            Runtime="python3.13",
            Role=self.role,
            Handler="app.handler",
            Code={"ZipFile": _make_zip()},
            Timeout=timeout,
            MemorySize=1024,
            Layers=[f"{layer}:1"],
            Environment={"Variables": variables},
        )
        self.aws.resources.append(("AWS::Lambda::Function", f"{label.title()}Function", self.name(label)))
        self.publish(label)

    def change(self, service: str, part: str, **values: Any) -> None:
        """Change values of moto's answers to calls whose operation or path has this part."""
        self.aws.changes.append((service, part, lambda found: found | values))

    def change_function(self, label: str, version: str = "", **values: Any) -> None:
        """Change a function's configuration; `version` is `?Qualifier=live` for only the version that WorkMail calls."""
        self.change("lambda", f"{self.name(label)}/configuration{version}", **values)

    def set_dead_letters(self, label: str) -> None:
        """Give a function a dead-letter queue, as asynchronous ones have."""
        self.change_function(label, DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{REGION}:{self.aws.number}:{DEAD_LETTERS}"})

    def set_variables(self, label: str, version: str = "", **variables: str) -> None:
        """Add environment variables to a function."""
        self.change_function(label, version, Environment={"Variables": self._variables(label) | variables})

    def set_permission(self, label: str, *, version: str = "?Qualifier=live", **changed: Any) -> None:
        """Replace parts of the statement in the resource policy of a function's alias."""
        prefix = "availability." if label == "availability" else ""
        statement = {
            "Sid": "workmail",
            "Effect": "Allow",
            "Principal": {"Service": f"{prefix}workmail.{REGION}.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": self.arn(label),
            "Condition": {"ArnLike": {"AWS:SourceArn": self.organization}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement | changed]})
        self.aws.changes.append(("lambda", f"{self.name(label)}/policy{version}", lambda _: {"Policy": policy, "RevisionId": "1"}))

    def publish(self, label: str) -> None:
        """Publish a version, and create the alias for it."""
        version = self.aws.do("lambda.publish_version", FunctionName=self.name(label))["Version"]
        self.aws.do("lambda.create_alias", FunctionName=self.name(label), Name="live", FunctionVersion=version)

    def permit(self, label: str, principal: str, **condition: str) -> None:
        """Add a permission to a function's alias."""
        self.aws.do(
            "lambda.add_permission",
            FunctionName=self.name(label),
            Qualifier="live",
            StatementId=f"{principal.replace('.', '-')}-{len(condition)}",
            Action="lambda:InvokeFunction",
            Principal=principal,
            **condition,
        )

    def _deploy_stack(self) -> None:
        resources = self.aws.resources
        resources += [("AWS::CloudWatch::Alarm", name, f"{STACK}-{name}") for name in ALARMS]
        resources += [("AWS::S3::Bucket", "RewriteBucket", self.bucket), ("AWS::SQS::Queue", "ObserveDeadLetterQueue", self.queue)]
        parameters = {"OrganizationId": ORGANIZATION, "AvailabilityImpersonationRoleId": IMPERSONATION, "MailDirection": "both"}
        outputs = {f"{label.title()}FunctionArn": self.arn(label) for label in (*MAIL_FUNCTIONS, "availability")}
        self.aws.stack = {
            "StackName": STACK,
            "StackStatus": "UPDATE_COMPLETE",
            "CreationTime": "2026-11-01T00:00:00Z",
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }

    def set_parameter(self, name: str, value: str) -> None:
        """Set a parameter of the stack."""
        others = [each for each in self.aws.stack["Parameters"] if each["ParameterKey"] != name]
        self.aws.stack["Parameters"] = [*others, {"ParameterKey": name, "ParameterValue": value}]

    def put_metric(self, namespace: str, name: str, value: float, **dimensions: str) -> None:
        """Store one value of a metric."""
        datum = {
            "MetricName": name,
            "Value": value,
            "Timestamp": NOW - timedelta(hours=2),
            "Dimensions": [{"Name": key, "Value": each} for key, each in dimensions.items()],
        }
        self.aws.do("cloudwatch.put_metric_data", Namespace=namespace, MetricData=[datum])

    def _put_metrics(self) -> None:
        for label in MAIL_FUNCTIONS:
            name = self.name(label)
            self.put_metric("AWS/Lambda", "Invocations", 1200, FunctionName=name)
            self.put_metric("AWS/Lambda", "Invocations", 1200, FunctionName=name, Resource=f"{name}:live")
        self.put_metric("AWS/Lambda", "AsyncEventsReceived", 1200, FunctionName=self.name("observe"))
        for direction in ("INBOUND", "OUTBOUND"):
            self.put_metric("WorkMailHooks", "Messages", 600, service=STACK, hook="mailflow", direction=direction)
        self.put_metric("AWS/WorkMail", "OutgoingEmailSent", 4000, OrganizationId=ORGANIZATION)

    def set_answers(self) -> None:
        """Set the answers of WorkMail, and of Lambda for the account."""
        aws = self.aws
        gigabytes = 2**30
        aws.lambda_settings = {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900, "TotalCodeSize": 75 * gigabytes},
            "AccountUsage": {"TotalCodeSize": 2 * gigabytes, "FunctionCount": 9},
        }
        verified = {"OwnershipVerificationStatus": "VERIFIED", "DkimVerificationStatus": "VERIFIED"}
        provider = {"ProviderType": "LAMBDA", "LambdaProvider": {"LambdaArn": self.arn("availability")}}
        aws.workmail = {
            "DescribeOrganization": {"OrganizationId": ORGANIZATION, "Alias": "example", "State": "Active", "ARN": self.organization},
            "ListOrganizations": {"OrganizationSummaries": [{"OrganizationId": ORGANIZATION, "Alias": "example", "State": "Active"}]},
            "ListMailDomains": {"MailDomains": [{"DomainName": "example.com", "DefaultDomain": True}]},
            "GetMailDomain": {"Records": [], "IsTestDomain": False, "IsDefault": True, **verified},
            "DescribeInboundDmarcSettings": {"Enforced": True},
            "DescribeEmailMonitoringConfiguration": {
                "RoleArn": f"arn:aws:iam::{aws.number}:role/workmail-events",
                "LogGroupArn": f"arn:aws:logs:{REGION}:{aws.number}:log-group:{EVENT_LOG}:*",
            },
            "ListAvailabilityConfigurations": {"AvailabilityConfigurations": [{"DomainName": "example.net", **provider}]},
            "GetImpersonationRole": {
                "ImpersonationRoleId": IMPERSONATION,
                "Type": "READ_ONLY",
                "Rules": [{"ImpersonationRuleId": "rule-1", "Effect": "ALLOW"}],
            },
            "ListAccessControlRules": {"Rules": [{"Name": "Default", "Effect": "ALLOW", "Actions": []}]},
            "TestAvailabilityConfiguration": {"TestPassed": True},
        }


def _make_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): ...")
    return buffer.getvalue()
