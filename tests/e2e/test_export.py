"""The stack of the mailbox export in Lambda's container: the commands of docs/export.md, task after task."""

import json
import re
import time
from typing import Any

import pytest

from tests.e2e.sam import BUILD_TIMEOUT_S, INVOKE_TIMEOUT_S
from tests.e2e.serving import serve
from tests.e2e.test_plain_invoke import Project, make_project
from tests.e2e.toolchain import ROOT, Toolchain

COMMANDS = re.search(r"^cd export\n(sam build)\n((?:sam local invoke .*\n)+)", (ROOT / "docs/export.md").read_text("utf-8"), re.MULTILINE)
JOB_S = 3.0
"""A job of the local WorkMail lasts two seconds."""


@pytest.fixture(scope="module")
def project(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Project:
    assert COMMANDS, "docs/export.md does not show the commands"
    stack = make_project(toolchain, tmp_path_factory.mktemp("export"), "export")
    stack.run(COMMANDS[1], BUILD_TIMEOUT_S)
    return stack


def test_the_documented_tasks_plan_start_follow_verify_and_report_an_export(project: Project) -> None:
    assert COMMANDS
    commands = COMMANDS[2].splitlines()
    answers: list[Any] = []
    logs = ""
    with serve(project.folder.parent):
        for command in commands:
            done = project.run(command, INVOKE_TIMEOUT_S)
            answers.append(json.loads(done.stdout))
            logs += done.stderr
            time.sleep(JOB_S)

    plan, start, follow, verify, report = answers
    mailboxes = plan["counts"]["pending"]
    assert mailboxes > 1
    assert (start["next"], start["counts"]["running"]) == ("wait", mailboxes)
    assert (follow["next"], follow["counts"]["checking"]) == ("verify", mailboxes)
    assert verify["counts"]["exported"] == report["counts"]["exported"] == mailboxes
    assert '"MailboxesExported"' in logs
    assert "@" not in "".join(line for line in logs.splitlines() if line.startswith("{"))


def test_without_a_server_a_task_fails_and_names_the_command_to_start_first(project: Project) -> None:
    assert COMMANDS
    answer = json.loads(project.run(COMMANDS[2].splitlines()[0], INVOKE_TIMEOUT_S).stdout)

    assert "make serve-containers" in answer["errorMessage"], answer
