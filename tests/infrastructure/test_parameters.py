"""The parameters of the stack: accepted and rejected values, before anything is created."""

import re
from typing import Any

import pytest

from mailhooks.hooks import policy_source
from tests.infrastructure.template import refused, template

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mail/free-busy-AbC123"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/"
SSM = "arn:aws:ssm:eu-west-1:123456789012:parameter"
APPCONFIG = "arn:aws:appconfig:eu-west-1:123456789012:application/a1b2c3d/environment/4e5f/"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
WORKMAIL = "arn:aws:workmail:eu-west-1:123456789012:organization/"


@pytest.mark.parametrize(
    "name,value",
    [
        ("OrganizationId", ORGANIZATION),
        ("OrganizationDomains", ""),
        ("OrganizationDomains", "example.com, mail.example.org"),
        ("SubjectTag", ""),
        ("SubjectTag", "[Außerhalb]"),
        ("AddHeaders", '{"X-A": "1",\n "X-B": "2"}'),
        ("RemoveHeaders", "X-A,X-B"),
        ("BounceRules", '[{"action": "DROP", "senders": ["*.example.net"], "recipients": ["*"]}]'),
        ("MetricsNamespace", "Mail/Hooks_1"),
        ("PolicySource", "policy.yaml"),
        ("PolicySource", "policy-test.json"),
        ("PolicySource", "s3://example-policies/mail/policy.yaml"),
        ("PolicySource", "ssm:/mail/policy"),
        ("PolicySource", "ssm:policy"),
        ("PolicySource", "appconfig:mail/production/policy"),
        ("PolicyMaxAge", 30),
        ("PolicyMaxAge", 86400),
        ("PolicyObjectArn", "arn:aws:s3:::example-policies/mail/policy.yaml"),
        ("PolicyParameterArn", SSM + "/mail/policy"),
        ("PolicyParameterArn", SSM + "/policy"),
        ("PolicyConfigurationArn", APPCONFIG + "configuration/e5f6g7h"),
        ("ArchiveBucketName", "example-archive"),
        ("NotifyTopicArns", ""),
        ("NotifyTopicArns", TOPIC),
        ("NotifyTopicArns", f"{TOPIC},{TOPIC}.fifo"),
        ("NotifyBusArn", "arn:aws:events:eu-west-1:123456789012:event-bus/default"),
        ("WebhookSecretArn", SECRET),
        ("AlarmTopicArn", TOPIC),
        ("AvailabilitySecretArn", ""),
        ("AvailabilitySecretArn", SECRET),
        ("AvailabilityKeyArn", KEY + "1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("AvailabilityKeyArn", KEY + "mrk-1234abcd12ab34cd56ef1234567890ab"),
        ("AvailabilityWorkMailRegion", "eu-west-1"),
        ("AvailabilityImpersonationOrganizationArn", WORKMAIL + ORGANIZATION),
        ("AvailabilityImpersonationRoleId", "a1b2c3d4-5e6f-7a8b_9c0d"),
        ("AvailabilitySubnetIds", ""),
        ("AvailabilitySubnetIds", "subnet-0123456789abcdef0,subnet-01234567"),
        ("AvailabilitySecurityGroupIds", "sg-0123456789abcdef0"),
    ],
)
def test_a_parameter_accepts(name: str, value: str) -> None:
    assert _accepts(name, value)


@pytest.mark.parametrize(
    "name,value",
    [
        ("OrganizationId", ""),
        ("OrganizationId", ORGANIZATION.upper()),
        ("OrganizationId", ORGANIZATION + "0"),
        ("OrganizationId", ORGANIZATION[:-1]),
        ("OrganizationId", "d-0123456789"),
        ("OrganizationDomains", "example"),
        ("OrganizationDomains", "example.com;example.org"),
        ("OrganizationDomains", "@example.com"),
        ("SubjectTag", "[A]\r\nBcc: someone@example.net"),
        ("SubjectTag", "x" * 101),
        ("AddHeaders", "X-A: 1"),
        ("RemoveHeaders", "X-A: X-B"),
        ("BounceRules", "{}"),
        ("BounceRules", f'["{"x" * 2500}"]'),
        ("MetricsNamespace", "AWS/Lambda"),
        ("PolicySource", ""),
        ("PolicySource", "policy"),
        ("PolicySource", "../policy.yaml"),
        ("PolicySource", "/etc/policy.yaml"),
        ("PolicySource", "https://example.com/policy.yaml"),
        ("PolicySource", "s3://example-policies"),
        ("PolicySource", "s3://example-policies/"),
        ("PolicySource", "ssm:"),
        ("PolicySource", "appconfig:mail/production"),
        ("PolicySource", "appconfig:mail/production/policy/1"),
        ("PolicyMaxAge", 29),
        ("PolicyMaxAge", 86401),
        ("PolicyObjectArn", "s3://example-policies/policy.yaml"),
        ("PolicyObjectArn", "arn:aws:s3:::example-policies"),
        ("PolicyObjectArn", "arn:aws:s3:::example-policies/*"),
        ("PolicyParameterArn", SSM + "/*"),
        ("PolicyParameterArn", "/mail/policy"),
        ("PolicyConfigurationArn", APPCONFIG + "configuration/*"),
        ("PolicyConfigurationArn", APPCONFIG.removesuffix("/")),
        ("PolicyConfigurationArn", "arn:aws:appconfig:eu-west-1:123456789012:application/mail/environment/production/configuration/policy"),
        ("PolicyCounting", "yes"),
        ("PolicyDirectory", "yes"),
        ("OnErrorMailflow", "bounce"),
        ("ArchiveBucketName", "example-archive/mail"),
        ("ArchiveBucketName", "*"),
        ("NotifyTopicArns", TOPIC.replace("mail", "*")),
        ("NotifyTopicArns", f"{TOPIC}, {TOPIC}"),
        ("NotifyTopicArns", f"{TOPIC},"),
        ("NotifyBusArn", "default"),
        ("NotifyBusArn", "arn:aws:events:eu-west-1:123456789012:event-bus/*"),
        ("WebhookSecretArn", "webhook"),
        ("WebhookSecretArn", SECRET.replace("free-busy", "*")),
        ("AlarmTopicArn", TOPIC.replace("mail", "*")),
        ("AvailabilitySecretArn", "mail/free-busy"),
        ("AvailabilitySecretArn", SECRET.removesuffix("-AbC123")),
        ("AvailabilitySecretArn", SECRET.replace("free-busy", "*")),
        ("AvailabilitySecretArn", SECRET.replace("secretsmanager", "ssm")),
        ("AvailabilityKeyArn", KEY + "*"),
        ("AvailabilityKeyArn", KEY.replace("key/", "alias/secrets")),
        ("AvailabilityWorkMailRegion", "eu-central-1"),
        ("AvailabilityImpersonationOrganizationArn", ORGANIZATION),
        ("AvailabilityImpersonationOrganizationArn", WORKMAIL + "*"),
        ("AvailabilityImpersonationRoleId", "*"),
        ("AvailabilitySubnetIds", "subnet-01234567, subnet-89abcdef"),
        ("AvailabilitySubnetIds", "sg-01234567"),
        ("AvailabilitySecurityGroupIds", "default"),
    ],
)
def test_a_parameter_rejects(name: str, value: str) -> None:
    assert not _accepts(name, value)


def test_the_default_of_each_parameter_is_valid() -> None:
    parameters = template()["Parameters"]

    assert [name for name, parameter in parameters.items() if not _accepts(name, parameter.get("Default", ORGANIZATION))] == []


def test_only_the_organization_is_required() -> None:
    assert [name for name, parameter in template()["Parameters"].items() if "Default" not in parameter] == ["OrganizationId"]


def test_by_default_no_mail_is_logged_in_clear_or_lost_by_an_error() -> None:
    defaults = {name: parameter.get("Default") for name, parameter in template()["Parameters"].items()}

    assert defaults["LogAddresses"] == "false"
    assert (defaults["OnErrorRewrite"], defaults["OnErrorDisclaimer"], defaults["OnErrorBounce"]) == ("deliver", "deliver", "retry")
    assert defaults["OnErrorMailflow"] == "deliver"
    assert defaults["LogRetentionDays"] == 30
    assert defaults["Tracing"] == "PassThrough"


def test_by_default_mailflow_uses_no_counts_directory_copies_or_notices() -> None:
    defaults = {name: parameter.get("Default") for name, parameter in template()["Parameters"].items()}

    assert (defaults["PolicyCounting"], defaults["PolicyDirectory"]) == ("false", "false")
    assert {defaults[name] for name in ("ArchiveBucketName", "NotifyTopicArns", "NotifyBusArn", "WebhookSecretArn", "AlarmTopicArn")} == {
        ""
    }
    assert {defaults[name] for name in ("PolicyObjectArn", "PolicyParameterArn", "PolicyConfigurationArn")} == {""}


def test_the_library_supports_each_source_of_a_policy() -> None:
    pattern = template()["Parameters"]["PolicySource"]["AllowedPattern"]

    assert set(re.findall(r"(\w+):", pattern)) == policy_source.KINDS


@pytest.mark.parametrize(
    "parameters",
    [
        {"PolicyObjectArn": "arn:aws:s3:::example-policies/policy.yaml"},
        {"PolicyParameterArn": SSM + "/policy"},
        {"PolicyConfigurationArn": APPCONFIG + "configuration/e5f6"},
        {"AlarmTopicArn": TOPIC},
    ],
)
def test_a_permission_without_its_policy_source_is_rejected(parameters: dict[str, str]) -> None:
    [why] = refused(**parameters)

    assert "need a PolicySource other than policy.yaml" in why
    assert refused(PolicySource="s3://example-policies/policy.yaml", **parameters) == []


def test_there_is_no_availability_provider_by_default() -> None:
    parameters = template()["Parameters"]

    assert {parameters[name]["Default"] for name in parameters if name.startswith("Availability")} == {""}


def test_each_parameter_is_described_labelled_and_in_one_group_of_the_console() -> None:
    interface = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(template()["Parameters"])
    assert interface["ParameterLabels"].keys() == template()["Parameters"].keys()
    assert all(parameter["Description"] for parameter in template()["Parameters"].values())
    assert all("ConstraintDescription" in parameter for parameter in template()["Parameters"].values() if "AllowedPattern" in parameter)


def test_the_stack_rejects_regions_without_workmail() -> None:
    [rule] = template()["Rules"]["WorkMailRegion"]["Assertions"]

    assert rule["Assert"] == {"Fn::Contains": [["us-east-1", "us-west-2", "eu-west-1"], {"Ref": "AWS::Region"}]}


def _accepts(name: str, value: Any) -> bool:
    """Return whether CloudFormation would accept a parameter's value."""
    parameter = template()["Parameters"][name]
    if "AllowedValues" in parameter:
        return value in parameter["AllowedValues"]
    if parameter["Type"] == "Number":
        return bool(parameter["MinValue"] <= value <= parameter["MaxValue"])
    return len(value) <= parameter.get("MaxLength", 4096) and bool(re.fullmatch(parameter["AllowedPattern"], value))
