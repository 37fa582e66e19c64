"""`workmail-hooks gateway`: one process from its configuration to its end."""

import json
import signal
import smtplib
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from mail_gateway.config import SocketAddress
from mail_gateway.errors import CommandError
from mail_gateway.health import HealthServer
from mail_gateway.run import check_configuration
from tests.support.gateway import ANA, HOST, MESSAGE, SENDER
from tests.support.smtp_sink import run_sink
from workmail_local.cli.main import main

POLICY = 'version: 1\nrules:\n  - name: Tag\n    do: {{subject_tag: "[{}]"}}\n'
CONFIGURATION = """policy = "policy.yaml"
host_name = "gateway.example.com"
mark_secret_file = "secret"
[health]
listen = "unix:{folder}/health"
[[listener]]
name = "inbound"
protocol = "lmtp"
listen = "unix:{folder}/lmtp"
direction = "inbound"
next_host = "127.0.0.1:{port}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY.format("ONE"))
    (tmp_path / "secret").write_text("0123456789abcdef")
    (tmp_path / "secret").chmod(0o600)
    return tmp_path


def write(folder: Path, port: int = 25) -> Path:
    path = folder / "gateway.toml"
    path.write_text(CONFIGURATION.format(folder=folder, port=port))
    return path


def read_until(log: IO[str], text: str) -> dict[str, object]:
    """Return the first log line with a text."""
    for line in log:
        if text in line:
            found: dict[str, object] = json.loads(line)
            return found
    raise AssertionError(f"the log ended before {text!r}")


def send(folder: Path) -> None:
    with smtplib.LMTP(str(folder / "lmtp")) as client:
        assert client.sendmail(SENDER, [ANA], MESSAGE) == {}


def test_the_process_serves_reads_its_policy_again_and_ends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with run_sink() as sink:
        path = write(folder, sink.port)
        assert main(["gateway", "health", str(path)]) == 1
        assert "no listener of gateway.toml accepts mail" in capsys.readouterr().err
        command = [sys.executable, "-m", "workmail_local", "gateway", "serve", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                assert read_until(process.stdout, "accepts connections")["hook"] == "inbound"
                assert main(["gateway", "health", str(path)]) == 0
                send(folder)
                assert read_until(process.stdout, "the message is handled")["rules"] == ["Tag"]
                (folder / "policy.yaml").write_text(POLICY.format("TWO"))
                process.send_signal(signal.SIGHUP)
                read_until(process.stdout, "the configuration is read again")
                send(folder)
                (folder / "policy.yaml").write_text("version: 2")
                process.send_signal(signal.SIGHUP)
                read_until(process.stdout, "the configuration is not read again")
                send(folder)
            finally:
                process.terminate()
            assert process.wait(20) == 0
            assert "stops when" in process.stdout.read()
        assert [[tag for tag in (b"ONE", b"TWO") if tag in each.content] for each in sink.received] == [[b"ONE"], [b"TWO"], [b"TWO"]]


def test_check_lists_the_listeners_and_starts_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "check", str(write(folder))]) == 0
    assert capsys.readouterr().out == f"inbound: lmtp, inbound, on unix:{folder}/lmtp, next host 127.0.0.1:25\n"
    assert not (folder / "lmtp").exists()


def test_check_reports_a_mistake_in_the_policy_with_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "policy.yaml").write_text("version: 1\nrules:\n  - name: Tag\n    do: dorp\n")
    assert main(["gateway", "check", str(write(folder))]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("workmail-hooks gateway: policy.yaml:4: ")


def test_a_milter_that_may_have_to_bounce_for_some_needs_a_next_host(folder: Path) -> None:
    (folder / "policy.yaml").write_text("version: 1\nrules:\n  - name: No\n    do: {bounce: 'No'}\n")
    path = write(folder)
    path.write_text(path.read_text().replace('"lmtp"', '"milter"').replace('next_host = "127.0.0.1:25"\n', ""))
    with pytest.raises(CommandError, match='listener "inbound": next_host is missing: the rule "No" may bounce a message for some'):
        check_configuration(path)


def test_a_certificate_that_is_none_is_an_error(folder: Path) -> None:
    path = write(folder)
    (folder / "own.pem").write_text("not a certificate")
    path.write_text(path.read_text() + 'tls = "offered"\ntls_certificate = "own.pem"\ntls_key = "own.pem"\n')
    with pytest.raises(CommandError, match=r"own.pem and own.pem cannot be used"):
        check_configuration(path)


@pytest.mark.parametrize(
    "command, text", [("milter", "no listener with the protocol milter, only lmtp: "), ("serve", "cannot listen on unix:")]
)
def test_a_command_that_cannot_run_names_the_reason(folder: Path, command: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lmtp").mkdir()
    assert main(["gateway", command, str(write(folder))]) == 2
    assert text in capsys.readouterr().err


def test_the_health_is_that_of_the_process() -> None:
    from http.client import HTTPConnection

    states = [True, False]
    server = HealthServer(SocketAddress(HOST, 0), lambda: states.pop(0))
    server.start()
    try:
        answers = []
        for path in ("/health", "/health", "/"):
            connection = HTTPConnection(HOST, server.port, timeout=10)
            connection.request("GET", path)
            answers.append(connection.getresponse().status)
            connection.close()
    finally:
        server.stop()
    assert answers == [200, 503, 404]
