"""The parameters of the stack: accepted and rejected values, before anything is created."""

import re

import pytest

from mailhooks.core import policy_source
from tests.infrastructure.stack import ORGANIZATION, Stack, accepts, read_template
from tests.infrastructure.test_functions import EVERYTHING, SECRET

KEY = "arn:aws:kms:eu-west-1:123456789012:key/"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:approvals"
WORKMAIL = "arn:aws:workmail:eu-west-1:123456789012:organization/"
BOUNDARY = "arn:aws:iam::123456789012:policy/mail/boundary"


@pytest.mark.parametrize(
    "name,value",
    [
        ("OrganizationId", ORGANIZATION),
        ("OrganizationId", WORKMAIL + ORGANIZATION),
        ("Functions", "none"),
        ("Functions", "mailflow"),
        ("Functions", "bounce,observe,rewrite,disclaimer,mailflow"),
        ("PolicySource", "policy.yaml"),
        ("PolicySource", "policy-test.json"),
        ("PolicySource", "s3://example-policies/mail/policy.yaml"),
        ("PolicySource", "ssm:/mail/policy"),
        ("PolicySource", "ssm:/policy"),
        ("PolicySource", "appconfig:a1b2c3d/4e5f/e5f6g7h"),
        ("PolicyNeeds", "none"),
        ("PolicyNeeds", "counting,directory"),
        ("PolicyNeeds", "hold"),
        ("PolicyNeeds", "counting,hold"),
        ("PolicyNeeds", "directory,hold"),
        ("PolicyNeeds", "counting,directory,hold"),
        ("PolicyResourceArns", ""),
        ("PolicyResourceArns", TOPIC),
        ("PolicyResourceArns", f"{TOPIC},{TOPIC}.fifo,{BUS},{SECRET},arn:aws:s3:::example-archive/*"),
        ("PolicyResourceArns", "arn:aws:s3:::example-archive/mail/2026*"),
        ("PolicyResourceArns", f"{MACHINE},{TOPIC}"),
        ("ApprovalSender", ""),
        ("ApprovalSender", "mail.approvals+hold@mail.example.com"),
        ("SubjectTag", ""),
        ("SubjectTag", "[Außerhalb]"),
        ("DisclaimerText", "Example GmbH\nKöln"),
        ("BounceRules", '[{"action": "DROP", "senders": ["*.example.net"], "recipients": ["*"]}]'),
        ("AvailabilitySecretArn", ""),
        ("AvailabilitySecretArn", SECRET),
        ("AvailabilityImpersonationRoleId", "a1b2c3d4-5e6f-7a8b_9c0d"),
        ("AvailabilityNetwork", ""),
        ("AvailabilityNetwork", "subnet-01234567/sg-0123456789abcdef0"),
        ("AvailabilityNetwork", "subnet-0123456789abcdef0,subnet-01234567/sg-01234567,sg-89abcdef"),
        ("AlarmTopicArn", TOPIC),
        ("ReservedConcurrency", 0),
        ("KmsKeyArn", KEY + "1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("KmsKeyArn", KEY + "mrk-1234abcd12ab34cd56ef1234567890ab"),
        ("PermissionsBoundaryArn", BOUNDARY),
        ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess"),
        ("RolePath", "/company/mail/"),
    ],
)
def test_a_parameter_accepts(name: str, value: str | int) -> None:
    assert accepts(name, value)


@pytest.mark.parametrize(
    "name,value",
    [
        ("OrganizationId", ""),
        ("OrganizationId", ORGANIZATION.upper()),
        ("OrganizationId", ORGANIZATION + "0"),
        ("OrganizationId", ORGANIZATION[:-1]),
        ("OrganizationId", "d-0123456789"),
        ("OrganizationId", WORKMAIL + "*"),
        ("Functions", ""),
        ("Functions", "mailfow"),
        ("Functions", "availability"),
        ("Functions", "mailflow, rewrite"),
        ("Functions", "mailflow,"),
        ("Functions", "none,mailflow"),
        ("PolicySource", ""),
        ("PolicySource", "policy"),
        ("PolicySource", "../policy.yaml"),
        ("PolicySource", "/etc/policy.yaml"),
        ("PolicySource", "https://example.com/policy.yaml"),
        ("PolicySource", "s3://example-policies"),
        ("PolicySource", "s3://example-policies/"),
        ("PolicySource", "s3://example-policies/*"),
        ("PolicySource", "ssm:"),
        ("PolicySource", "ssm:policy"),
        ("PolicySource", "ssm:/mail/*"),
        ("PolicySource", "appconfig:mail/production"),
        ("PolicySource", "appconfig:a1b2/c3d4/e5f6/1"),
        ("PolicySource", "appconfig:mail/production/policy"),  # an ARN has the IDs
        ("PolicyNeeds", "directory,counting"),  # a description of the version that differs from an equal one; see VersionDescription
        *(("PolicyNeeds", value) for value in ("", "hold,directory", "none,hold", "hold,", "counting,hold,directory")),
        ("PolicyResourceArns", MACHINE.replace("approvals", "*")),
        ("PolicyResourceArns", MACHINE.replace("stateMachine", "execution")),
        ("ApprovalSender", "example.com"),
        ("ApprovalSender", "Approvals <approvals@example.com>"),
        ("ApprovalSender", "*@example.com"),
        ("ApprovalSender", "approvals@example"),
        ("PolicyResourceArns", TOPIC.replace("mail", "*")),
        ("PolicyResourceArns", f"{TOPIC}, {TOPIC}"),
        ("PolicyResourceArns", f"{TOPIC},"),
        ("PolicyResourceArns", TOPIC + TOPIC),
        ("PolicyResourceArns", "arn:aws:s3:::example-archive"),
        ("PolicyResourceArns", "arn:aws:s3:::*"),
        ("PolicyResourceArns", SECRET.removesuffix("-AbC123")),
        ("PolicyResourceArns", BUS.replace("default", "*")),
        ("PolicyResourceArns", "*"),
        ("SubjectTag", "[A]\r\nBcc: person@example.net"),
        ("SubjectTag", "x" * 61),
        ("DisclaimerText", "x" * 176),
        ("BounceRules", "{}"),
        ("BounceRules", f'["{"x" * 200}"]'),
        ("AvailabilitySecretArn", "mail/free-busy"),
        ("AvailabilitySecretArn", SECRET.removesuffix("-AbC123")),
        ("AvailabilitySecretArn", SECRET.replace("free-busy", "*")),
        ("AvailabilitySecretArn", SECRET.replace("secretsmanager", "ssm")),
        ("AvailabilityImpersonationRoleId", "*"),
        ("AvailabilityNetwork", "subnet-01234567"),
        ("AvailabilityNetwork", "subnet-01234567/"),
        ("AvailabilityNetwork", "/sg-01234567"),
        ("AvailabilityNetwork", "subnet-01234567, subnet-89abcdef/sg-01234567"),
        ("AlarmTopicArn", TOPIC.replace("mail", "*")),
        ("ReservedConcurrency", -1),
        ("KmsKeyArn", KEY + "*"),
        ("KmsKeyArn", KEY.replace("key/", "alias/mail")),
        ("PermissionsBoundaryArn", BOUNDARY.replace("policy", "role")),
        ("RolePath", "mail"),
        ("RolePath", "/mail"),
        ("Deployment", "Canary10Percent1Minute"),
    ],
)
def test_a_parameter_rejects(name: str, value: str | int) -> None:
    assert not accepts(name, value)


class TestGuidedDeployment:
    def test_asks_for_at_most_26_parameters_and_needs_only_the_organization(self) -> None:
        parameters = read_template()["Parameters"]

        assert len(parameters) <= 26
        assert [name for name, parameter in parameters.items() if "Default" not in parameter] == ["OrganizationId"]

    def test_describes_each_parameter_and_its_limits(self) -> None:
        for name, parameter in read_template()["Parameters"].items():
            assert parameter["Description"], name
            limited = parameter.keys() & {"AllowedValues", "MinValue", "AllowedPattern"}
            assert limited, name
            assert ("ConstraintDescription" in parameter) == ("AllowedPattern" in parameter), name

    def test_offers_valid_defaults(self) -> None:
        parameters = read_template()["Parameters"]

        assert [name for name, parameter in parameters.items() if not accepts(name, parameter.get("Default", ORGANIZATION))] == []
        assert Stack().refused == []

    def test_shows_each_parameter_in_one_group_of_the_console(self) -> None:
        groups = read_template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

        assert [name for group in groups for name in group["Parameters"]] == list(read_template()["Parameters"])


def test_by_default_no_personal_data_is_logged_and_nothing_is_created_that_costs_by_the_hour() -> None:
    kinds = {each["Type"] for each in Stack().resources.values()}

    stack = Stack()
    assert stack.variables("MailflowFunction")["LOG_ADDRESSES"] == "false"
    assert all("LOG_DECISION" not in stack.variables(name) for name in stack.functions())
    assert kinds.isdisjoint({"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::CodeDeploy::Application"})


def test_the_library_supports_each_source_of_a_policy() -> None:
    pattern = read_template()["Parameters"]["PolicySource"]["AllowedPattern"]

    assert set(re.findall(r"(\w+):", pattern)) == policy_source.KINDS


class TestRules:
    def test_accept_a_stack_with_everything(self) -> None:
        assert Stack(**EVERYTHING).refused == []

    @pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1"])
    def test_accept_mail_functions_in_the_regions_of_workmail(self, region: str) -> None:
        assert Stack(region=region).refused == []

    def test_reject_mail_functions_in_other_regions(self) -> None:
        [why] = Stack(region="eu-central-1").refused

        assert "Functions to none" in why

    @pytest.mark.parametrize(
        "parameters,why",
        [
            ({"Functions": "none"}, "set AvailabilitySecretArn"),
            ({"Functions": "none", "AvailabilitySecretArn": SECRET, "PolicySource": "ssm:/policy"}, "need the function mailflow"),
            ({"Functions": "none", "AvailabilitySecretArn": SECRET, "PolicyResourceArns": TOPIC}, "need the function mailflow"),
            ({"ApprovalSender": "approvals@example.com"}, "needs hold in PolicyNeeds"),
            ({"AvailabilityImpersonationRoleId": "a1b2"}, "need AvailabilitySecretArn"),
            ({"AvailabilityNetwork": "subnet-01234567/sg-01234567"}, "need AvailabilitySecretArn"),
        ],
    )
    def test_reject_a_setting_that_would_have_no_effect(self, parameters: dict[str, str], why: str) -> None:
        [found] = Stack(**parameters).refused

        assert why in found


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(
        region="eu-central-1",
        Functions="none",
        AvailabilitySecretArn=SECRET.replace("eu-west-1", "eu-central-1"),
        AvailabilityNetwork="subnet-01234567,subnet-89abcdef/sg-01234567",
        OrganizationId=f"arn:aws:workmail:us-east-1:999999999999:organization/{ORGANIZATION}",
    )


class TestAvailabilityInAnotherRegion:
    """For example Exchange in a VPC in Frankfurt: the guide restricts the region of WorkMail, not the region of Lambda."""

    def test_is_accepted(self, stack: Stack) -> None:
        assert stack.refused == []

    def test_has_nothing_for_mail(self, stack: Stack) -> None:
        assert stack.functions().keys() == {"AvailabilityFunction"}
        assert {each["Type"] for each in stack.resources.values()}.isdisjoint(
            {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table"}
        )
        assert stack.outputs.keys() == {
            "Version",
            "AvailabilityFunctionArn",
            "AvailabilityConnect",
            "AvailabilityDashboardUrl",
            "LogGroupName",
            "MailhooksLayerArn",
        }

    def test_is_in_the_network(self, stack: Stack) -> None:
        assert stack.functions()["AvailabilityFunction"]["VpcConfig"] == {
            "SubnetIds": ["subnet-01234567", "subnet-89abcdef"],
            "SecurityGroupIds": ["sg-01234567"],
        }

    def test_is_connected_in_the_region_of_the_organization(self, stack: Stack) -> None:
        assert "--region us-east-1 " in stack.outputs["AvailabilityConnect"]
