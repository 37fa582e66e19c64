"""The permissions of each function, as complete sets: one permission more or less fails a test."""

import json
import re

import pytest
from botocore.session import Session

from mailhooks.hooks import earlier_decision
from tests.infrastructure.stack import ORGANIZATION, Document, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING, MAIL, SECRET
from tests.support.mail import parsed

KEY = str(EVERYTHING["KmsKeyArn"])
MESSAGES = f"arn:aws:workmailmessageflow:eu-west-1:123456789012:message/{ORGANIZATION}"
ORGANIZATION_ARN = f"arn:aws:workmail:eu-west-1:123456789012:organization/{ORGANIZATION}"
ELSEWHERE = f"arn:aws:workmail:us-east-1:999999999999:organization/{ORGANIZATION}"
BUCKET = "mail-RewriteBucket.Arn"
LOGS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRACES = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"

READ = {("workmailmessageflow:GetRawMessageContent", f"{MESSAGES}/*")}
REPLACE = {*READ, ("workmailmessageflow:PutRawMessageContent", f"{MESSAGES}/*"), ("s3:PutObject", f"{BUCKET}/rewritten/*")}
DECISIONS = {("s3:PutObject", f"{BUCKET}/decided/*"), ("s3:GetObject", f"{BUCKET}/decided/*")}
"""No s3:ListBucket: the keys of the bucket have message IDs."""
DIRECTORY = {
    (f"workmail:{action}", ORGANIZATION_ARN) for action in ("ListMailDomains", "ListGroups", "ListGroupMembers", "ListUsers", "ListAliases")
}


HOLDS = {
    ("dynamodb:Query", "mail-MailflowHolds.Arn"),
    ("dynamodb:UpdateItem", "mail-MailflowHolds.Arn"),
    ("secretsmanager:GetSecretValue", "mail-ApprovalSecret"),
}


class TestFunctions:
    @pytest.mark.parametrize(
        "function,rights",
        [
            ("bounce", set()),
            ("observe", {*READ, ("sqs:SendMessage", "mail-ObserveDeadLetterQueue.Arn")}),
            ("rewrite", REPLACE | DECISIONS),
            ("disclaimer", REPLACE | DECISIONS),
            ("mailflow", REPLACE | DECISIONS | DIRECTORY),
        ],
    )
    def test_a_mail_function_has_only_the_permissions_of_its_work(self, function: str, rights: set[tuple[str, str]]) -> None:
        assert Stack(Functions=function).rights(f"{function.title()}Function") == rights

    @pytest.mark.parametrize(
        "parameters,rights",
        [
            ({"PolicySource": "policy-test.json"}, set()),
            ({"PolicySource": "s3://policies/mail/policy.yaml"}, {("s3:GetObject", "arn:aws:s3:::policies/mail/policy.yaml")}),
            (
                {"PolicySource": "ssm:/mail/policy"},
                {("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/mail/policy")},
            ),
            (
                {"PolicySource": "appconfig:a1b2c3d/4e5f/e5f6g7h"},
                {
                    (
                        f"appconfig:{action}",
                        "arn:aws:appconfig:eu-west-1:123456789012:application/a1b2c3d/environment/4e5f/configuration/e5f6g7h",
                    )
                    for action in ("StartConfigurationSession", "GetLatestConfiguration")
                },
            ),
            (
                {"PolicyNeeds": "counting"},
                {("dynamodb:Query", "mail-MailflowRates.Arn"), ("dynamodb:UpdateItem", "mail-MailflowRates.Arn")},
            ),
            (
                {"PolicyNeeds": "counting,directory"},
                {("dynamodb:Query", "mail-MailflowRates.Arn"), ("dynamodb:UpdateItem", "mail-MailflowRates.Arn"), *DIRECTORY},
            ),
            ({"PolicyNeeds": "directory"}, DIRECTORY),
            (
                {"PolicyResourceArns": f"arn:aws:s3:::archive/*,{SECRET}"},
                {
                    (action, resource)
                    for action in (
                        "s3:PutObject",
                        "s3:PutObjectRetention",
                        "sns:Publish",
                        "events:PutEvents",
                        "secretsmanager:GetSecretValue",
                    )
                    for resource in ("arn:aws:s3:::archive/*", SECRET)
                },
            ),
            ({"KmsKeyArn": KEY}, {("kms:GenerateDataKey", KEY), ("kms:Decrypt", KEY)}),
            ({"PolicyNeeds": "hold"}, HOLDS),
            (
                {"PolicyNeeds": "hold", "ApprovalSender": "approvals@example.com"},
                {
                    *HOLDS,
                    ("ses:SendRawEmail", "arn:aws:ses:eu-west-1:123456789012:identity/*"),
                    ("ses:SendRawEmail", "arn:aws:ses:eu-west-1:123456789012:configuration-set/*"),
                },
            ),
        ],
    )
    def test_a_parameter_of_the_policy_adds_only_its_own_permissions(
        self, parameters: dict[str, str], rights: set[tuple[str, str]]
    ) -> None:
        assert Stack(**{"PolicyNeeds": "none"} | parameters).rights("MailflowFunction") == REPLACE | DECISIONS | rights

    @pytest.mark.parametrize("direction,messages", [("inbound", "incoming/*"), ("outbound", "outgoing/*"), ("both", "*")])
    @pytest.mark.parametrize("function", ["mailflow", "rewrite", "disclaimer", "observe"])
    def test_a_direction_limits_the_messages_that_a_function_may_read_and_replace(
        self, function: str, direction: str, messages: str
    ) -> None:
        rights = Stack(Functions=function, MailDirection=direction).rights(f"{function.title()}Function")

        assert {resource for action, resource in rights if action.startswith("workmailmessageflow:")} == {f"{MESSAGES}/{messages}"}

    def test_the_availability_provider_may_read_its_secret_and_log(self) -> None:
        rights = Stack(Functions="none", AvailabilitySecretArn=SECRET).rights("AvailabilityFunction")

        assert rights == {
            ("secretsmanager:GetSecretValue", SECRET),
            ("logs:CreateLogStream", "mail-LogGroup.Arn"),
            ("logs:PutLogEvents", "mail-LogGroup.Arn"),
        }

    @pytest.mark.parametrize(
        "parameters,statement",
        [
            (
                {"KmsKeyArn": KEY},
                {
                    "Action": "kms:Decrypt",
                    "Resource": KEY,
                    "Condition": {
                        "StringEquals": {
                            "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
                            "kms:EncryptionContext:SecretARN": SECRET,
                        }
                    },
                },
            ),
            (
                {"AvailabilityImpersonationRoleId": "a1b2"},
                {
                    "Action": "workmail:AssumeImpersonationRole",
                    "Resource": "arn:aws:workmail:*:123456789012:organization/*",
                    "Condition": {"StringEquals": {"workmail:ImpersonationRoleId": "a1b2"}},
                },
            ),
            (
                {"AvailabilityNetwork": "subnet-01234567/sg-01234567"},
                # Guide of Lambda, "Using source function ARN to control function access behavior": Lambda's own calls have no such ARN.
                {
                    "Action": [
                        "ec2:CreateNetworkInterface",
                        "ec2:DescribeNetworkInterfaces",
                        "ec2:DescribeSubnets",
                        "ec2:DeleteNetworkInterface",
                        "ec2:AssignPrivateIpAddresses",
                        "ec2:UnassignPrivateIpAddresses",
                    ],
                    "Resource": "*",
                    "Condition": {"Null": {"lambda:SourceFunctionArn": "true"}},
                },
            ),
            ({"Tracing": "Active"}, {"Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}),
        ],
    )
    def test_a_parameter_of_the_availability_provider_adds_one_statement(self, parameters: dict[str, str], statement: Document) -> None:
        plain = Stack(Functions="none", AvailabilitySecretArn=SECRET).statements("AvailabilityFunction")
        more = Stack(Functions="none", AvailabilitySecretArn=SECRET, **parameters).statements("AvailabilityFunction")

        assert [each for each in more if each not in plain] == [{"Effect": "Allow", **statement}]

    def test_mailflow_starts_only_the_named_state_machines_and_reads_only_their_executions(self) -> None:
        machines = [f"arn:aws:states:eu-west-1:123456789012:stateMachine:{name}" for name in ("one", "two")]
        rights = Stack(PolicyNeeds="none", PolicyResourceArns=",".join((*machines, SECRET))).rights("MailflowFunction")

        # A right to an action on a resource of another service is none.
        found = {(action, resource) for action, resource in rights if action.startswith("states:") and ":states:" in resource}
        assert found == {
            *(("states:StartExecution", machine) for machine in machines),
            *(("states:DescribeExecution", f"arn:aws:states:eu-west-1:123456789012:execution:{name}:*") for name in ("one", "two")),
        }

    def test_mailflow_sends_mail_to_approvers_only_from_the_given_address(self) -> None:
        statements = Stack(PolicyNeeds="hold", ApprovalSender="approvals@example.com").statements("MailflowFunction")

        [statement] = [each for each in statements if each["Action"] == "ses:SendRawEmail"]
        assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "approvals@example.com"}}

    @pytest.mark.parametrize("direction,messages", [("inbound", "incoming/*"), ("outbound", "outgoing/*"), ("both", "*")])
    def test_the_approval_page_reads_messages_and_decides_and_changes_none(self, direction: str, messages: str) -> None:
        rights = Stack(PolicyNeeds="hold", MailDirection=direction).rights("ApproveFunction")

        assert rights == {
            ("dynamodb:GetItem", "mail-MailflowHolds.Arn"),
            ("dynamodb:UpdateItem", "mail-MailflowHolds.Arn"),
            ("secretsmanager:GetSecretValue", "mail-ApprovalSecret"),
            ("workmailmessageflow:GetRawMessageContent", f"{MESSAGES}/{messages}"),
        }

    def test_functions_use_aws_policies_only_for_logs_and_for_traces(self) -> None:
        def of_aws(**parameters: str) -> set[str]:
            roles = Stack(Functions=",".join(MAIL), **parameters).of_type("AWS::IAM::Role")
            return {each for role in roles.values() for each in role["ManagedPolicyArns"] if each.startswith("arn:")}

        assert of_aws() == {LOGS}
        assert of_aws(Tracing="Active") == {LOGS, TRACES}

    def test_every_action_is_an_operation_of_its_service(self) -> None:
        stack = Stack(**{**EVERYTHING, "PolicySource": "appconfig:a1b2/c3d4/e5f6"})
        models = {"appconfig": "appconfigdata", "states": "stepfunctions"}
        granted: dict[str, set[str]] = {}
        for name in stack.functions():
            for action, _ in stack.rights(name):
                service, operation = action.split(":")
                granted.setdefault(models.get(service, service), set()).add(operation)

        for service, operations in granted.items():
            assert operations <= set(Session().get_service_model(service).operation_names)

    def test_no_statement_allows_every_action_or_without_a_reason_every_resource(self) -> None:
        stack = Stack(**EVERYTHING)
        for name in stack.functions():
            assert {statement["Effect"] for statement in stack.statements(name)} <= {"Allow"}
            for action, resource in stack.rights(name):
                assert "*" not in action
                assert resource != "*" or action.startswith(("ec2:", "xray:"))

    def test_only_functions_that_run_policies_and_change_mail_may_read_decisions(self) -> None:
        assert re.fullmatch("decided/[0-9a-f]{32}", earlier_decision._key(parsed()))
        stack = Stack(**EVERYTHING)
        readers = {name for name in stack.functions() if stack.rights(name) >= DECISIONS}
        assert readers == {"MailflowFunction", "RewriteFunction", "DisclaimerFunction"}
        assert all(DECISIONS.isdisjoint(stack.rights(name)) for name in stack.functions() if name not in readers)


class TestRoles:
    def test_each_has_the_boundary_and_the_path(self) -> None:
        stack = Stack(**EVERYTHING, PermissionsBoundaryArn=BOUNDARY, RolePath="/mail/")
        roles = stack.of_type("AWS::IAM::Role")

        # A function each, and CodeDeploy.
        assert len(roles) == len(stack.functions()) + 1
        assert {(each["PermissionsBoundary"], each["Path"]) for each in roles.values()} == {(BOUNDARY, "/mail/")}
        assert {each["Path"] for each in stack.of_type("AWS::IAM::ManagedPolicy").values()} == {"/mail/"}

    def test_without_them_none_has_a_boundary(self) -> None:
        assert not [each for each in Stack(**EVERYTHING).of_type("AWS::IAM::Role").values() if "PermissionsBoundary" in each]

    def test_each_is_assumed_by_one_service(self) -> None:
        roles = Stack(**EVERYTHING).of_type("AWS::IAM::Role")
        services = {name: json.dumps(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]) for name, role in roles.items()}

        assert "codedeploy.amazonaws.com" in services.pop("DeploymentRole")
        assert all("lambda.amazonaws.com" in each for each in services.values())

    def test_each_has_a_generated_name_so_that_capability_iam_is_enough(self) -> None:
        stack = Stack(**EVERYTHING)

        assert not [each for each in stack.of_type("AWS::IAM::Role").values() if "RoleName" in each]
        assert not [each for each in stack.of_type("AWS::IAM::ManagedPolicy").values() if "ManagedPolicyName" in each]


class TestWhoMayInvoke:
    @pytest.mark.parametrize("function", MAIL)
    def test_workmail_for_rules_of_this_organization(self, function: str) -> None:
        """SourceArn alone, as in the guide's samples: a SourceAccount that WorkMail does not send would deny every call."""
        name = f"{function.title()}Function"
        permissions = Stack(Functions=function).of_type("AWS::Lambda::Permission").values()

        # A rule may name the function with and, as before 0.17, without its alias.
        assert sorted(each.pop("FunctionName") for each in permissions) == [f"mail-{name}", f"mail-{name}Aliaslive"]
        for each in permissions:
            assert each == {
                "Action": "lambda:InvokeFunction",
                "Principal": "workmail.eu-west-1.amazonaws.com",
                "SourceArn": ORGANIZATION_ARN,
            }

    @pytest.mark.parametrize(
        "organization,region,account,arn",
        [(ORGANIZATION, "eu-west-1", "123456789012", ORGANIZATION_ARN), (ELSEWHERE, "us-east-1", "999999999999", ELSEWHERE)],
    )
    def test_workmail_for_the_availability_of_the_organization(self, organization: str, region: str, account: str, arn: str) -> None:
        stack = Stack(Functions="none", AvailabilitySecretArn=SECRET, OrganizationId=organization)
        permissions = stack.of_type("AWS::Lambda::Permission").values()

        assert len(permissions) == 2
        for each in permissions:
            assert each.pop("FunctionName").startswith("mail-AvailabilityFunction")
            assert each == {
                "Action": "lambda:InvokeFunction",
                "Principal": f"availability.workmail.{region}.amazonaws.com",
                "SourceAccount": account,
                "SourceArn": arn,
            }

    def test_every_person_with_the_url_of_the_approval_page_and_by_the_url_alone(self) -> None:
        """Both permissions, which new function URLs need since October 2025 (Lambda guide, "Control access to Lambda function URLs")."""
        permissions = Stack(PolicyNeeds="hold").of_type("AWS::Lambda::Permission").values()
        [by_url, by_invoke] = [each for each in permissions if each["FunctionName"].startswith("mail-ApproveFunction")]

        assert by_url["FunctionName"] == by_invoke["FunctionName"] == "mail-ApproveFunctionAliaslive"
        assert by_url["Principal"] == by_invoke["Principal"] == "*"
        assert (by_url["Action"], by_url["FunctionUrlAuthType"]) == ("lambda:InvokeFunctionUrl", "NONE")
        assert (by_invoke["Action"], by_invoke["InvokedViaFunctionUrl"]) == ("lambda:InvokeFunction", True)

    def test_an_organizations_arn_means_the_same_as_its_id(self) -> None:
        by_id, by_arn = Stack(**EVERYTHING), Stack(**EVERYTHING, OrganizationId=ORGANIZATION_ARN)

        assert by_id.resources == by_arn.resources
        assert by_id.outputs == by_arn.outputs


class TestRewriteBucket:
    def test_workmail_may_read_rewritten_messages_and_all_access_needs_tls(self) -> None:
        [policy] = Stack().of_type("AWS::S3::BucketPolicy").values()
        deny, allow = policy["PolicyDocument"]["Statement"]

        assert policy["Bucket"] == "mail-RewriteBucket"
        assert deny == {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [BUCKET, f"{BUCKET}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        assert allow == {
            "Sid": "WorkMailReads",
            "Effect": "Allow",
            "Principal": {"Service": "workmail.eu-west-1.amazonaws.com"},
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": f"{BUCKET}/rewritten/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "123456789012"},
                "Bool": {"aws:SecureTransport": "true"},
                "ArnLike": {"aws:SourceArn": f"{MESSAGES}/*"},
            },
        }

    def test_no_other_resource_has_a_policy(self) -> None:
        kinds = {each["Type"] for each in read_template()["Resources"].values()}

        assert {each for each in kinds if each.endswith("Policy")} == {"AWS::S3::BucketPolicy", "AWS::IAM::ManagedPolicy"}


@pytest.mark.parametrize("parameters", [{}, {"Functions": ",".join(MAIL)}, EVERYTHING])
def test_no_policy_is_empty_which_iam_rejects(parameters: dict[str, str]) -> None:
    stack = Stack(**parameters)
    documents = [each["PolicyDocument"] for each in stack.of_type("AWS::IAM::ManagedPolicy").values()]
    documents += [policy["PolicyDocument"] for role in stack.of_type("AWS::IAM::Role").values() for policy in role.get("Policies", ())]

    assert all(document["Statement"] for document in documents)
