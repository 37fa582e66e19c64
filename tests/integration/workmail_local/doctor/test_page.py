"""docs/doctor.md has the output of a run, and the policy that allows exactly the calls of `doctor`."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.client
import pytest

from tests.integration.workmail_local.doctor.conftest import Run
from tests.support.deployed_account import Deployment
from workmail_local.cli.main import main
from workmail_local.doctor.reads import READS

PAGE = Path(__file__).parents[4] / "docs" / "doctor.md"
READING = ("Get", "List", "Describe", "Simulate", "Test")


def _list_blocks(language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [content for found, content in blocks if found == language]


def test_the_sample_is_the_output_of_a_run(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    aws = deployment.aws
    aws.workmail["DescribeInboundDmarcSettings"] = {"Enforced": False}
    aws.errors["lambda", f"{deployment.name('rewrite')}/policy"] = (404, "ResourceNotFoundException")
    deployment.set_variables("rewrite", "?Qualifier=live", SUBJECT_TAG="[OLD]")
    aws.topics[deployment.topic] = {"SubscriptionsConfirmed": "0", "SubscriptionsPending": "1"}
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out.replace(aws.number, "111122223333")
    topics = re.split(r"^(?=\S)", printed, flags=re.MULTILINE)
    shown = "".join(each for each in topics if each.startswith(("Organization", "Function rewrite", "Alarms")))
    assert _list_blocks("")[0] == shown


def test_the_policy_allows_exactly_the_listed_operations() -> None:
    (document,) = map(json.loads, _list_blocks("json"))
    (statement,) = document["Statement"]
    # AWS answers GetCallerIdentity without a right.
    assert statement["Action"] == sorted({*READS.values()} - {"sts:GetCallerIdentity"})


def test_each_operation_reads() -> None:
    assert all(action.partition(":")[2].startswith(READING) for action in READS.values())


def test_each_listed_operation_is_called_and_no_other(
    deployment: Deployment, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: set[str] = set()
    call = botocore.client.BaseClient._make_api_call

    def record(client: Any, operation: str, parameters: Any) -> Any:
        if client is not None and client.meta.config.read_timeout in {10, 60} and client.meta.config.connect_timeout == 3:
            called.add(f"{client.meta.service_model.service_name}.{botocore.xform_name(operation)}")
        return call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record)
    aws = deployment.aws
    run("--test-availability")
    run("--function", deployment.arn("rewrite"))
    # The policies of the role are read if the simulation is denied, and a KMS key and a table only if there is one.
    aws.errors["iam", "SimulatePrincipalPolicy"] = (403, "AccessDenied")
    key = aws.do("kms.create_key")["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    aws.do("s3.put_bucket_encryption", Bucket=deployment.bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    aws.do("s3.create_bucket", Bucket=f"page-{aws.number}")
    text = b"version: 1\nrules:\n  - {name: Junk, when: {direction: inbound}, do: [junk]}\n"
    aws.do("s3.put_object", Bucket=f"page-{aws.number}", Key="policy.yaml", Body=text)
    aws.do("ssm.put_parameter", Name="/page", Value=text.decode(), Type="String")
    application = aws.do("appconfig.create_application", Name="page")["Id"]
    profile = aws.do("appconfig.create_configuration_profile", ApplicationId=application, Name="policy", LocationUri="hosted")["Id"]
    aws.do(
        "appconfig.create_hosted_configuration_version",
        ApplicationId=application,
        ConfigurationProfileId=profile,
        Content=text,
        ContentType="text/yaml",
    )
    aws.deployments = [{"DeploymentNumber": 1, "ConfigurationName": "policy", "ConfigurationVersion": "1", "State": "COMPLETE"}]
    for source in (f"s3://page-{aws.number}/policy.yaml", "ssm:/page", f"appconfig:{application}/abc1234/{profile}"):
        deployment.set_variables("mailflow", POLICY=source, RATES_TABLE="counts")
        run()
    assert called == set(READS)
