"""The screen of `serve`: a line a message on a terminal and in a pipe; ports that are in use; `--export`."""

import os
import pty
import re
import shlex
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from workmail_local.cli.main import main
from workmail_local.cli.serving.export import print_export
from workmail_local.config.functions import ROOT
from workmail_local.running_server import RunningServer, find_running, write_running
from workmail_local.workmail import LocalWorkMail

ANA, NORA = "ana@example.com", "nora@example.net"
CONFIG = """
organization = { domains = ["example.com"] }
[[rules]]
name = "Fails"
direction = "inbound"
action = "lambda"
senders = ["bad@example.net"]
function = "fails"
[functions.fails]
path = "fails"
"""
PORTS = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "workmail.toml").write_text(CONFIG)
    (tmp_path / "fails").mkdir()
    (tmp_path / "fails" / "app.py").write_text("def handler(event, context):\n    raise ValueError('odd')\n")
    config = ["--config", str(tmp_path / "workmail.toml"), "--folder", str(tmp_path / "mail"), "--speed", "10000"]
    return [sys.executable, "-m", "workmail_local", "serve", *config, *PORTS]


def send(screen: str, sender: str, subject: str) -> None:
    found = re.search(r"SMTP, inbound +127.0.0.1:(\d+)", screen)
    assert found, screen
    with smtplib.SMTP("127.0.0.1", int(found[1]), timeout=20) as client:
        client.sendmail(sender, [ANA], f"From: {sender}\r\nTo: {ANA}\r\nSubject: {subject}\r\n\r\nHello\r\n".encode())


def read_until(lines: Iterator[str], end: str) -> str:
    """Read lines until one has this text."""
    text = ""
    for line in lines:
        text += line
        if end in line:
            return text
    raise AssertionError(text)


def test_an_error_in_a_saved_file_is_a_line_without_a_message(command: list[str], tmp_path: Path):
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            read_until(process.stdout, "Mail:")
            (tmp_path / "workmail.toml").write_text(CONFIG.replace("senders", "sendres"))
            assert "did you mean senders?" in read_until(process.stdout, "has an error")
        finally:
            process.kill()


def test_in_a_pipe_each_message_is_a_plain_line(command: list[str]):
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            screen = read_until(process.stdout, "Mail:")
            send(screen, NORA, "Offer " + "x" * 200)
            line = read_until(process.stdout, "Offer")
            assert re.fullmatch(rf'\d\d:\d\d:\d\d  {NORA} -> {ANA}  "Offer x{{200}}"  no rule  Inbox  \S+ m?s\n', line)
            send(screen, "bad@example.net", "Second")
            failed = read_until(process.stdout, "/messages/2")
            assert re.search(r'"Second"  Fails  failed, retry 1/\d+ in \d+ ms  ', failed)
            assert "the function failed: ValueError: odd\n" in failed
            ended = read_until(process.stdout, "attempts  ")
            assert "Inbox after" in ended
            assert "\x1b" not in screen + line + failed + ended
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("variables, colour", [({}, True), ({"NO_COLOR": "1"}, False)])
def test_on_a_terminal_failures_are_red_and_lines_have_its_width(variables: dict[str, str], colour: bool, command: list[str]):
    terminal, own = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"COLUMNS": "100"} | variables
    with subprocess.Popen(command, cwd=ROOT, stdout=own, stderr=own, env=environment) as process:
        os.close(own)
        try:
            with os.fdopen(terminal, encoding="utf-8", newline="\n") as output:
                screen = read_until(output, "Mail:")
                send(screen, "bad@example.net", "Long " + "x" * 200)
                failed = read_until(output, "/messages/1")
                assert (re.search(r"\d  \x1b\[31;1mbad@example.net", failed) is not None) == colour
                plain = re.sub(r"\x1b\[[\d;]*m", "", failed)
                assert max(map(len, plain.splitlines())) <= 100
                assert "failed, retry 1/" in plain
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("option", ["--smtp-port", "--submission-port", "--web-port", "--port", "--s3-port"])
def test_a_port_in_use_is_an_error_that_names_the_option(option: str, command: list[str], capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main([*command[3:], option, str(port)]) == 2
    shown = capsys.readouterr()
    assert shown.err == (
        f"workmail-hooks serve: {option}: port {port} on 127.0.0.1 is in use; end that program, or give another port: 0 is any free one\n"
    )
    assert shown.out == ""


@pytest.mark.parametrize("cause", ["port", "configuration", "policy", "samples"])
def test_a_server_that_does_not_start_deletes_no_mail(cause: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with LocalWorkMail(folder=tmp_path / "mail") as wm:
        wm.send(f"From: {NORA}\r\nTo: {ANA}\r\n\r\nHello\r\n")
        [kept] = wm.delivered(ANA)
    (tmp_path / "bad").mkdir()
    for name in ("bad.toml", "bad.yaml", "bad/bad.json"):
        (tmp_path / name).write_text("[")
    (tmp_path / "bad/bad.eml").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        options = {
            "port": ["--web-port", str(other.getsockname()[1])],
            "configuration": ["--config", str(tmp_path / "bad.toml")],
            "policy": ["--policy", str(tmp_path / "bad.yaml")],
            "samples": ["--events", str(tmp_path / "bad")],
        }
        assert main([*command[3:], "--fresh", *options[cause]]) == 2
    assert capsys.readouterr().err.startswith("workmail-hooks serve: ")
    assert kept.path.exists()
    assert (tmp_path / "mail/spool.db").exists()


def test_a_folder_that_cannot_be_created_is_named(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "file"
    file.touch()
    for folder, why in ((file / "mail", "a part of this path is a file, not a folder"), (file, "file exists")):
        assert main([*command[3:], "--folder", str(folder)]) == 2
        assert capsys.readouterr().err == f"workmail-hooks serve: --folder: {folder} cannot be created: {why}\n"


def test_one_port_for_two_servers_is_an_error(command: list[str], capsys: pytest.CaptureFixture[str]):
    assert main([*command[3:], "--web-port", "8025", "--port", "8025"]) == 2
    assert "--web-port and --port are both 8025" in capsys.readouterr().err


def test_a_running_server_is_named_and_its_variables_are_exported(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "mail"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            read_until(process.stdout, "Mail:")
            running = find_running(folder)
            assert running
            assert main(command[3:]) == 2
            assert f"a server already runs in {folder} (process {process.pid}, {running.page})" in capsys.readouterr().err
            port = running.inbound.rpartition(":")[2]
            assert main([*command[3:], "--folder", str(tmp_path / "other"), "--smtp-port", port]) == 2
            assert f"port {port} on 127.0.0.1 is in use, by another local WorkMail" in capsys.readouterr().err

            export = shlex.join([*command[:4], "--export", "--folder", str(folder)])
            read = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"
            script = f'eval "$({export})" && {shlex.join([sys.executable, "-c", read])}'
            environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
            done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
            assert done.stdout == f"{running.environment['REWRITE_BUCKET']}\n", done.stderr
        finally:
            process.kill()
    assert main(["serve", "--export", "--folder", str(folder)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"no server runs in {folder}: start `workmail-hooks serve` first" in shown.err


VALUES = {
    "PLAIN": "http://127.0.0.1:8025/a,b",
    "EMPTY": "",
    "SHELL": 'a b$(touch x)`id`;&|<>*?#!"\\n~',
    "QUOTES": "it's \"quoted\" \\ and \\' too",
    "TYPOGRAPHIC": "\u2018one\u2019 \u201atwo\u201b",
    "LINES": "one\ntwo",
}


@pytest.fixture
def exported(tmp_path: Path) -> Iterator[Path]:
    """The folder of a server whose variables have values that need quotes."""
    with socket.create_server(("127.0.0.1", 0)) as page:
        url = f"http://127.0.0.1:{page.getsockname()[1]}"
        write_running(tmp_path, RunningServer(os.getpid(), url, "", "", VALUES))
        yield tmp_path


def test_bash_reads_each_value_as_it_is(exported: Path, capsys: pytest.CaptureFixture[str]):
    print_export(exported, "bash")
    script = capsys.readouterr().out + 'for name in "$@"; do printf "%s\\0" "${!name}"; done'
    done = subprocess.run(["bash", "-c", script, "bash", *VALUES], capture_output=True, text=True, timeout=20, check=True, env={})
    assert dict(zip(VALUES, done.stdout.split("\0")[:-1], strict=True)) == VALUES


def test_python_dotenv_reads_each_value_as_it_is(exported: Path, capsys: pytest.CaptureFixture[str]):
    print_export(exported, "dotenv")
    assert dotenv_values(stream=StringIO(capsys.readouterr().out), interpolate=False) == VALUES


def test_values_without_special_characters_need_no_quotes_in_dotenv(exported: Path, capsys: pytest.CaptureFixture[str]):
    """`docker run --env-file` would make quotes a part of the value."""
    print_export(exported, "dotenv")
    assert "PLAIN=http://127.0.0.1:8025/a,b\n" in capsys.readouterr().out


def test_powershell_gets_each_value_in_single_quotes_with_the_quotes_in_it_doubled(exported: Path, capsys: pytest.CaptureFixture[str]):
    """PowerShell does not run here. about_Quoting_Rules: between single quotes nothing is special but a quote, which is doubled."""
    print_export(exported, "powershell")
    shown = capsys.readouterr().out
    assert "$env:PLAIN = 'http://127.0.0.1:8025/a,b'\n" in shown
    assert "$env:QUOTES = 'it''s \"quoted\" \\ and \\'' too'\n" in shown
    assert "$env:TYPOGRAPHIC = '\u2018\u2018one\u2019\u2019 \u201a\u201atwo\u201b\u201b'\n" in shown
    assert "$env:EMPTY = ''\n" in shown
