"""The resources of the stack apart from functions and roles: bucket, table, queue, log group, layers, and their encryption."""

import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from mailhooks.aws.hold_table import HoldKey, HoldTable
from mailhooks.aws.rate_counter import DynamoRates
from mailhooks.contract.limits import BUCKET_PATTERN
from mailhooks.core.holds.approval_links import Link, make_link, read_link
from mailhooks.deadline import Deadline
from tests.infrastructure.stack import ROOT, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING
from tests.support.moto_account import use_moto_account

KEY = str(EVERYTHING["KmsKeyArn"])
LAYERS = ["MailhooksLayer", "AvailabilityLayer"]


def only(kind: str, **parameters: Any) -> Any:
    """Return the properties of a stack's only resource of a type."""
    [found] = Stack(**{**EVERYTHING, "PolicyNeeds": "counting", "ApprovalSender": "", "KmsKeyArn": "", **parameters}).of_type(kind).values()
    return found


class TestEncryption:
    """With and without a customer managed key, nothing with mail or addresses is stored in clear."""

    def test_of_the_bucket(self) -> None:
        def rule(**parameters: str) -> Any:
            [found] = only("AWS::S3::Bucket", **parameters)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            return found

        assert rule()["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert rule(KmsKeyArn=KEY) == {
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
            "BucketKeyEnabled": True,
        }

    def test_of_the_table(self) -> None:
        assert only("AWS::DynamoDB::Table")["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        assert only("AWS::DynamoDB::Table", KmsKeyArn=KEY)["SSESpecification"]["KMSMasterKeyId"] == KEY

    def test_of_the_table_and_the_secret_of_held_mail(self) -> None:
        for key in ("", KEY):
            stack = Stack(PolicyNeeds="hold", KmsKeyArn=key)
            [table], [secret] = (stack.of_type(kind).values() for kind in ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"))

            assert table["SSESpecification"].get("KMSMasterKeyId", "") == secret.get("KmsKeyId", "") == key
            assert table["SSESpecification"]["SSEEnabled"]

    def test_of_the_queue(self) -> None:
        assert only("AWS::SQS::Queue") == {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 24 * 60 * 60}
        assert only("AWS::SQS::Queue", KmsKeyArn=KEY) == {"KmsMasterKeyId": KEY, "MessageRetentionPeriod": 14 * 24 * 60 * 60}

    def test_of_the_log(self) -> None:
        assert "KmsKeyId" not in only("AWS::Logs::LogGroup")
        assert only("AWS::Logs::LogGroup", KmsKeyArn=KEY)["KmsKeyId"] == KEY

    def test_the_functions_that_store_something_may_use_the_key(self) -> None:
        stack = Stack(**EVERYTHING)
        uses = {name: sorted(action for action, resource in stack.rights(name) if resource == KEY) for name in stack.functions()}

        assert (
            uses.items()
            >= {
                "MailflowFunction": ["kms:Decrypt", "kms:GenerateDataKey"],
                "RewriteFunction": ["kms:Decrypt", "kms:GenerateDataKey"],
                "DisclaimerFunction": ["kms:Decrypt", "kms:GenerateDataKey"],
                "BounceFunction": [],
                "ObserveFunction": ["kms:Decrypt", "kms:GenerateDataKey"],
                "AvailabilityFunction": ["kms:Decrypt"],
                "ApproveFunction": ["kms:Decrypt"],
            }.items()
        )


class TestRewriteBucket:
    def test_is_versioned_and_closed_to_the_public(self) -> None:
        bucket = only("AWS::S3::Bucket")

        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(
            ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True
        )

    def test_deletes_versions_markers_and_partial_uploads_after_a_day(self) -> None:
        expiry, markers = only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

        assert expiry["Status"] == markers["Status"] == "Enabled"
        assert expiry["ExpirationInDays"] == 1
        assert expiry["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
        assert expiry["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert markers["ExpiredObjectDeleteMarker"] is True
        assert {"Prefix", "Filter", "TagFilters"}.isdisjoint(expiry.keys() | markers.keys())

    def test_has_a_generated_name_that_workmail_accepts(self) -> None:
        assert "BucketName" not in only("AWS::S3::Bucket")
        assert BUCKET_PATTERN.fullmatch("workmail-hooks-rewritebucket-a1b2c3d4e5f6")


class TestRates:
    def test_works_with_the_library(self) -> None:
        table = only("AWS::DynamoDB::Table")
        with use_moto_account("eu-west-1"):
            boto3.client("dynamodb").create_table(
                TableName="rates", **{name: table[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")}
            )
            rates = DynamoRates("rates")
            counted = [
                rates.increment("joerg@example.net", each, window_s=60, limit=5, deadline=Deadline.after(10)) for each in ("1", "2", "2")
            ]

        assert counted == [1, 2, 2]

    def test_is_paid_by_request_and_deletes_expired_items(self) -> None:
        table = only("AWS::DynamoDB::Table")

        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}

    @pytest.mark.parametrize("parameters,exists", [({}, False), ({"PolicyNeeds": "none"}, False), ({"PolicyNeeds": "counting"}, True)])
    def test_exists_only_if_the_policy_counts(self, parameters: dict[str, str], exists: bool) -> None:
        stack = Stack(**parameters)

        assert ("MailflowRates" in stack.resources) == ("RatesTableName" in stack.outputs) == exists

    def test_is_not_needed_by_other_functions(self) -> None:
        assert "MailflowRates" not in Stack(Functions="rewrite", PolicyNeeds="counting").resources


class TestHolds:
    def test_the_table_and_the_secret_work_with_the_library(self) -> None:
        stack = Stack(PolicyNeeds="hold")
        [table] = stack.of_type("AWS::DynamoDB::Table").values()
        [secret] = stack.of_type("AWS::SecretsManager::Secret").values()
        with use_moto_account("eu-west-1"):
            boto3.client("dynamodb").create_table(
                TableName="holds", **{name: table[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")}
            )
            random = boto3.client("secretsmanager").get_random_password(**secret["GenerateSecretString"])["RandomPassword"]
            read = HoldTable("holds").read(HoldKey("a", "b"), Deadline.after(10))

        token = make_link("https://example.com/", random, ("a", "b"), 0, 1).partition("=")[2]
        assert (read, read_link(token, random)) == (None, Link(("a", "b"), 0, 1))
        assert len(random) == 64

    def test_the_table_is_paid_by_request_and_deletes_expired_items(self) -> None:
        table = only("AWS::DynamoDB::Table", PolicyNeeds="hold")

        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}

    @pytest.mark.parametrize("parameters", [{}, {"PolicyNeeds": "counting,directory"}, {"Functions": "rewrite", "PolicyNeeds": "hold"}])
    def test_nothing_of_it_exists_unless_mailflow_holds_mail(self, parameters: dict[str, str]) -> None:
        stack = Stack(**parameters)

        assert stack.functions().keys().isdisjoint({"ApproveFunction"})
        assert {"MailflowHolds", "ApprovalSecret", "ApproveFunctionUrl"}.isdisjoint(stack.resources)
        assert {"HoldsTableName", "ApprovalUrl"}.isdisjoint(stack.outputs)

    def test_a_flood_of_requests_to_the_page_cannot_use_up_the_concurrency_of_mail(self) -> None:
        for reserved in (0, 50):
            approve = Stack(PolicyNeeds="hold", ReservedConcurrency=reserved).functions()["ApproveFunction"]
            assert int(approve["ReservedConcurrentExecutions"]) <= 5

    def test_the_page_is_at_the_alias_so_that_a_gradual_deployment_applies_to_it(self) -> None:
        [url] = Stack(PolicyNeeds="hold").of_type("AWS::Lambda::Url").values()

        assert url == {"AuthType": "NONE", "TargetFunctionArn": "mail-ApproveFunctionAliaslive"}


def test_nothing_with_mail_or_addresses_outlives_the_stack() -> None:
    for name, resource in read_template()["Resources"].items():
        if resource["Type"] in (
            "AWS::S3::Bucket",
            "AWS::DynamoDB::Table",
            "AWS::SecretsManager::Secret",
            "AWS::SQS::Queue",
            "AWS::Logs::LogGroup",
        ):
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Delete", "Delete"), name


@pytest.mark.parametrize("name", LAYERS)
class TestEachLayer:
    def test_is_built_by_its_makefile_for_both_processors(self, name: str) -> None:
        layer = read_template()["Resources"][name]

        assert layer["Metadata"]["BuildMethod"] == "makefile"
        assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
        assert layer["Properties"]["CompatibleArchitectures"] == read_template()["Parameters"]["Architecture"]["AllowedValues"]
        assert f"build-{name}:" in (_folder(name) / "Makefile").read_text("utf-8")

    def test_has_the_package_versions_of_the_tests(self, name: str) -> None:
        carried = _pins(_folder(name) / "requirements.txt")

        assert carried
        assert carried <= _pins(ROOT / "requirements-dev.txt")

    def test_pins_its_packages_by_hash(self, name: str) -> None:
        lines = (_folder(name) / "requirements.txt").read_text("utf-8").splitlines()

        assert all(re.match(r"[a-z0-9.-]+==\S+ \\$|    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in lines)


def test_the_availability_layer_has_all_its_packages() -> None:
    carried = {pin.partition("==")[0] for pin in _pins(_folder("AvailabilityLayer") / "requirements.txt")}

    # boto3 needs it too, so the runtime has it in some version.
    assert "urllib3" in carried
    assert {"boto3", "botocore"}.isdisjoint(carried)


def test_the_mailhooks_layer_has_the_botocore_whose_data_are_cut() -> None:
    carried = {pin.partition("==")[0] for pin in _pins(_folder("MailhooksLayer") / "requirements.txt")}

    # boto3 as well: that of the runtime may not fit this botocore.
    assert {"boto3", "botocore"} <= carried


def _folder(layer: str) -> Path:
    return ROOT / str(read_template()["Resources"][layer]["Properties"]["ContentUri"])


def _pins(path: Path) -> set[str]:
    """Return the packages of a requirements file, as `name==version`."""
    return set(re.findall(r"^[a-z0-9.-]+==[^\s;]+", path.read_text("utf-8"), re.MULTILINE))
