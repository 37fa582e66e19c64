"""Commands whose output is no longer read, whose streams are closed, or that Ctrl-C interrupts: they end quietly."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workmail_local.config.functions import ROOT

POLICY = ROOT / "functions/mailflow/policy.yaml"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "workmail_local", *map(str, arguments)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "bounce-junk", "--mail", "MAIL"],
        ["send", "events/mail/rewrite-signed.eml", "--function", "bounce", "--mail", "MAIL"],
        ["check", POLICY],
        ["try", POLICY, "events/mail/rewrite-signed.eml", "--domains", "example.com"],
        ["replay", POLICY, "events/mail"],
        ["preview", "events/mail/rewrite-signed.eml", "--disclaimer", "text"],
        ["test-rule", "--from", "nora@example.net", "--to", "ana@example.com"],
        ["serve", "--folder", "MAIL", "--smtp-port=0", "--submission-port=0", "--web-port=0"],
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_output_that_is_no_longer_read_ends_the_command_quietly(arguments: list[str | Path], tmp_path: Path) -> None:
    """As by `| head`, when it has ended: here before the first line."""
    arguments = [tmp_path / "mail" if each == "MAIL" else each for each in arguments]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command(*arguments), cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def run_without(streams: str, *arguments: str | Path) -> bytes:
    """Run a command with closed streams; return what it prints."""
    words = command(*arguments)
    done = subprocess.run(["sh", "-c", f'"$@" {streams}', "sh", *words], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_runs_with_closed_streams(streams: str) -> None:
    assert (b"OK  " in run_without(streams, "check", POLICY)) == (">&-" not in streams.replace("2>&-", ""))


@pytest.mark.parametrize("streams", ["2>&-", "<&- >&- 2>&-"])
def test_servers_and_functions_run_with_closed_streams(streams: str, tmp_path: Path) -> None:
    """Their sockets and pipes get the numbers of the closed streams."""
    assert (b"OK  1 message" in run_without(streams, "run", "bounce-junk", "--mail", tmp_path / "mail")) == (streams == "2>&-")


def test_output_on_a_full_disk_is_an_error_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("check", POLICY), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, b"workmail-hooks check: no space left on the disk\n")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let new processes heed Ctrl-C: a shell lets its programs in the background, and so pytest there, ignore it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_run_and_its_functions_quietly(tmp_path: Path) -> None:
    """A terminal sends the signal to each process of the group."""
    for attempt in range(5):
        process = subprocess.Popen(
            command("run", "--mail", tmp_path / f"mail{attempt}"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
        assert error == b""
        # On a busy machine the run may have ended before the signal.
        if process.returncode:
            break
    assert process.returncode == 130
