"""`workmail-hooks serve --containers`, and the commands that it prints, in a project without a build: mail by SMTP, through
functions in Lambda containers and in processes."""

import json
import os
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml

from tests.e2e.sam import BUILD_TIMEOUT_S, free_port, started
from tests.e2e.serving import ANA, Served, serve, until
from tests.e2e.toolchain import ROOT, Toolchain
from tests.support.tagging import tagging_source

NORA, PARTNER = "nora@example.net", "partner@example.org"
SPEED = 4
"""The pause that doubles from attempt to attempt is not to outlast the test, nor the rule's half hour to be over before the build is."""

CONFIG = """
organization = { domains = ["example.com"] }

[[rules]]
name = "In a container"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "mailflow"
timeout-minutes = 60

[[rules]]
name = "In a process"
direction = "inbound"
action = "lambda"
senders = ["example.org"]
function = "tag"

[functions.tag]
path = "tag"
"""
TAG = tagging_source("[PARTNER]")


def message(sender: str) -> bytes:
    head = f"From: {sender}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Minutes\r\n"
    return head.encode() + b"Message-ID: <1@example.net>\r\n\r\nHello, hello.\r\n"


def copy_project(folder: Path) -> Path:
    """Copy this project as it is checked out: the developer's own build stays as it is."""
    copy = folder / "project"
    for name in ("workmail_local", "mail_gateway", "layers", "functions", "events", "push", "export", "ses"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".wheels", ".aws-sam"))
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = copy_project(tmp_path)
    (copy / "tag").mkdir()
    (copy / "tag" / "app.py").write_text(TAG)
    (copy / "workmail.toml").write_text(CONFIG)
    return copy


def serve_rules(project: Path, lambda_port: int) -> AbstractContextManager[Served]:
    """Serve the rules of CONFIG, which call the functions at a Lambda endpoint, for containers at a free port."""
    endpoint = ["--lambda-endpoint", f"http://127.0.0.1:{lambda_port}", "--containers-port", "0"]
    return serve(project, *endpoint, "--config", "workmail.toml", "--speed", str(SPEED))


def test_mail_by_smtp_goes_through_functions_in_containers_and_in_processes(toolchain: Toolchain, project: Path, tmp_path: Path) -> None:
    port = free_port()
    environment = toolchain.environment()
    environment["PATH"] += f"{os.pathsep}{toolchain.sam.parent}"
    log = tmp_path / "start-lambda.log"
    with serve_rules(project, port) as server:
        assert "First, as there is no .aws-sam/build" in server.screen
        # Before there is anything to call: one is delivered by its function in a process, the other is not lost.
        server.send(NORA, message(NORA))
        server.send(PARTNER, message(PARTNER))
        until(server.delivered, lambda: server.story(2))
        assert server.delivered() == [message(PARTNER).replace(b"Subject: ", b"Subject: [PARTNER] ")]

        build = server.found(r"^  (\S*sam build && .*)$")
        subprocess.run(build, shell=True, cwd=project, env=environment, check=True, capture_output=True, timeout=BUILD_TIMEOUT_S)
        start = server.found(r"^  (\S*sam local start-lambda .*)$")
        with started(["sh", "-c", f"exec {start}"], port, log, environment, project):
            until(lambda: len(server.delivered()) == 2, lambda: (server.story(1), log.read_text("utf-8", "replace")))

        tagged = next(raw for raw in server.delivered() if b"[PARTNER]" not in raw)
        assert b"Subject: [EXTERNAL] Minutes\r\n" in tagged
        assert b"X-Mail-Origin: external\r\n" in tagged
        first, *_, last = server.errors(1)
        assert f"no server answers at http://127.0.0.1:{port}" in first
        assert last == ""
        assert server.errors(2) == [""]
        assert "Invoking app.handler (python3.13)" in log.read_text("utf-8", "replace")


def test_where_something_is_built_already_one_command_is_enough(toolchain: Toolchain, project: Path) -> None:
    built = project / ".aws-sam" / "build" / "template.yaml"
    built.parent.mkdir(parents=True)
    built.write_text("Resources: {Mine: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: Mine}}}")

    with serve_rules(project, free_port()) as server:
        assert "First, as there is no" not in server.screen
        given = json.loads((project / server.found(r"--env-vars (\S+)")).read_text())
        declared = yaml.safe_load((project / server.found(r"--template (\S+)")).read_text())

    assert declared["Resources"]["Mine"]["Properties"]["Environment"]["Variables"] == dict.fromkeys(given["Parameters"], "")
    assert "MailflowFunction" in given
    # A container writes the URL of the approval page into mail, for a browser on this machine.
    used = [value for variables in given.values() for name, value in variables.items() if name != "APPROVAL_URL"]
    assert not any("127.0.0.1" in value for value in used)
