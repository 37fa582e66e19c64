"""Two stacks, and a stack with an own hook, in one account and region: they share no name, log, metric or alarm.

The stacks are also deployed to moto's CloudFormation, which rejects a name that is there already. Resources that it does not have are left
out: aliases and their permissions, event invoke configurations, alarms, dashboards, and those of CodeDeploy.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.cloudformation.parsing import get_model_map

from tests.infrastructure.stack import REGION, ROOT, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING
from tests.support.moto_account import use_moto_account

LAYER = f"arn:aws:lambda:{REGION}:123456789012:layer:mail-mailhooks:1"


def own_hook(layer: str = LAYER) -> Stack:
    return Stack(read_template(ROOT / "samples/own-hook/template.yaml"), name="own-hook", MailhooksLayerArn=layer)


STACKS = [Stack(**EVERYTHING), Stack(name="imprint", **EVERYTHING), own_hook()]

WITHOUT_HOLD = {**EVERYTHING, "PolicyNeeds": "counting,directory", "ApprovalSender": ""}
"""moto's CloudFormation has neither function URLs nor secrets, so that it could deploy neither the approval page nor mailflow."""


class TestNames:
    def test_are_different(self) -> None:
        """A resource's own name is a property such as LogGroupName or LayerName, or generated from the name of the stack."""
        names = [{(kind, name) for kind, name in _own_names(stack)} for stack in STACKS]

        assert names[0]
        assert not names[0] & names[1]
        assert not (names[0] | names[1]) & names[2]

    def test_are_not_exported(self) -> None:
        assert not [output for stack in STACKS for output in stack.translated["Outputs"].values() if "Export" in output]

    def test_separate_the_logs(self) -> None:
        groups = {f["LoggingConfig"]["LogGroup"] for stack in STACKS for f in stack.functions().values()}

        assert groups == {"mail-LogGroup", "imprint-LogGroup", "own-hook-LogGroup"}

    def test_separate_the_metrics(self) -> None:
        services = {stack.variables(name)["POWERTOOLS_SERVICE_NAME"] for stack in STACKS for name in stack.functions()}

        assert services == {"mail", "imprint", "own-hook"}

    @pytest.mark.parametrize("kind", ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter"])
    def test_separate_what_watches_them(self, kind: str) -> None:
        first, second = (stack.of_type(kind) for stack in STACKS[:2])

        assert first.keys() == second.keys()
        for name in first:
            # WorkMail's own metrics have no dimension: each stack watches them.
            if "AWS/WorkMail" not in json.dumps(first[name]) or kind != "AWS::CloudWatch::Alarm":
                assert first[name] != second[name], name
            # The only difference is the name of the stack.
            assert json.loads(json.dumps(second[name]).replace("imprint", "mail")) == first[name], name


@pytest.fixture
def cloudformation() -> Iterator[Any]:
    """A client of moto's CloudFormation, with the packages of the functions and layers in its S3."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "")
    with use_moto_account(REGION):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="packages", CreateBucketConfiguration={"LocationConstraint": REGION})
        for folder in ("hook", *(f"{each.parent.name}/{each.name}" for top in ("functions", "layers") for each in (ROOT / top).iterdir())):
            s3.put_object(Bucket="packages", Key=folder, Body=package.getvalue())
        yield boto3.client("cloudformation")
        # The names of buckets are common to all accounts.
        bucket = boto3.resource("s3").Bucket("packages")
        bucket.objects.delete()
        bucket.delete()


def deploy(cloudformation: Any, stack: Stack) -> dict[str, str]:
    """Deploy a stack and return its outputs."""
    template = stack.decided()
    missing = {name for name, each in stack.resources.items() if each["Type"] not in get_model_map()}
    while missing:  # and what refers to a missing resource
        parts = [(section, name) for section in ("Resources", "Outputs") for name in template[section]]
        words = {(section, name): set(re.findall(r"\w+", json.dumps({name: template[section][name]}))) for section, name in parts}
        gone = [part for part in parts if words[part] & missing]
        for section, name in gone:
            del template[section][name]
        missing = {name for section, name in gone if section == "Resources" and name not in missing}
    cloudformation.create_stack(
        StackName=stack.name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in stack.parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    [found] = cloudformation.describe_stacks(StackName=stack.name)["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}


class TestDeployedToMoto:
    def test_two_stacks_and_an_own_hook_fit_in_one_account(self, cloudformation: Any) -> None:
        first, second = (deploy(cloudformation, Stack(name=name, **WITHOUT_HOLD)) for name in ("mail", "imprint"))
        deploy(cloudformation, own_hook(first["MailhooksLayerArn"]))

        assert {name for name in first if first[name] == second[name]} <= {"Version"}
        functions = {each["FunctionName"] for each in boto3.client("lambda").list_functions()["Functions"]}
        assert len(functions) == 2 * len(Stack(**WITHOUT_HOLD).functions()) + 1
        groups = {each["logGroupName"] for each in boto3.client("logs").describe_log_groups()["logGroups"]}
        assert groups >= {"/aws/lambda/mail", "/aws/lambda/imprint", "/aws/lambda/own-hook"}
        assert len(boto3.client("s3").list_buckets()["Buckets"]) == 2 + 1

    def test_a_stack_is_deleted_without_the_other(self, cloudformation: Any) -> None:
        for name in ("mail", "imprint"):
            deploy(cloudformation, Stack(name=name, **WITHOUT_HOLD))
        cloudformation.delete_stack(StackName="imprint")

        functions = [each["FunctionName"] for each in boto3.client("lambda").list_functions()["Functions"]]
        assert len(functions) == len(Stack(**WITHOUT_HOLD).functions())
        assert all(each.startswith("mail-") for each in functions)

    def test_an_availability_provider_alone_is_deployed(self, cloudformation: Any) -> None:
        outputs = deploy(cloudformation, Stack(Functions="none", AvailabilitySecretArn=EVERYTHING["AvailabilitySecretArn"]))

        assert outputs["LogGroupName"] == "/aws/lambda/mail"
        assert len(boto3.client("s3").list_buckets()["Buckets"]) == 1  # that of the packages


def _own_names(stack: Stack) -> Iterator[tuple[str, str]]:
    for resource in stack.resources.values():
        kind = resource["Type"].rpartition("::")[2]
        for name, value in resource["Properties"].items():
            if name in (f"{kind}Name", "LayerName", "Name", "FilterName") and resource["Type"] != "AWS::Lambda::Alias":
                yield kind, str(value)
