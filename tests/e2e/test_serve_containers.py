"""`workmail-hooks serve --containers`, and the commands that it prints, in a project without a build: mail by SMTP, through
functions in Lambda containers and in processes."""

import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.sam import BUILD_TIMEOUT_S, STOP_TIMEOUT_S, free_port, started
from tests.e2e.toolchain import ROOT, Toolchain
from tests.support.tagging import tagging_source

NORA, PARTNER, ANA = "nora@example.net", "partner@example.org", "ana@example.com"
DELIVERY_TIMEOUT_S = 240.0
"""The first call also makes the image that carries the layer, and may need an attempt or two for it."""
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


@dataclass(frozen=True)
class Served:
    """A server in a process of its own.

    Attributes:
        project: its copy of this project.
        screen: what it printed when it was up.
    """

    project: Path
    screen: str

    def found(self, pattern: str) -> str:
        found = re.search(pattern, self.screen, re.MULTILINE)
        assert found, self.screen
        return found[1]

    def send(self, sender: str, raw: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", int(self.found(r"SMTP, inbound +127\.0\.0\.1:(\d+)")), timeout=20) as client:
            assert client.sendmail(sender, [ANA], raw) == {}

    def delivered(self) -> list[bytes]:
        folder = self.project / ".local" / "workmail" / "mailboxes" / ANA / "new"
        return [file.read_bytes() for file in sorted(folder.glob("*"))]

    def story(self, number: int) -> dict[str, Any]:
        """Return what the page shows of the message with this number."""
        page = self.found(r"Web page +(\S+)")
        with urllib.request.urlopen(f"{page}/api/messages/{number}", timeout=20) as answer:
            story: dict[str, Any] = json.load(answer)
        return story

    def errors(self, number: int) -> list[str]:
        """Return the problem of each attempt; "" for an attempt with a valid response."""
        return [attempt["problem"] for passage in self.story(number)["passages"] for attempt in passage["attempts"]]


def message(sender: str) -> bytes:
    head = f"From: {sender}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Minutes\r\n"
    return head.encode() + b"Message-ID: <1@example.net>\r\n\r\nHello, hello.\r\n"


def until(is_so: Callable[[], object], why: Callable[[], object], timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, why()
        time.sleep(0.2)


def copy_project(folder: Path) -> Path:
    """Copy this project as it is checked out: the developer's own build stays as it is."""
    copy = folder / "project"
    for name in ("workmail_local", "layers", "functions", "events"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".wheels"))
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


@contextmanager
def serve(project: Path, *more: str) -> Iterator[Served]:
    """Run `workmail-hooks serve --containers` in a copy of this project, with free ports for mail and the web page."""
    ports = [f"--{name}-port=0" for name in ("smtp", "submission", "web")]
    command = [sys.executable, "-m", "workmail_local", "serve", "--containers", *ports, *more]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        reading = threading.Thread(target=process.stdout.read, daemon=True)
        try:
            screen = ""
            for line in process.stdout:
                screen += line
                if line.startswith("Calls:"):
                    break
            reading.start()
            yield Served(project, screen)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            finally:
                process.kill()
                reading.join()


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
    assert not any("127.0.0.1" in value for variables in given.values() for value in variables.values())
