"""Who may do what. The sets are closed: one permission more or less fails a test."""

from itertools import chain
from typing import Any

import pytest

from .template import function, grants, of_type, properties, template

HOOKS = ["RewriteFunction", "DisclaimerFunction", "BounceFunction", "ObserveFunction"]
FUNCTIONS = [*HOOKS, "AvailabilityFunction"]
MESSAGES = {
    "Fn::Sub": "arn:${AWS::Partition}:workmailmessageflow:${AWS::Region}:${AWS::AccountId}:message/${OrganizationId}/*",
}
OBJECTS = {"Fn::Sub": "${RewriteBucket.Arn}/*"}
TRACES: list[tuple[Any, ...]] = [("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")]


def logs(group: str) -> list[tuple[Any, ...]]:
    # A log group's Arn attribute ends in ":*", its streams; the group itself is named by it too.
    arn = {"Fn::GetAtt": [group, "Arn"]}
    return [("logs:CreateLogStream", arn), ("logs:PutLogEvents", arn)]


READ_AND_REPLACE: list[tuple[Any, ...]] = [
    ("workmailmessageflow:GetRawMessageContent", MESSAGES),
    ("workmailmessageflow:PutRawMessageContent", MESSAGES),
    ("s3:PutObject", OBJECTS),
]

SECRET = {"Ref": "AvailabilitySecretArn"}

GRANTS: dict[str, list[tuple[Any, ...]]] = {
    "BounceRole": logs("BounceLogGroup"),
    "ObserveRole": [
        *logs("ObserveLogGroup"),
        ("workmailmessageflow:GetRawMessageContent", MESSAGES),
        ("sqs:SendMessage", {"Fn::GetAtt": ["ObserveDeadLetterQueue", "Arn"]}),
    ],
    "RewriteRole": [*logs("RewriteLogGroup"), *READ_AND_REPLACE],
    "DisclaimerRole": [*logs("DisclaimerLogGroup"), *READ_AND_REPLACE],
    "AvailabilityRole": [*logs("AvailabilityLogGroup"), ("secretsmanager:GetSecretValue", SECRET)],
}
"""What each role grants whatever the parameters say."""

MORE: dict[str, list[tuple[Any, ...]]] = {
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
    # Guide of Lambda, "Using source function ARN to control function access behavior": what Lambda does for itself has no such ARN.
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
}
"""What each condition adds to the availability function's role."""


def test_every_role_is_one_of_those_that_are_checked_here() -> None:
    assert of_type("AWS::IAM::Role").keys() == GRANTS.keys()


def test_no_permission_comes_from_outside_the_roles() -> None:
    kinds = {resource["Type"] for resource in template()["Resources"].values() if resource["Type"].startswith("AWS::IAM::")}

    assert kinds == {"AWS::IAM::Role"}


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_grants_just_what_its_function_uses(role: str) -> None:
    assert list(grants(role)) == GRANTS[role]


@pytest.mark.parametrize("role", GRANTS)
def test_tracing_adds_the_two_x_ray_actions_and_nothing_else(role: str) -> None:
    assert list(grants(role, "TracingActive")) == GRANTS[role] + TRACES


@pytest.mark.parametrize("condition", MORE)
def test_what_the_availability_function_needs_for_some_settings_is_granted_with_them_alone(condition: str) -> None:
    assert list(grants("AvailabilityRole", condition)) == GRANTS["AvailabilityRole"] + MORE[condition]


@pytest.mark.parametrize("role", GRANTS)
def test_no_other_condition_changes_what_a_role_grants(role: str) -> None:
    more = chain.from_iterable(MORE.values()) if role == "AvailabilityRole" else ()

    assert list(grants(role, *template()["Conditions"])) == [*GRANTS[role], *more, *TRACES]


@pytest.mark.parametrize("role", GRANTS)
def test_no_role_grants_a_wildcard_action_or_every_resource(role: str) -> None:
    for action, resource, *_ in grants(role):
        assert "*" not in action
        assert resource != "*"


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
            "SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:workmail:${AWS::Region}:${AWS::AccountId}:organization/${OrganizationId}"},
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


def test_workmail_may_read_rewritten_messages_for_this_organization_and_nobody_may_do_anything_without_tls() -> None:
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
        "Resource": OBJECTS,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "Bool": {"aws:SecureTransport": "true"},
            "ArnLike": {"aws:SourceArn": MESSAGES},
        },
    }
    assert properties("RewriteBucketPolicy")["Bucket"] == {"Ref": "RewriteBucket"}
