"""`workmail-hooks export` against a stack: CloudFormation, Step Functions and S3 of moto, and the local WorkMail."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailhooks.mailbox_export import exporter
from tests.support.mailbox_export import Clock, Company, run_company
from workmail_local.aws.export_jobs import Outcome
from workmail_local.cli.main import main
from workmail_local.workmail import LocalWorkMail

MACHINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def workmail(clock: Clock) -> Iterator[LocalWorkMail]:
    with LocalWorkMail(clock=clock) as wm:
        yield wm


@pytest.fixture
def company(workmail: LocalWorkMail, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    with run_company(workmail, clock) as company:
        moto = workmail.environment["AWS_ENDPOINT_URL_S3"]
        for name in ("CLOUDFORMATION", "SFN"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", moto)
        deploy(workmail, company)
        yield company


def deploy(workmail: LocalWorkMail, company: Company) -> None:
    """Create a stack with the outputs of export/template.yaml, named as the bucket."""
    with closing(make_client(workmail, "stepfunctions")) as states, closing(make_client(workmail, "cloudformation")) as formation:
        role = "arn:aws:iam::123456789012:role/states"
        machine = states.create_state_machine(name=company.bucket, definition=json.dumps(MACHINE), roleArn=role)["stateMachineArn"]
        outputs = {"BucketName": company.bucket, "OrganizationId": workmail.organization.id, "StateMachineArn": machine}
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        formation.create_stack(StackName=company.bucket, TemplateBody=json.dumps(template))


def make_client(workmail: LocalWorkMail, service: str) -> Any:
    """Return a client of a service of moto."""
    from workmail_local.aws_client import create_client

    return create_client(service, workmail.environment["AWS_ENDPOINT_URL_S3"])


def run(company: Company, *arguments: str) -> int:
    return main(["export", "--stack", company.bucket, *arguments])


def test_an_export_is_started_once_with_the_chosen_mailboxes(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(company, "--mailbox", "ana@example.com", "--again") == 0
    assert "Started (" in capsys.readouterr().out
    assert run(company) == 1
    assert "runs already" in capsys.readouterr().out

    with closing(make_client(company.workmail, "stepfunctions")) as states:
        machines = states.list_state_machines()["stateMachines"]
        [machine] = [each["stateMachineArn"] for each in machines if each["name"] == company.bucket]
        [execution] = states.list_executions(stateMachineArn=machine)["executions"]
        document = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert document == {"mailboxes": ["ana@example.com"], "again": True}


def test_a_dry_run_shows_order_sizes_and_reasons_and_starts_nothing(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = company.add_users(2)
    for entity, size in ((small, 20.0), (large, 3_000.0)):
        found = company.workmail.organization.find(entity)
        assert found is not None
        found.size_mb = size
    company.workmail.organization.add_user("system@example.com", role="SYSTEM_USER")

    assert run(company, "--dry-run") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["user001@example.com", "user000@example.com", "system@example.com"]
    assert "3.0 GB" in lines[1]
    assert "skipped: a system user" in lines[3]
    assert lines[4] == "2 mailboxes, 3.0 GB: 1 round of 10 jobs at once, the largest first."
    assert company.workmail.exports.jobs == []


def test_the_status_shows_each_mailbox_and_an_estimate(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    company.add_users(12)
    company.workmail.exports.duration_s = 600
    company.handler({"task": "plan", "execution": "e", "input": {}})
    company.handler({"task": "step", "steps": 0})
    company.clock.pass_time(300)
    company.handler({"task": "step", "steps": 1})
    capsys.readouterr()

    assert run(company, "--status") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["user000@example.com", "running", "0", "bytes", "50%"]
    assert "12 mailboxes: 10 running, 2 pending" in lines[-2]
    assert "42%" in lines[-2]
    assert lines[-1] == "No execution runs: workmail-hooks export continues it."


def test_the_estimate_counts_only_the_time_of_jobs(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    company.add_users(1)
    company.workmail.exports.duration_s = 600
    company.run()
    company.clock.pass_time(30 * 86_400)
    company.workmail.organization.add_user("new@example.com")
    company.handler({"task": "plan", "execution": "later", "input": {}})
    capsys.readouterr()

    assert run(company, "--status") == 0
    assert "50%, about 10 minutes left" in capsys.readouterr().out


def test_the_status_of_a_finished_export_fails_if_mailboxes_are_missing(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    _, bad = company.add_users(2)
    company.workmail.exports.plan_outcomes(bad, Outcome.CANCELLED)
    company.run()
    capsys.readouterr()

    assert run(company, "--status") == 1

    lines = capsys.readouterr().out.splitlines()
    assert "the job was cancelled by another program or administrator" in lines[1]
    assert lines[-1] == "2 mailboxes: 1 cancelled, 1 exported; 22 bytes exported; done"


class TestFiles:
    def test_are_downloaded_once_and_verified(self, company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        company.add_users(2)
        company.run()
        target = tmp_path / "mail"

        assert run(company, "--download", str(target)) == 0
        files = sorted(target.iterdir())
        assert [file.name for file in files] == ["user000@example.com.zip", "user001@example.com.zip"]
        file = company.find("user000@example.com").file
        assert file is not None
        assert files[0].read_bytes() == company.read_object(file.key)
        written = files[0].stat().st_mtime_ns
        files[1].write_bytes(b"half")
        assert run(company, "--download", str(target)) == 0
        assert files[0].stat().st_mtime_ns == written
        assert files[1].read_bytes() != b"half"
        capsys.readouterr()
        assert run(company, "--verify") == 0
        assert capsys.readouterr().out.count("matches the report of the job") == 2

    def test_of_mailboxes_with_one_name_are_two_files(self, company: Company, tmp_path: Path) -> None:
        entities = [company.workmail.organization.add_user(address) for address in ("an'a@example.com", "an_a@example.com")]
        company.run()

        assert run(company, "--download", str(tmp_path)) == 0
        assert {each.name for each in tmp_path.iterdir()} == {f"an_a@example.com.{entity}.zip" for entity in entities}

    def test_that_differ_are_reported_and_not_kept(self, company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        company.add_users(2)
        company.run()
        file = company.find("user000@example.com").file
        assert file is not None
        content = company.read_object(file.key)
        with closing(company.workmail.client("s3")) as s3:
            s3.put_object(Bucket=company.bucket, Key=file.key, Body=content[:-1] + b"x")

        assert run(company, "--verify") == 1
        assert "DAMAGED" in capsys.readouterr().out
        assert run(company, "--download", str(tmp_path)) == 1
        assert [each.name for each in tmp_path.iterdir()] == ["user001@example.com.zip"]

    def test_too_large_for_the_function_are_verified_here(
        self, company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        company.add_users(1)
        with monkeypatch.context() as patch:
            patch.setattr(exporter, "_MAX_CHECKS", 0)
            company.run()
        assert run(company, "--status") == 0
        assert "not verified" in capsys.readouterr().out

        assert run(company, "--verify", "--mailbox", "user000@example.com") == 0

        file = company.find("user000@example.com").file
        assert file is not None
        assert (file.check, len(file.sha384)) == ("matches", 96)
        company.check_files()


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["--stack", "nope", "--status"], "there is no stack nope in us-east-1"),
        (["--status"], "no export of the stack"),
        (["--verify"], "no export of the stack"),
    ],
)
def test_an_error_names_the_remedy(arguments: list[str], error: str, company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(company, *arguments) == 2
    assert error in capsys.readouterr().err


def test_without_a_region_the_command_does_not_guess_one(
    company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert run(company, "--status") == 2
    assert "add --region" in capsys.readouterr().err


def test_without_credentials_the_error_names_them(
    company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    assert run(company, "--status") == 2
    assert "Unable to locate credentials (sign in, or set AWS_PROFILE)" in capsys.readouterr().err


def test_a_mailbox_that_is_not_exported_is_an_error(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    company.add_users(1)
    company.run()
    assert run(company, "--verify", "--mailbox", "nora@example.com") == 2
    assert "not exported yet" in capsys.readouterr().err
