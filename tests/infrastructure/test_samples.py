"""The templates of the samples."""

from typing import Any

import pytest

from tests.infrastructure.stack import ACCOUNT, ROOT, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING
from tests.infrastructure.test_side_by_side import own_hook
from tests.monitoring.stacks import organization_stack


class TestOwnHook:
    def test_is_run_by_its_alias_for_this_organization(self) -> None:
        stack = own_hook()
        [permission] = stack.of_type("AWS::Lambda::Permission").values()

        assert stack.outputs == {"HookArn": "own-hook-HookAliaslive"} == {"HookArn": permission["FunctionName"]}
        assert permission["SourceArn"] == Stack(Functions="bounce").resources["BouncePermission"]["Properties"]["SourceArn"]

    def test_uses_the_layer_and_the_runtime_of_the_other_stack(self) -> None:
        hook, function = own_hook().functions()["Hook"], Stack().functions()["MailflowFunction"]

        assert hook["Layers"] == [own_hook().parameters["MailhooksLayerArn"]]
        assert {name: hook[name] for name in ("Runtime", "Handler", "Timeout")} == {
            name: function[name] for name in ("Runtime", "Handler", "Timeout")
        }

    def test_gets_a_new_version_with_a_new_layer(self) -> None:
        before, after = (own_hook(f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:mail-mailhooks:{number}") for number in (1, 2))

        assert before.version("Hook") != after.version("Hook")

    def test_may_do_nothing_but_log(self) -> None:
        assert own_hook().rights("Hook") == set()


class TestNodeHook:
    @pytest.fixture
    def stack(self) -> Stack:
        return Stack(read_template(ROOT / "samples/node-hook/template.yaml"), name="node-hook")

    def test_is_run_by_its_alias_for_this_organization(self, stack: Stack) -> None:
        [permission] = stack.of_type("AWS::Lambda::Permission").values()

        assert stack.outputs == {"HookArn": "node-hook-MarkFunctionAliaslive"} == {"HookArn": permission["FunctionName"]}
        assert permission["SourceArn"] == Stack(Functions="bounce").resources["BouncePermission"]["Properties"]["SourceArn"]

    def test_may_read_and_replace_messages_and_nothing_else(self, stack: Stack) -> None:
        actions = {action for action, *_ in stack.rights("MarkFunction")}

        assert actions == {"workmailmessageflow:GetRawMessageContent", "workmailmessageflow:PutRawMessageContent", "s3:PutObject"}

    def test_keeps_changed_messages_as_the_stack_of_this_project_does(self, stack: Stack) -> None:
        [bucket], [main] = (each.of_type("AWS::S3::Bucket").values() for each in (stack, Stack(Functions="rewrite")))

        assert bucket["LifecycleConfiguration"] == main["LifecycleConfiguration"]
        assert bucket["PublicAccessBlockConfiguration"] == main["PublicAccessBlockConfiguration"]
        assert bucket["VersioningConfiguration"] == main["VersioningConfiguration"]


class TestEncryptionKey:
    @pytest.fixture
    def statements(self) -> dict[str, Any]:
        return self.read_statements()

    @staticmethod
    def read_statements(**parameters: str) -> dict[str, Any]:
        stack = Stack(read_template(ROOT / "samples/encryption-key/template.yaml"), name="key", StackName="mail", **parameters)
        [key] = stack.of_type("AWS::KMS::Key").values()
        assert key["EnableKeyRotation"] is True
        return {each["Sid"]: each for each in key["KeyPolicy"]["Statement"]}

    def test_lets_no_service_use_it_without_a_condition(self, statements: dict[str, Any]) -> None:
        account = statements.pop("Account")

        assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert all(each["Condition"] and each["Principal"].keys() == {"Service"} for each in statements.values())
        assert {each["Effect"] for each in statements.values()} == {"Allow"}

    def test_lets_workmail_read_what_the_bucket_policy_lets_it_read(self, statements: dict[str, Any]) -> None:
        key = statements["WorkMailReadsRewrittenMessages"]
        [policy] = Stack(**EVERYTHING).of_type("AWS::S3::BucketPolicy").values()
        bucket = policy["PolicyDocument"]["Statement"][1]

        assert key["Principal"] == bucket["Principal"]
        assert key["Action"] == "kms:Decrypt"
        assert key["Condition"]["StringEquals"]["aws:SourceAccount"] == bucket["Condition"]["StringEquals"]["aws:SourceAccount"]

    def test_lets_the_log_service_use_it_for_the_log_group_of_the_stack(self, statements: dict[str, Any]) -> None:
        group = Stack(name="mail").of_type("AWS::Logs::LogGroup")["LogGroup"]["LogGroupName"]

        assert statements["LogGroups"]["Condition"] == {
            "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{group}"]}
        }

    def test_lets_the_log_service_use_it_for_the_audit_logs_of_the_organizations_stack_if_it_is_named(self) -> None:
        group = organization_stack("company").of_type("AWS::Logs::LogGroup")["AuditLogGroup"]["LogGroupName"]
        condition = self.read_statements(OrganizationStackName="company")["LogGroups"]["Condition"]["ArnEquals"]

        assert condition["kms:EncryptionContext:aws:logs:arn"][1:] == [f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{group}"]

    def test_stays_when_its_stack_is_deleted(self) -> None:
        key = read_template(ROOT / "samples/encryption-key/template.yaml")["Resources"]["Key"]

        assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
