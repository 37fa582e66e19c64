"""The commands of docs/ses.md that try the function `ses` in Lambda's container."""

import json
import re

import pytest

from tests.e2e.sam import BUILD_TIMEOUT_S, INVOKE_TIMEOUT_S
from tests.e2e.serving import serve
from tests.e2e.test_plain_invoke import Project, make_project
from tests.e2e.toolchain import ROOT, Toolchain

PAGE = (ROOT / "docs/ses.md").read_text("utf-8")
COMMANDS = re.search(r"^cd ses\n(sam build)\n(sam local invoke SesFunction .*)$", PAGE, re.MULTILINE)
EVENT = ROOT / "events/ses/aws-sample.json"
MESSAGE = EVENT.with_suffix(".eml").read_bytes()


@pytest.fixture(scope="module")
def project(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Project:
    assert COMMANDS, "docs/ses.md does not show the commands"
    stack = make_project(toolchain, tmp_path_factory.mktemp("ses"), "ses")
    stack.run(COMMANDS[1], BUILD_TIMEOUT_S)
    return stack


def test_the_documented_command_sends_the_sample_on_once(project: Project) -> None:
    assert COMMANDS
    with serve(project.folder.parent):
        logs = [project.run(COMMANDS[2], INVOKE_TIMEOUT_S).stderr for _ in range(2)]

    states = [json.loads(line)["state"] for log in logs for line in log.splitlines() if line.startswith("{") and '"state"' in line]
    assert states == ["done", "duplicate"]
    folder = project.folder.parent / ".local/workmail/outgoing"
    [sent] = [each.read_bytes() for each in folder.rglob("*") if each.is_file()]
    assert b'\r\nFrom: "Doe, John" <forward@example.com>\r\nReply-To: "Doe, John" <sender@example.com>\r\n' in sent
    assert sent.endswith(MESSAGE.partition(b"\r\n\r\n")[2])


def test_without_a_server_the_function_fails_and_names_the_command_to_start_first(project: Project) -> None:
    assert COMMANDS
    done = project.run(COMMANDS[2], INVOKE_TIMEOUT_S)

    assert "make serve-containers" in done.stderr + done.stdout
