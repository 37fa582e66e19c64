"""`doctor` with partial rights, throttling, time-outs and bad credentials: one row for each check that could not be made, and no crash."""

import os
from pathlib import Path

import pytest
from botocore.config import Config

from tests.integration.workmail_local.doctor.conftest import Run
from tests.support.deployed_account import Deployment
from workmail_local.cli.main import main
from workmail_local.doctor import account
from workmail_local.doctor.reads import READS

SIGNED = {"cloudwatch": "monitoring"}
"""Services that sign by another name than boto3's."""

SERVICES = sorted({operation.partition(".")[0] for operation in READS} - {"sts"})
POLICY = "version: 1\nrules:\n  - {name: Junk, when: {direction: inbound}, do: [junk]}\n"
DENIALS = {"iam": "AccessDenied", "cloudformation": "AccessDenied", "s3": "AccessDenied", "sns": "AuthorizationError"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits and leave out the retries."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
    monkeypatch.setattr(account, "_QUICK", config)


@pytest.mark.parametrize("service", SERVICES)
def test_a_denied_service_leaves_its_checks_open_and_names_the_missing_rights(deployment: Deployment, run: Run, service: str) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/1"
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]}
    if service == "kms":
        deployment.aws.do("s3.put_bucket_encryption", Bucket=deployment.bucket, ServerSideEncryptionConfiguration=encryption)
    sources = {"ssm": "ssm:/mail/policy", "appconfig": "appconfig:a/b/c"}
    variables = {"POLICY": sources[service]} if service in sources else {}
    if service == "dynamodb":
        deployment.aws.do("ssm.put_parameter", Name="/empty", Value=POLICY, Type="String", Overwrite=True)
        variables = {"POLICY": "ssm:/empty", "RATES_TABLE": "counts"}
    deployment.set_variables("mailflow", **variables)
    deployment.aws.errors[SIGNED.get(service, service), ""] = (403, DENIALS.get(service, "AccessDeniedException"))
    report = run()
    open_rows = [row for row in report.rows if row["status"] == "unchecked"]
    assert report.code == 0
    assert {status for _, _, status in report.list_problems()} == {"unchecked"}
    actions = {action for operation, action in READS.items() if operation.startswith(f"{service}.")}
    assert all(any(action in row["found"] and action in row["mend"] for action in actions) for row in open_rows)


def test_without_any_right_each_check_is_open(deployment: Deployment, run: Run) -> None:
    for service in SERVICES:
        deployment.aws.errors[SIGNED.get(service, service), ""] = (403, DENIALS.get(service, "AccessDeniedException"))
    report = run("--function", deployment.arn("rewrite"), "--organization-id", deployment.organization)
    assert report.code == 0
    assert {row["status"] for row in report.rows if row["topic"] not in {"Account"}} == {"unchecked"}
    assert {row["topic"] for row in report.rows} >= {
        "Organization",
        f"Function {deployment.name('rewrite')}",
        "Rewrite bucket",
        "Logs",
        "Quotas",
    }


def test_a_throttled_call_is_reported_with_the_time_to_wait(deployment: Deployment, run: Run, quick: None) -> None:
    deployment.aws.errors["lambda", "account-settings"] = (429, "TooManyRequestsException")
    report = run()
    assert report.list_problems() == {("Quotas", "concurrency", "unchecked")}
    row = report.find("Quotas", "concurrency", "unchecked")
    assert (row["found"], row["mend"]) == ("AWS throttles lambda:GetAccountSettings", "Run the command again in a minute.")


def test_an_error_of_a_service_is_reported_by_its_code_without_its_text(deployment: Deployment, run: Run, quick: None) -> None:
    deployment.aws.errors["logs", "DescribeDeliverySources"] = (500, "InternalServerException")
    report = run()
    assert report.list_problems() == {("Logs", "audit logs", "unchecked")}
    assert report.find("Logs", "audit logs", "unchecked")["found"] == "logs:DescribeDeliverySources answers InternalServerException"
    assert "ana@" not in str(report.rows)


def test_a_service_without_an_answer_is_asked_once(deployment: Deployment, run: Run, quick: None) -> None:
    deployment.aws.slow.add("sqs")
    deployment.aws.resources.append(("AWS::SQS::Queue", "Second", f"{deployment.queue}-2"))
    report = run()
    assert report.list_problems() == {("Alarms", "dead letters", "unchecked")}
    assert "no answer from sqs in us-east-1 (ReadTimeoutError)" in report.find("Alarms", "dead letters", "unchecked")["found"]
    assert [service for service, _ in deployment.aws.calls].count("sqs") == 1


def test_no_call_is_made_after_the_time_of_the_command(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    asking = account.Account(clock=lambda: now)
    asking.call("sts.get_caller_identity")
    now = account.BUDGET_S + 1
    with pytest.raises(account.CannotCheck, match="120 seconds are over"):
        asking.call("lambda.get_account_settings")
    assert [service for service, _ in deployment.aws.calls] == ["sts"]


def test_an_operation_that_is_not_listed_is_never_called(deployment: Deployment) -> None:
    with pytest.raises(KeyError):
        account.Account().call("lambda.delete_function", FunctionName=deployment.name("rewrite"))
    assert deployment.aws.calls == []


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"])
def test_credentials_that_aws_does_not_accept_end_the_command(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    deployment.aws.errors["sts", ""] = (403, code)
    assert main(["doctor"]) == 2
    assert code in capsys.readouterr().err


def test_credentials_that_expire_during_the_checks_end_the_command(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.aws.errors["logs", ""] = (400, "ExpiredTokenException")
    assert main(["doctor"]) == 2
    assert "sign in" in capsys.readouterr().err


def test_missing_credentials_end_the_command(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in [each for each in os.environ if each.startswith(("AWS_CONTAINER", "AWS_WEB_IDENTITY", "AWS_SESSION"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["doctor"]) == 2
    assert "sign in" in capsys.readouterr().err


def test_a_missing_region_ends_the_command(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert main(["doctor"]) == 2
    assert "--region" in capsys.readouterr().err


def test_a_network_without_aws_ends_the_command(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["doctor"]) == 2
    assert "no answer from sts" in capsys.readouterr().err


def test_a_malformed_arn_ends_the_command(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--function", "rewrite"]) == 2
    assert "arn:aws:lambda" in capsys.readouterr().err


def test_a_malformed_id_of_an_organization_ends_the_command(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--organization-id", "m-123"]) == 2
    assert "32 hexadecimal digits" in capsys.readouterr().err
    assert [service for service, _ in deployment.aws.calls if service == "workmail"] == []


def test_a_name_that_aws_cannot_have_is_reported(deployment: Deployment, run: Run) -> None:
    deployment.set_variables("mailflow", POLICY="s3://not a bucket/policy.yaml")
    report = run()
    assert report.list_problems() == {("Policy", "policy", "unchecked")}
    assert report.find("Policy", "policy", "unchecked")["found"] == "a name is malformed for s3:GetObject"


def test_without_an_answer_who_calls_the_command_ends_with_the_next_step(
    deployment: Deployment, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.aws.errors["sts", ""] = (500, "InternalFailure")
    assert main(["doctor"]) == 2
    printed = capsys.readouterr().err
    assert "AWS does not answer who you are: " in printed
    assert printed.strip().endswith("Then try: aws sts get-caller-identity")


def test_a_sign_in_that_expired_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = ("sso_start_url = https://example.com", "sso_region = us-east-1", "sso_account_id = 111122223333", "sso_role_name = mail")
    (tmp_path / "config").write_text("\n".join(["[profile mail]", "region = us-east-1", *settings]))
    for name, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "mail", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor"]) == 2
    assert "aws sso login" in capsys.readouterr().err
