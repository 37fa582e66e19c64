"""`workmail-hooks doctor` for a healthy deployment, against moto and a WorkMail by botocore's model."""

import re

import pytest

from tests.integration.workmail_local.doctor.conftest import Run
from tests.support.deployed_account import Deployment
from workmail_local.cli.main import main


def test_a_healthy_deployment_has_no_problem(deployment: Deployment, run: Run) -> None:
    report = run("--test-availability")
    assert report.list_problems() == set()
    assert report.code == 0
    topics = dict.fromkeys(row["topic"] for row in report.rows)
    functions = ["Function availability", "Function mailflow", "Function observe", "Function rewrite"]
    others = ["Rewrite bucket", "Policy", "Availability", "Logs", "Alarms", "Quotas"]
    assert list(topics) == ["Account", "Organization", "Stack", *functions, *others]


def test_a_report_on_local_servers_names_them(deployment: Deployment, run: Run) -> None:
    row = run().find("Account", "endpoints", "warning")
    assert deployment.aws.url in row["found"]
    assert "AWS_ENDPOINT_URL" in row["mend"]


def test_workmail_tests_the_provider_only_on_request(deployment: Deployment, run: Run) -> None:
    run()
    assert ("workmail", "TestAvailabilityConfiguration") not in deployment.aws.calls
    run("--test-availability")
    assert ("workmail", "TestAvailabilityConfiguration") in deployment.aws.calls


def test_the_table_has_at_most_100_columns_and_its_commands_can_be_pasted(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.aws.errors["lambda", "/policy"] = (404, "ResourceNotFoundException")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    start = next(number for number, line in enumerate(lines) if "aws lambda add-permission" in line)
    command = [lines[start]]
    while command[-1].endswith("\\"):
        command.append(lines[start + len(command)])
    words = re.sub(r" \\\s+", " ", " ".join(command)).split()
    assert words[words.index("--source-arn") + 1] == deployment.organization
    assert "\x1b" not in "".join(lines)


def test_a_function_without_a_stack_is_checked_by_its_arn(deployment: Deployment, run: Run) -> None:
    deployment.aws.stack = {}
    report = run("--function", deployment.arn("rewrite"), "--organization-id", deployment.organization)
    assert report.list_problems() == set()
    assert {row["topic"] for row in report.rows} >= {f"Function {deployment.name('rewrite')}", "Rewrite bucket", "Logs"}


def test_the_only_organization_of_the_region_is_found(deployment: Deployment, run: Run) -> None:
    report = run("--function", deployment.arn("rewrite"))
    assert report.list_problems() == set()
    assert report.find("Organization", "organization", "ok")["found"] == "example is active"
