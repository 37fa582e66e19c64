"""The permissions of each role, as complete sets: one permission more or less fails a test."""

import re
from itertools import chain
from typing import Any

import pytest
from botocore.session import Session

from mailhooks.hooks import earlier_decision
from tests.infrastructure.template import function, grants, holds, of_type, properties, template
from tests.support.mail import parsed

HOOKS = ["MailflowFunction", "RewriteFunction", "DisclaimerFunction", "BounceFunction", "ObserveFunction"]
FUNCTIONS = [*HOOKS, "AvailabilityFunction"]
MESSAGES = {
    "Fn::Sub": "arn:${AWS::Partition}:workmailmessageflow:${AWS::Region}:${AWS::AccountId}:message/${OrganizationId}/*",
}
OBJECTS = {"Fn::Sub": "${RewriteBucket.Arn}/*"}
REWRITTEN = {"Fn::Sub": "${RewriteBucket.Arn}/rewritten/*"}
DECIDED = {"Fn::Sub": "${RewriteBucket.Arn}/decided/*"}
ORGANIZATION = {"Fn::Sub": "arn:${AWS::Partition}:workmail:${AWS::Region}:${AWS::AccountId}:organization/${OrganizationId}"}
TRACES: list[tuple[Any, ...]] = [("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")]


def logs(group: str) -> list[tuple[Any, ...]]:
    # The Arn attribute of a log group ends in ":*", for its streams; it names the group too.
    arn = {"Fn::GetAtt": [group, "Arn"]}
    return [("logs:CreateLogStream", arn), ("logs:PutLogEvents", arn)]


READ_AND_REPLACE: list[tuple[Any, ...]] = [
    ("workmailmessageflow:GetRawMessageContent", MESSAGES),
    ("workmailmessageflow:PutRawMessageContent", MESSAGES),
    ("s3:PutObject", REWRITTEN),
]

SECRET = {"Ref": "AvailabilitySecretArn"}

GRANTS: dict[str, list[tuple[Any, ...]]] = {
    "BounceRole": logs("BounceLogGroup"),
    "ObserveRole": [
        *logs("ObserveLogGroup"),
        ("workmailmessageflow:GetRawMessageContent", MESSAGES),
        ("sqs:SendMessage", {"Fn::GetAtt": ["ObserveDeadLetterQueue", "Arn"]}),
    ],
    # No s3:ListBucket: the keys of the bucket have message IDs.
    "MailflowRole": [*logs("MailflowLogGroup"), *READ_AND_REPLACE, ("s3:PutObject", DECIDED), ("s3:GetObject", DECIDED)],
    "RewriteRole": [*logs("RewriteLogGroup"), *READ_AND_REPLACE],
    "DisclaimerRole": [*logs("DisclaimerLogGroup"), *READ_AND_REPLACE],
    "AvailabilityRole": [*logs("AvailabilityLogGroup"), ("secretsmanager:GetSecretValue", SECRET)],
}
"""The permissions of each role with any parameters."""

MORE: dict[str, dict[str, list[tuple[Any, ...]]]] = {
    "MailflowRole": {
        "PolicyInS3": [("s3:GetObject", {"Ref": "PolicyObjectArn"})],
        "PolicyInSystemsManager": [("ssm:GetParameter", {"Ref": "PolicyParameterArn"})],
        "PolicyInAppConfig": [
            ("appconfig:StartConfigurationSession", {"Ref": "PolicyConfigurationArn"}),
            ("appconfig:GetLatestConfiguration", {"Ref": "PolicyConfigurationArn"}),
        ],
        "MailflowCounts": [
            ("dynamodb:Query", {"Fn::GetAtt": ["MailflowRates", "Arn"]}),
            ("dynamodb:UpdateItem", {"Fn::GetAtt": ["MailflowRates", "Arn"]}),
        ],
        "MailflowAsksDirectory": [
            (f"workmail:{action}", ORGANIZATION)
            for action in ("ListMailDomains", "ListGroups", "ListGroupMembers", "ListUsers", "ListAliases")
        ],
        "MailflowArchives": [
            (action, {"Fn::Sub": "arn:${AWS::Partition}:s3:::${ArchiveBucketName}/*"})
            for action in ("s3:PutObject", "s3:PutObjectRetention")
        ],
        "MailflowNotifiesTopics": [("sns:Publish", {"Fn::Split": [",", {"Ref": "NotifyTopicArns"}]})],
        "MailflowNotifiesBus": [("events:PutEvents", {"Ref": "NotifyBusArn"})],
        "MailflowSignsWebhooks": [("secretsmanager:GetSecretValue", {"Ref": "WebhookSecretArn"})],
    },
    "AvailabilityRole": {
        "AvailabilityKey": [
            (
                "kms:Decrypt",
                {"Ref": "AvailabilityKeyArn"},
                {
                    "StringEquals": {
                        "kms:ViaService": {"Fn::Sub": "secretsmanager.${AWS::Region}.amazonaws.com"},
                        "kms:EncryptionContext:SecretARN": SECRET,
                    }
                },
            )
        ],
        "AvailabilityImpersonation": [
            (
                "workmail:AssumeImpersonationRole",
                {"Ref": "AvailabilityImpersonationOrganizationArn"},
                {"StringEquals": {"workmail:ImpersonationRoleId": {"Ref": "AvailabilityImpersonationRoleId"}}},
            )
        ],
        # Guide of Lambda, "Using source function ARN to control function access behavior": Lambda's own calls have no such ARN.
        "AvailabilityVpc": [
            (f"ec2:{action}", "*", {"Null": {"lambda:SourceFunctionArn": "true"}})
            for action in (
                "CreateNetworkInterface",
                "DescribeNetworkInterfaces",
                "DescribeSubnets",
                "DeleteNetworkInterface",
                "AssignPrivateIpAddresses",
                "UnassignPrivateIpAddresses",
            )
        ],
    },
}
"""The permissions that each condition adds to a role."""

EACH_MORE = [(role, condition) for role, conditions in MORE.items() for condition in conditions]


def test_all_roles_are_checked_here() -> None:
    assert of_type("AWS::IAM::Role").keys() == GRANTS.keys()


def test_all_permissions_are_in_the_roles() -> None:
    kinds = {resource["Type"] for resource in template()["Resources"].values() if resource["Type"].startswith("AWS::IAM::")}

    assert kinds == {"AWS::IAM::Role"}


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_grants_only_the_permissions_of_its_function(role: str) -> None:
    assert list(grants(role)) == GRANTS[role]


@pytest.mark.parametrize("role", GRANTS)
def test_tracing_adds_the_two_x_ray_actions_and_nothing_else(role: str) -> None:
    assert list(grants(role, "TracingActive")) == GRANTS[role] + TRACES


@pytest.mark.parametrize("role,condition", EACH_MORE)
def test_a_permission_for_a_setting_is_granted_only_with_it(role: str, condition: str) -> None:
    assert list(grants(role, condition)) == GRANTS[role] + MORE[role][condition]


@pytest.mark.parametrize("role", GRANTS)
def test_no_other_condition_changes_what_a_role_grants(role: str) -> None:
    more = chain.from_iterable(MORE.get(role, {}).values())

    assert list(grants(role, *template()["Conditions"])) == [*GRANTS[role], *more, *TRACES]


@pytest.mark.parametrize(
    "condition,parameters",
    [
        ("PolicyInS3", {"PolicyObjectArn": "arn:aws:s3:::policies/policy.yaml"}),
        ("PolicyInSystemsManager", {"PolicyParameterArn": "arn:aws:ssm:eu-west-1:123456789012:parameter/policy"}),
        (
            "PolicyInAppConfig",
            {"PolicyConfigurationArn": "arn:aws:appconfig:eu-west-1:123456789012:application/a1b2/environment/c3d4/configuration/e5f6"},
        ),
        ("MailflowCounts", {"PolicyCounting": "true"}),
        ("MailflowAsksDirectory", {"PolicyDirectory": "true"}),
        ("MailflowArchives", {"ArchiveBucketName": "archive"}),
        ("MailflowNotifiesTopics", {"NotifyTopicArns": "arn:aws:sns:eu-west-1:123456789012:mail"}),
        ("MailflowNotifiesBus", {"NotifyBusArn": "arn:aws:events:eu-west-1:123456789012:event-bus/mail"}),
        ("MailflowSignsWebhooks", {"WebhookSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbC123"}),
    ],
)
def test_a_parameter_of_mailflow_sets_only_its_own_condition(condition: str, parameters: dict[str, str]) -> None:
    conditions = template()["Conditions"]

    assert [name for name in MORE["MailflowRole"] if holds(conditions[name])] == []
    assert [name for name in MORE["MailflowRole"] if holds(conditions[name], **parameters)] == [condition]


def test_only_mailflow_may_read_its_decisions() -> None:
    assert re.fullmatch("decided/[0-9a-f]{32}", earlier_decision._key(parsed()))
    assert DECIDED["Fn::Sub"].endswith("/decided/*")
    assert not DECIDED["Fn::Sub"].startswith(REWRITTEN["Fn::Sub"].removesuffix("*"))


def test_each_action_granted_to_mailflow_is_an_operation_of_the_service() -> None:
    models = {"appconfig": "appconfigdata"}
    for action, *_ in grants("MailflowRole", *template()["Conditions"]):
        service, operation = action.split(":")

        assert operation in Session().get_service_model(models.get(service, service)).operation_names


@pytest.mark.parametrize("role", GRANTS)
def test_no_role_grants_a_wildcard_action_or_every_resource(role: str) -> None:
    for action, resource, *_ in grants(role, *MORE.get(role, {})):
        assert "*" not in action
        # For Lambda itself, see AvailabilityVpc.
        assert resource != "*" or action.startswith("ec2:")


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_has_inline_policies_only_and_only_lambda_assumes_it(role: str) -> None:
    assert properties(role).keys() == {"Description", "AssumeRolePolicyDocument", "Policies"}
    assert properties(role)["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_own_role_so_that_sam_makes_none(name: str) -> None:
    assert function(name)["Role"] == {"Fn::GetAtt": [name.replace("Function", "Role"), "Arn"]}
    assert "Policies" not in function(name)


def test_only_workmail_may_invoke_a_function_and_only_for_this_organization() -> None:
    region = {"Region": {"Fn::If": ["AvailabilityElsewhere", {"Ref": "AvailabilityWorkMailRegion"}, {"Ref": "AWS::Region"}]}}
    expected = {
        f"{name.removesuffix('Function')}Permission": {
            "FunctionName": {"Fn::GetAtt": [name, "Arn"]},
            "Action": "lambda:InvokeFunction",
            "Principal": {"Fn::Sub": "workmail.${AWS::Region}.amazonaws.com"},
            "SourceAccount": {"Ref": "AWS::AccountId"},
            "SourceArn": ORGANIZATION,
        }
        for name in HOOKS
    }
    # An availability provider may be in another region than the organization.
    expected["AvailabilityPermission"] = {
        "FunctionName": {"Fn::GetAtt": ["AvailabilityFunction", "Arn"]},
        "Action": "lambda:InvokeFunction",
        "Principal": {"Fn::Sub": ["availability.workmail.${Region}.amazonaws.com", region]},
        "SourceAccount": {"Ref": "AWS::AccountId"},
        "SourceArn": {"Fn::Sub": ["arn:${AWS::Partition}:workmail:${Region}:${AWS::AccountId}:organization/${OrganizationId}", region]},
    }

    assert of_type("AWS::Lambda::Permission") == expected


def test_workmail_may_read_rewritten_messages_and_all_access_needs_tls() -> None:
    deny, allow = properties("RewriteBucketPolicy")["PolicyDocument"]["Statement"]

    assert deny == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [{"Fn::GetAtt": ["RewriteBucket", "Arn"]}, OBJECTS],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert allow == {
        "Sid": "WorkMailReads",
        "Effect": "Allow",
        "Principal": {"Service": {"Fn::Sub": "workmail.${AWS::Region}.amazonaws.com"}},
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": REWRITTEN,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "Bool": {"aws:SecureTransport": "true"},
            "ArnLike": {"aws:SourceArn": MESSAGES},
        },
    }
    assert properties("RewriteBucketPolicy")["Bucket"] == {"Ref": "RewriteBucket"}
