"""docs/local.md and docs/hooks.md outside of a clone: install the wheel, write a hook, test it, send it mail, and see the mail on the page.

It needs the package index.
"""

import shutil
import signal
import smtplib
import subprocess
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.chromium import start_chromium
from tests.support.installation import build, clean_environment
from workmail_local.running_server import RunningServer, find_running

INSTALL_S = 600
START_S = 60
SUBJECT = "Our offer"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of a new environment with the wheel, its extra `local` and pytest, as a user installs them."""
    folder = tmp_path_factory.mktemp("environment")
    wheel = build("wheel", tmp_path_factory.mktemp("wheel"))
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "pip", "install", "--quiet", f"workmail-hooks[local] @ {wheel.as_uri()}", "pytest"]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=INSTALL_S, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture(scope="module")
def project(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a new hook."""
    folder = tmp_path_factory.mktemp("work")
    run(programs, "workmail-hooks", "new", "calm", folder=folder)
    return folder / "calm"


def run(programs: Path, *command: str, folder: Path) -> str:
    line = [programs / command[0], *command[1:]]
    done = subprocess.run(line, cwd=folder, env=clean_environment(programs), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(programs: Path, folder: Path) -> Iterator[RunningServer]:
    """Run `workmail-hooks serve` in a folder, and stop it as Ctrl-C does."""
    command = [programs / "workmail-hooks", "serve", "--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(programs), stdout=subprocess.DEVNULL) as process:
        try:
            yield wait_for_server(folder / ".local" / "workmail", process)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


def wait_for_server(folder: Path, process: subprocess.Popen[bytes]) -> RunningServer:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        if found := find_running(folder):
            return found
        time.sleep(0.1)
    raise AssertionError(f"the server is not up (exit status {process.poll()})")


def send(server: str) -> None:
    """Send a message by swaks (Debian's package), or by smtplib where it is not installed."""
    sender, recipient = "ana@example.com", "nora@example.net"
    if swaks := shutil.which("swaks"):
        command = [swaks, "--server", server, "--from", sender, "--to", recipient, "--header", f"Subject: {SUBJECT}"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return
    host, _, port = server.rpartition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.sendmail(sender, [recipient], f"From: {sender}\r\nTo: {recipient}\r\nSubject: {SUBJECT}\r\n\r\nHello\r\n")


def test_the_test_of_a_new_hook_passes(programs: Path, project: Path) -> None:
    assert " passed" in run(programs, "pytest", folder=project)


def test_the_page_shows_a_message_that_met_the_new_hook(programs: Path, project: Path) -> None:
    with serving(programs, project) as server, start_chromium() as browser:
        send(server.outbound)
        page = browser.new_page()
        page.goto(server.page)
        page.get_by_role("link", name=SUBJECT).click()
        expect(page.locator("main")).to_contain_text("calm")


def test_the_samples_run_in_a_folder_outside_of_a_clone(programs: Path, tmp_path: Path) -> None:
    run(programs, "workmail-hooks", "examples", folder=tmp_path)
    assert "\nOK  " in run(programs, "workmail-hooks", "run", folder=tmp_path)
    assert list((tmp_path / ".local" / "mail").rglob("new/*"))
