"""The commands of docs/deploy.md, "Try it first", in a fresh copy of this project with an empty cache: each function, in its container."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailhooks.contract.availability import check_availability_response
from tests.e2e.sam import BUILD_TIMEOUT_S, INVOKE_TIMEOUT_S
from tests.e2e.test_containers import DELIVER_TO_ALL
from tests.e2e.test_serve_containers import Served, copy_project, serve
from tests.e2e.toolchain import ROOT, Toolchain

FIRST = "make serve-containers"
DOCUMENTED = re.search(r"^sam local invoke RewriteFunction -e \S+ .*$", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE)

READS_MAIL = {
    "MailflowFunction": "mailflow-external",
    "RewriteFunction": "rewrite-external",
    "DisclaimerFunction": "disclaimer-outbound-new",
    "ObserveFunction": "observe-outbound",
}


@dataclass(frozen=True)
class Result:
    """What a person sees: the response, and the log above it."""

    response: Any
    log: str


@dataclass(frozen=True)
class Project:
    """A folder of a copy of this project, and the variables of a shell with the SAM CLI."""

    folder: Path
    environment: dict[str, str]

    def invoke(self, function: str, event: str) -> Result:
        """Run the documented command for a function and a sample event."""
        assert DOCUMENTED, "docs/deploy.md does not show the command"
        command = DOCUMENTED[0].replace("RewriteFunction", function).replace("rewrite-external", event)
        done = self.run(command, INVOKE_TIMEOUT_S)
        return Result(json.loads(done.stdout), done.stderr)

    def run(self, command: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done


def make_project(toolchain: Toolchain, folder: Path, stack: str = ".") -> Project:
    """Copy this project, and work in the folder of one of its stacks."""
    environment = toolchain.environment()
    environment["PATH"] += f"{os.pathsep}{toolchain.sam.parent}"
    return Project(copy_project(folder) / stack, environment)


@pytest.fixture(scope="module")
def project(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Project:
    built = make_project(toolchain, tmp_path_factory.mktemp("plain"))
    built.run("sam build", BUILD_TIMEOUT_S)
    return built


@pytest.fixture(scope="class")
def server(project: Project) -> Iterator[Served]:
    with serve(project.folder) as running:
        yield running


class TestWithoutServer:
    @pytest.mark.parametrize("function", READS_MAIL)
    def test_a_function_that_reads_mail_fails_and_names_the_command_to_start_first(self, project: Project, function: str) -> None:
        response = project.invoke(function, READS_MAIL[function]).response

        assert response.get("errorType") == "ServiceFailed", response
        assert FIRST in response["errorMessage"]

    def test_availability_answers_an_error_for_each_mailbox_and_logs_the_command_to_start_first(self, project: Project) -> None:
        result = project.invoke("AvailabilityFunction", "availability/guide")

        assert ["error" in mailbox for mailbox in result.response["mailboxes"]] == [True, True]
        assert FIRST in result.log

    @pytest.mark.parametrize("event", ["approve/page", "approve/decision"])
    def test_the_approval_page_without_a_link_needs_no_server(self, project: Project, event: str) -> None:
        response = project.invoke("ApproveFunction", event).response

        assert response["statusCode"] == 403
        assert "This link is not valid" in response["body"]

    def test_bounce_needs_no_server(self, project: Project) -> None:
        [first, last] = project.invoke("BounceFunction", "bounce-blocked").response["actions"]

        assert (first["action"]["type"], first["recipients"]) == ("BOUNCE", ["press@example.com"])
        assert last == DELIVER_TO_ALL["actions"][0]


class TestWithServer:
    @pytest.mark.parametrize("function", READS_MAIL)
    def test_a_function_that_reads_mail_reads_the_sample_message(self, project: Project, server: Served, function: str) -> None:
        result = project.invoke(function, READS_MAIL[function])

        assert result.response == (None if function == "ObserveFunction" else DELIVER_TO_ALL)
        [line] = [json.loads(line) for line in result.log.splitlines() if '"the message is handled"' in line]
        assert line["bytes"] > 0
        assert line["changed"] is (function != "ObserveFunction")

    def test_availability_answers_the_guides_request(self, project: Project, server: Served) -> None:
        response = project.invoke("AvailabilityFunction", "availability/guide").response

        check_availability_response(response)
        known, unknown = response["mailboxes"]
        assert known["events"] == [{"startTime": "2021-05-04T09:00:00.000Z", "endTime": "2021-05-04T10:30:00.000Z", "busyType": "BUSY"}]
        assert unknown == {"mailbox": "unknown@internal.example.com", "error": "MailboxNotFound"}
