"""The stack of the function `ses` (ses/template.yaml)."""

import re
from functools import cache
from typing import Any

import pytest

from mailhooks.report_names import Metric
from mailhooks.ses.handler import LAMBDA_RETRIES, TASK
from mailhooks.ses.message_table import INDEX
from mailhooks.ses.object_store import TAG
from mailhooks.ses.report import HOOK, SesMetric
from mailhooks.ses.settings import SesSettings
from tests.infrastructure.stack import ACCOUNT, ROOT, Document, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING
from tests.support.ses import REQUIRED, TEMPLATE, ses_stack
from workmail_local.doctor.statements import as_list

KEY = str(EVERYTHING["KmsKeyArn"])
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:relay-AbCdEf"
BY_SES: dict[str, str | int] = {"NextHost": "", "ForwardFrom": "forward@example.com", "ForwardTo": "*@example.com=*@example.net"}
NETWORK = "subnet-0123456789abcdef0/sg-0123456789abcdef0"


@cache
def with_parameters(**parameters: str | int) -> Stack:
    return ses_stack(**parameters)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return with_parameters()


def rights(stack: Stack, function: str = "SesFunction") -> set[tuple[str, str]]:
    return {(action, resource) for action, resource in stack.rights(function) if not action.startswith("logs:")}


class TestRule:
    def test_stores_a_message_before_it_runs_the_function_asynchronously(self, stack: Stack) -> None:
        [rule] = stack.of_type("AWS::SES::ReceiptRule").values()
        store, run = rule["Rule"]["Actions"]

        assert store["S3Action"] == {"BucketName": "ses-MailBucket", "ObjectKeyPrefix": "incoming/", "IamRoleArn": "ses-StoreRole.Arn"}
        assert run["LambdaAction"] == {"FunctionArn": "ses-SesFunction.Arn", "InvocationType": "Event"}
        assert rule["Rule"]["Recipients"] == ["example.com"]
        assert rule["Rule"]["ScanEnabled"] is True

    def test_has_no_key_of_its_own_as_the_function_could_not_read_the_mail(self) -> None:
        [rule] = with_parameters(KmsKeyArn=KEY).of_type("AWS::SES::ReceiptRule").values()

        assert "KmsKeyArn" not in rule["Rule"]["Actions"][0]["S3Action"]

    def test_is_in_a_rule_set_of_the_stack_or_in_another(self, stack: Stack) -> None:
        other = with_parameters(RuleSetName="INBOUND_MAIL")

        assert [each["RuleSetName"] for each in stack.of_type("AWS::SES::ReceiptRuleSet").values()] == ["ses"]
        assert other.of_type("AWS::SES::ReceiptRuleSet") == {}
        assert other.outputs["RuleSetName"] == "INBOUND_MAIL"

    @pytest.mark.parametrize("name, rule_set", [("", "ses"), ("INBOUND_MAIL", "INBOUND_MAIL")])
    def test_alone_runs_the_function_and_writes_to_the_bucket(self, name: str, rule_set: str) -> None:
        stack = with_parameters(RuleSetName=name)
        arn = f"arn:aws:ses:eu-west-1:{ACCOUNT}:receipt-rule-set/{rule_set}:receipt-rule/ses"
        [permission] = [each for each in stack.of_type("AWS::Lambda::Permission").values() if each["Principal"] == "ses.amazonaws.com"]
        [trust] = stack.of_type("AWS::IAM::Role")["StoreRole"]["AssumeRolePolicyDocument"]["Statement"]

        assert (permission["SourceAccount"], permission["SourceArn"]) == (ACCOUNT, arn)
        assert trust["Principal"] == {"Service": "ses.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "StringLike": {"aws:SourceArn": arn}}

    def test_may_only_write_mail(self) -> None:
        policies = with_parameters(KmsKeyArn=KEY).of_type("AWS::IAM::Role")["StoreRole"]["Policies"]
        statements = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]

        assert {(action, each["Resource"]) for each in statements for action in as_list(each["Action"])} == {
            ("s3:PutObject", "ses-MailBucket.Arn/incoming/*"),
            ("kms:GenerateDataKey", KEY),
            ("kms:Encrypt", KEY),
        }


class TestFunction:
    def test_runs_on_lambdas_python_3_13_with_handlers_that_exist(self) -> None:
        functions = with_parameters(PolicyNeeds="hold").functions()

        assert {name: (each["Runtime"], each["Handler"]) for name, each in functions.items()} == {
            "SesFunction": ("python3.13", "app.handler"),
            "ApproveFunction": ("python3.13", "approve.handler"),
        }
        for name in ("app", "approve"):
            assert re.search(r"^handler\b", (ROOT / f"functions/ses/{name}.py").read_text("utf-8"), re.MULTILINE)

    @pytest.mark.parametrize("parameters", [{}, BY_SES, {"PolicyNeeds": "counting,hold", "NextHostSecretArn": SECRET}])
    def test_has_valid_and_complete_settings(self, parameters: dict[str, str | int]) -> None:
        variables = with_parameters(**parameters).variables("SesFunction")
        variables |= {"MAIL_BUCKET": "bucket", "FAILURES_QUEUE": "https://sqs.example.com/q", "MARK_SECRET": "secret"}
        variables |= {name: "a-name" for name in ("APPROVAL_SECRET",) if variables[name]}
        known = {each.metadata.get("variable", each.name.upper()) for each in SesSettings.__dataclass_fields__.values()}
        settings = SesSettings.from_env(variables)

        settings.require_complete()
        assert settings.organization_domains == {"example.com"}
        assert variables.keys() <= known

    def test_makes_the_attempts_that_the_library_expects_of_lambda(self, stack: Stack) -> None:
        [config] = stack.of_type("AWS::Lambda::EventInvokeConfig").values()

        assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (LAMBDA_RETRIES, 21600)
        assert stack.functions()["SesFunction"]["DeadLetterConfig"] == {"TargetArn": "ses-FailureQueue.Arn"}

    def test_is_run_by_the_schedule_each_minute(self, stack: Stack) -> None:
        [rule] = stack.of_type("AWS::Events::Rule").values()
        [target] = rule["Targets"]

        assert rule["ScheduleExpression"] == "rate(1 minute)"
        assert target["Input"].replace(" ", "") == str(TASK).replace("'", '"').replace(" ", "")

    def test_is_in_a_vpc_only_if_wanted(self, stack: Stack) -> None:
        within = with_parameters(NextHostNetwork=NETWORK)

        assert "VpcConfig" not in stack.functions()["SesFunction"]
        assert within.functions()["SesFunction"]["VpcConfig"] == {
            "SubnetIds": ["subnet-0123456789abcdef0"],
            "SecurityGroupIds": ["sg-0123456789abcdef0"],
        }
        assert {action.partition(":")[0] for action, _ in rights(within) - rights(stack)} == {"ec2"}

    def test_has_the_chosen_concurrency(self, stack: Stack) -> None:
        assert stack.functions()["SesFunction"]["ReservedConcurrentExecutions"] == "10"
        assert "ReservedConcurrentExecutions" not in with_parameters(ReservedConcurrency=0).functions()["SesFunction"]


IDENTITIES = (f"arn:aws:ses:eu-west-1:{ACCOUNT}:identity/*", f"arn:aws:ses:eu-west-1:{ACCOUNT}:configuration-set/*")


class TestRights:
    def test_are_for_the_resources_of_the_stack_and_cannot_delete_mail(self, stack: Stack) -> None:
        assert rights(stack) == {
            ("s3:GetObject", "ses-MailBucket.Arn/incoming/*"),
            ("s3:PutObjectTagging", "ses-MailBucket.Arn/incoming/*"),
            ("s3:ListBucket", "ses-MailBucket.Arn"),
            ("dynamodb:UpdateItem", "ses-MessagesTable.Arn"),
            ("dynamodb:Query", f"ses-MessagesTable.Arn/index/{INDEX}"),
            ("sqs:SendMessage", "ses-FailureQueue.Arn"),
            ("secretsmanager:GetSecretValue", "ses-MarkSecret"),
            *((f"ses:{action}", identity) for action in ("SendBounce", "SendRawEmail") for identity in IDENTITIES),
        }

    def test_send_mail_only_from_the_chosen_addresses(self) -> None:
        stack = with_parameters(**BY_SES, PolicyNeeds="hold", ApprovalSender="approvals@example.com")
        found = [each["Condition"] for each in stack.statements("SesFunction") if any("ses:Send" in one for one in as_list(each["Action"]))]

        addresses = ("postmaster@example.com", "forward@example.com", "approvals@example.com")
        assert found == [{"StringEquals": {"ses:FromAddress": address}} for address in addresses]

    @pytest.mark.parametrize(
        "parameters, more",
        [
            ({"NextHostSecretArn": SECRET}, {("secretsmanager:GetSecretValue", SECRET)}),
            ({"PolicySource": "ssm:/policy"}, {("ssm:GetParameter", f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/policy")}),
            ({"PolicySource": "s3://example-policies/a.yaml"}, {("s3:GetObject", "arn:aws:s3:::example-policies/a.yaml")}),
            ({"PolicyNeeds": "counting"}, {(f"dynamodb:{each}", "ses-RatesTable.Arn") for each in ("Query", "UpdateItem")}),
            (
                {"PolicyNeeds": "hold"},
                {(f"dynamodb:{each}", "ses-HoldsTable.Arn") for each in ("Query", "UpdateItem")}
                | {("secretsmanager:GetSecretValue", "ses-ApprovalSecret")},
            ),
        ],
    )
    def test_grow_with_the_parameters(self, stack: Stack, parameters: dict[str, str], more: set[tuple[str, str]]) -> None:
        assert rights(with_parameters(**parameters)) - rights(stack) == more

    def test_of_the_page_for_approvers_do_not_reach_the_next_host(self) -> None:
        assert rights(with_parameters(PolicyNeeds="hold"), "ApproveFunction") == {
            ("dynamodb:GetItem", "ses-HoldsTable.Arn"),
            ("dynamodb:UpdateItem", "ses-HoldsTable.Arn"),
            ("secretsmanager:GetSecretValue", "ses-ApprovalSecret"),
            ("s3:GetObject", "ses-MailBucket.Arn/incoming/*"),
            ("dynamodb:GetItem", "ses-MessagesTable.Arn"),
        }

    def test_roles_have_the_path_and_the_boundary(self) -> None:
        boundary = "arn:aws:iam::123456789012:policy/boundary"
        roles = with_parameters(RolePath="/mail/", PermissionsBoundaryArn=boundary).of_type("AWS::IAM::Role").values()

        assert {(each["Path"], each["PermissionsBoundary"]) for each in roles} == {("/mail/", boundary)}


class TestData:
    def test_only_mail_with_the_tag_of_the_library_is_deleted(self) -> None:
        [bucket] = with_parameters(KeepDays=30).of_type("AWS::S3::Bucket").values()
        rules = [each for each in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in each]

        assert [(each["TagFilters"], each["ExpirationInDays"]) for each in rules] == [([{"Key": TAG[0], "Value": TAG[1]}], "30")]

    def test_mail_and_its_state_outlive_the_stack_and_the_rest_does_not(self) -> None:
        kinds = {
            "AWS::S3::Bucket",
            "AWS::S3::BucketPolicy",
            "AWS::DynamoDB::Table",
            "AWS::SQS::Queue",
            "AWS::Logs::LogGroup",
            "AWS::SecretsManager::Secret",
        }
        resources = {name: each for name, each in read_template(TEMPLATE)["Resources"].items() if each["Type"] in kinds}
        kept = {name for name, each in resources.items() if each["DeletionPolicy"] == "RetainExceptOnCreate"}

        assert kept == {"MailBucket", "MailBucketPolicy", "MessagesTable"}
        assert {each["DeletionPolicy"] for name, each in resources.items() if name not in kept} == {"Delete"}

    def test_is_encrypted_by_the_key_if_there_is_one(self) -> None:
        stack = with_parameters(KmsKeyArn=KEY, PolicyNeeds="counting,hold")
        encrypted = str([stack.of_type(kind) for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Logs::LogGroup")])

        assert encrypted.count(KEY) == 3
        assert all(each["SSESpecification"]["KMSMasterKeyId"] == KEY for each in stack.of_type("AWS::DynamoDB::Table").values())
        assert all(each["KmsKeyId"] == KEY for each in stack.of_type("AWS::SecretsManager::Secret").values())
        assert all(("kms:Decrypt", KEY) in stack.rights(name) for name in stack.functions())


class TestAlarms:
    @pytest.fixture
    def alarms(self) -> dict[str, Document]:
        return with_parameters(AlarmTopicArn=TOPIC, PolicyNeeds="hold").of_type("AWS::CloudWatch::Alarm")

    def test_are_of_metrics_that_the_function_emits(self, alarms: dict[str, Document]) -> None:
        own = [each for each in alarms.values() if each["Namespace"] == "WorkMailHooks" and "Dimensions" in each]

        assert {each["MetricName"] for each in own} == {
            SesMetric.OLDEST_WAITING,
            Metric.FAILED,
            Metric.PASSING,
            Metric.POLICY_REFUSED,
            Metric.HOLDS_TIMED_OUT,
        }
        wanted = [{"Name": "service", "Value": "ses"}, {"Name": "hook", "Value": HOOK}, {"Name": "direction", "Value": "INBOUND"}]
        assert all(each["Dimensions"] == wanted for each in own)

    def test_are_sent_to_the_topic(self, alarms: dict[str, Document]) -> None:
        assert all(each["AlarmActions"] == [TOPIC] for each in alarms.values())
        assert not any("AlarmActions" in each for each in with_parameters().of_type("AWS::CloudWatch::Alarm").values())

    def test_are_on_the_page_with_their_meaning(self, alarms: dict[str, Document]) -> None:
        page = (ROOT / "docs/ses.md").read_text("utf-8")

        assert set(re.findall(r"^\| `(\w+Alarm)` \|", page, re.MULTILINE)) == alarms.keys()


class TestParameters:
    def test_are_each_in_a_group_and_on_the_page(self) -> None:
        template, page = read_template(TEMPLATE), (ROOT / "docs/ses.md").read_text("utf-8")
        groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

        assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])
        assert [name for name in template["Parameters"] if not re.search(rf"\b{name}\b", page)] == []

    def test_that_both_stacks_have_are_the_same(self) -> None:
        ours, main = read_template(TEMPLATE)["Parameters"], read_template()["Parameters"]

        for name in ("PolicySource", "PolicyResourceArns", "LogRetentionDays", "AlarmTopicArn", "Architecture", "PermissionsBoundaryArn"):
            assert {key: value for key, value in ours[name].items() if key != "Description"} == {
                key: value for key, value in main[name].items() if key != "Description"
            }

    @pytest.mark.parametrize(
        "changes, refused",
        [
            ({}, 0),
            (BY_SES, 0),
            ({"NextHost": ""}, 1),
            ({**BY_SES, "NextHost": "mx.example.org:25"}, 1),
            ({"NextHost": "", "ForwardFrom": "a@example.com"}, 1),
            ({**BY_SES, "NextHostSecretArn": SECRET}, 1),
            ({"NextHostSecretArn": SECRET, "NextHostTls": "none"}, 1),
            ({"ApprovalSender": "a@example.com"}, 1),
            ({"ApprovalSender": "a@example.com", "PolicyNeeds": "hold"}, 0),
        ],
    )
    def test_that_do_not_fit_are_refused(self, changes: dict[str, str | int], refused: int) -> None:
        assert len(with_parameters(**changes).refused) == refused

    @pytest.mark.parametrize(
        "name, value, accepted",
        [
            ("NextHost", "mx.example.org:25", True),
            ("NextHost", "[2001:db8::1]:587", True),
            ("NextHost", "mx.example.org", False),
            ("NextHost", "mx.example.org:25 evil", False),
            ("ForwardTo", "*@example.com=*@example.net,ana@example.com=b@example.org", True),
            ("ForwardTo", "example.com=example.net", False),
            ("BounceSender", "postmaster@example.com", True),
            ("BounceSender", "*@example.com", False),
            ("JunkHeader", "X-Spam-Flag: YES", True),
            ("JunkHeader", "Subject: junk", False),
            ("BypassHeader", "", True),
            ("BypassHeader", "X-A: b\r\nBcc: c", False),
            ("NextHostCaFile", "ca.pem", True),
            ("NextHostCaFile", "../ca.pem", False),
        ],
    )
    def test_accept_what_the_function_accepts(self, name: str, value: str, accepted: bool) -> None:
        variables: dict[str, str] = {"NextHost": "NEXT_HOST", "ForwardTo": "FORWARD_TO", "BounceSender": "BOUNCE_SENDER"}
        variables |= {"JunkHeader": "JUNK_HEADER", "BypassHeader": "BYPASS_HEADER", "NextHostCaFile": "NEXT_HOST_CA"}
        assert bool(re.fullmatch(read_template(TEMPLATE)["Parameters"][name]["AllowedPattern"], value)) is accepted
        if accepted:
            settings: Any = SesSettings.from_env({variables[name]: value})
            assert getattr(settings, variables[name].lower()) == value

    def test_without_a_default_are_these(self) -> None:
        template = read_template(TEMPLATE)

        assert {name for name, each in template["Parameters"].items() if "Default" not in each} == REQUIRED.keys()
