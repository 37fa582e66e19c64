"""The stack of the mailbox export (export/template.yaml)."""

import json
import re
from typing import Any

import pytest

from mailhooks.mailbox_export.function import read_input
from mailhooks.mailbox_export.manifest import Mailbox
from mailhooks.mailbox_export.plan import make_folder
from mailhooks.mailbox_export.report import HOOK, Metric
from mailhooks.mailbox_export.settings import ExportSettings
from tests.infrastructure.stack import ACCOUNT, ORGANIZATION, ROOT, Stack, read_template
from workmail_local.doctor.statements import as_list

PATH = ROOT / "export/template.yaml"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:mail"
DEFINITION = json.loads((ROOT / "export/state-machine.asl.json").read_text("utf-8"))


def export_stack(**parameters: str) -> Stack:
    return Stack(read_template(PATH), name="leave", **parameters)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return export_stack(AlarmTopicArn=TOPIC)


def statements(stack: Stack, role: str) -> list[dict[str, Any]]:
    policies = stack.of_type("AWS::IAM::Role")[role]["Policies"]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def test_workmail_alone_assumes_the_export_role_and_only_for_this_organization(stack: Stack) -> None:
    [statement] = stack.of_type("AWS::IAM::Role")["ExportRole"]["AssumeRolePolicyDocument"]["Statement"]

    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "export.workmail.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:workmail:eu-west-1:{ACCOUNT}:organization/{ORGANIZATION}"},
        },
    }


def test_the_export_role_has_the_rights_of_the_guide_for_the_exported_files_alone(stack: Stack) -> None:
    bucket = "leave-ExportBucket.Arn"
    rights = {(action, each["Resource"]) for each in statements(stack, "ExportRole") for action in as_list(each["Action"])}

    assert rights == {
        ("s3:GetBucketPolicyStatus", bucket),
        ("s3:PutObject", f"{bucket}/mailboxes/*"),
        ("s3:AbortMultipartUpload", f"{bucket}/mailboxes/*"),
        ("kms:Decrypt", "leave-Key.Arn"),
        ("kms:GenerateDataKey", "leave-Key.Arn"),
    }
    assert make_folder(Mailbox("id", "user", "ana", "ana@example.com")).startswith("mailboxes/")


def test_the_condition_on_the_key_fits_the_encryption_context_of_the_bucket(stack: Stack) -> None:
    """S3 user guide, "Amazon S3 Bucket Keys": with one, the context is the ARN of the bucket and not of the object."""
    [encryption] = stack.of_type("AWS::S3::Bucket")["ExportBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    [use] = [each for each in statements(stack, "ExportRole") if "kms:Decrypt" in as_list(each["Action"])]

    assert encryption["BucketKeyEnabled"] is False
    assert use["Condition"]["StringLike"] == {"kms:EncryptionContext:aws:s3:arn": "leave-ExportBucket.Arn/mailboxes/*"}
    assert use["Condition"]["StringEquals"] == {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}


def test_the_bucket_is_private_versioned_and_only_for_tls(stack: Stack) -> None:
    bucket = stack.of_type("AWS::S3::Bucket")["ExportBucket"]
    [policy] = stack.of_type("AWS::S3::BucketPolicy").values()
    [deny] = policy["PolicyDocument"]["Statement"]

    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_exports_and_their_key_outlive_the_stack_and_nothing_expires_them(stack: Stack) -> None:
    for name in ("ExportBucket", "ExportBucketPolicy", "Key"):
        assert stack.resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert stack.resources[name]["UpdateReplacePolicy"] == "Retain"
    rules = stack.of_type("AWS::S3::Bucket")["ExportBucket"]["LifecycleConfiguration"]["Rules"]
    assert not any("ExpirationInDays" in rule for rule in rules)
    assert [rule["Prefix"] for rule in rules if "NoncurrentVersionExpiration" in rule] == ["manifest.json"]


def test_a_given_key_replaces_that_of_the_stack() -> None:
    stack = export_stack(KmsKeyArn=KEY)

    assert not stack.of_type("AWS::KMS::Key")
    assert stack.variables("ExportFunction")["EXPORT_KEY"] == stack.outputs["KeyArn"] == KEY
    assert {each["Resource"] for each in statements(stack, "ExportRole") if "kms:Decrypt" in as_list(each["Action"])} == {KEY}


def test_the_function_has_only_the_rights_that_it_needs(stack: Stack) -> None:
    organization = f"arn:aws:workmail:eu-west-1:{ACCOUNT}:organization/{ORGANIZATION}"
    reads = ("ListUsers", "ListResources", "GetMailboxDetails", "DescribeMailboxExportJob", "ListMailboxExportJobs")
    bucket = "leave-ExportBucket.Arn"

    assert stack.rights("ExportFunction") == {
        *((f"workmail:{name}", organization) for name in (*reads, "StartMailboxExportJob")),
        ("iam:PassRole", "leave-ExportRole.Arn"),
        ("s3:ListBucket", bucket),
        ("s3:GetObject", f"{bucket}/manifest.json"),
        ("s3:PutObject", f"{bucket}/manifest.json"),
        ("s3:GetObject", f"{bucket}/mailboxes/*"),
        ("kms:Decrypt", "leave-Key.Arn"),
        ("kms:GenerateDataKey", "leave-Key.Arn"),
        ("sns:Publish", TOPIC),
        ("logs:CreateLogStream", "leave-LogGroup.Arn"),
        ("logs:PutLogEvents", "leave-LogGroup.Arn"),
    }


def test_without_a_topic_the_function_may_publish_to_none() -> None:
    assert not any(action.startswith("sns:") for action, _ in export_stack().rights("ExportFunction"))


def test_the_library_reads_each_variable_of_the_function(stack: Stack) -> None:
    variables = stack.variables("ExportFunction") | {
        "EXPORT_BUCKET": "leave-exportbucket-1",
        "EXPORT_ROLE": f"arn:aws:iam::{ACCOUNT}:role/leave-ExportRole",
        "EXPORT_KEY": KEY,
    }
    settings = ExportSettings.from_env(variables)

    assert settings.organization_id == ORGANIZATION
    assert settings.report_topic == TOPIC
    assert all((settings.export_bucket, settings.export_role, settings.export_key))


class TestStateMachine:
    def test_may_call_the_function_and_start_itself(self, stack: Stack) -> None:
        [invoke] = statements(stack, "StateMachineRole")
        [policy] = stack.of_type("AWS::IAM::RolePolicy").values()
        [again] = policy["PolicyDocument"]["Statement"]

        assert (invoke["Action"], invoke["Resource"]) == ("lambda:InvokeFunction", "leave-ExportFunction.Arn")
        assert (again["Action"], again["Resource"]) == ("states:StartExecution", "leave-StateMachine")
        assert policy["RoleName"] == "leave-StateMachineRole"

    def test_gets_the_arn_of_the_function_by_its_substitution(self, stack: Stack) -> None:
        [machine] = stack.of_type("AWS::StepFunctions::StateMachine").values()
        used = set(re.findall(r"\$\{(\w+)\}", json.dumps(DEFINITION)))

        assert machine["DefinitionSubstitutions"] == {"ExportFunctionArn": "leave-ExportFunction.Arn"}
        assert used == set(machine["DefinitionSubstitutions"])

    def test_waits_longer_for_a_task_than_the_function_runs(self, stack: Stack) -> None:
        timeouts = [each["TimeoutSeconds"] for each in DEFINITION["States"].values() if "TimeoutSeconds" in each]

        assert len(timeouts) == 4
        assert min(timeouts) > stack.functions()["ExportFunction"]["Timeout"]

    def test_leads_only_to_states_that_exist_and_reaches_each(self) -> None:
        states = DEFINITION["States"]
        targets = {DEFINITION["StartAt"]}
        for state in states.values():
            targets |= {state[name] for name in ("Next", "Default") if name in state}
            targets |= {each["Next"] for each in state.get("Choices", ())}

        assert targets == states.keys()


def test_alarms_watch_the_metrics_that_are_emitted(stack: Stack) -> None:
    alarms = stack.of_type("AWS::CloudWatch::Alarm")

    failed = alarms["MailboxesFailedAlarm"]
    assert (failed["Namespace"], failed["MetricName"]) == ("WorkMailHooks", Metric.FAILED)
    assert failed["Dimensions"] == [{"Name": "service", "Value": "leave"}, {"Name": "hook", "Value": HOOK}]
    watched = {each["MetricStat"]["Metric"]["MetricName"] for each in alarms["ExecutionFailedAlarm"]["Metrics"] if "MetricStat" in each}
    assert watched == {"ExecutionsFailed", "ExecutionsAborted", "ExecutionsTimedOut"}
    assert all(alarm["AlarmActions"] == [TOPIC] for alarm in alarms.values())


def test_each_parameter_is_described_limited_and_in_one_group_of_the_console() -> None:
    template = read_template(PATH)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])
    assert [name for name, each in template["Parameters"].items() if "Default" not in each] == ["OrganizationId"]
    for parameter in template["Parameters"].values():
        assert parameter["Description"]
        assert parameter.keys() & {"AllowedValues", "AllowedPattern"}
        assert ("ConstraintDescription" in parameter) == ("AllowedPattern" in parameter)


@pytest.mark.parametrize("region, refused", [("us-east-1", 0), ("eu-west-1", 0), ("eu-central-1", 1)])
def test_the_stack_is_only_in_regions_of_workmail(region: str, refused: int) -> None:
    assert len(Stack(read_template(PATH), name="leave", region=region).refused) == refused


@pytest.mark.parametrize("sample", sorted((ROOT / "events/export").glob("*.json")))
def test_the_sample_inputs_are_valid(sample: Any) -> None:
    wanted, again = read_input(json.loads(sample.read_text("utf-8")))
    assert (wanted != [], again) == {"all": (False, False), "again": (False, True), "list": (True, False)}[sample.stem]
