"""samples/node-hook/README.md: a function in Node.js, in a container, changes and bounces mail that comes by SMTP."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.node_image import provide_node_image
from tests.e2e.sam import BUILD_TIMEOUT_S, free_port, started
from tests.e2e.serving import ANA, serve, until
from tests.e2e.toolchain import ROOT, Missing, Toolchain

NORA = "nora@example.net"
MARK = b"X-Marked-By: node-hook\r\n"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    folder = tmp_path / "node-hook"
    shutil.copytree(ROOT / "samples/node-hook", folder, ignore=shutil.ignore_patterns(".aws-sam", ".local"))
    return folder


@pytest.fixture
def toolchain_with_node(toolchain: Toolchain, tmp_path: Path) -> Toolchain:
    folder = tmp_path / "image"
    folder.mkdir()
    try:
        provide_node_image(folder)
    except Missing as missing:
        pytest.skip(str(missing))
    return toolchain


def message(subject: str) -> bytes:
    body = "Grüße aus Köln, 8-bit and odd:\x01 \r\n.\r\n".encode("latin-1")
    return f"From: {NORA}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {subject}\r\n\r\n".encode() + body


def test_a_function_in_node_marks_and_bounces_mail(toolchain_with_node: Toolchain, sample: Path, tmp_path: Path) -> None:
    port, environment, log = free_port(), toolchain_with_node.environment(), tmp_path / "start-lambda.log"
    environment["PATH"] += f"{os.pathsep}{toolchain_with_node.sam.parent}"
    endpoint = ["--lambda-endpoint", f"http://127.0.0.1:{port}", "--containers-port", "0"]
    with serve(sample, "--config", "workmail.toml", "--folder", ".local/workmail", *endpoint, "--speed", "4") as server:
        build = server.found(r"^  (\S*sam build && .*)$")
        subprocess.run(build, shell=True, cwd=sample, env=environment, check=True, capture_output=True, timeout=BUILD_TIMEOUT_S)
        start = server.found(r"^  (\S*sam local start-lambda .*)$")
        with started(["sh", "-c", f"exec {start}"], port, log, environment, sample):
            server.send(NORA, message("Minutes"))
            server.send(NORA, message("Offer of the week"))
            until(lambda: len(server.delivered()) == 1, lambda: (server.story(1), log.read_text("utf-8", "replace")))
            until(lambda: server.story(2)["line"]["state"] == "done", lambda: (server.story(2), log.read_text("utf-8", "replace")))
        assert server.delivered() == [MARK + message("Minutes")]
        assert server.errors(1) == [""]
        assert server.errors(2) == [""]
        [result] = server.story(2)["passages"][0]["fates"]
        assert (result["place"], result["note"]) == ("Bounced", "We accept no offers by mail.")
