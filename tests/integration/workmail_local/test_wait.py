"""Waiting for a message: by `LocalWorkMail`, by the API and by `workmail-hooks wait`."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from mailhooks.contract import FlowDirection
from tests.support.local_pages import serving_pages
from tests.support.queue import ANA, BEN, NORA, RAW
from workmail_local.cli.main import main
from workmail_local.mail.submission import Submission
from workmail_local.queue.workers import SettleTimeout
from workmail_local.running_server import RunningServer, write_running
from workmail_local.workmail import LocalWorkMail

RULES = """
organization = { domains = ["example.com"] }
[[rules]]
name = "Slow"
direction = "inbound"
action = "lambda"
senders = ["slow@example.net"]
function = "slow"
[functions.slow]
path = "{folder}"
"""
WAIT_FOR_FILE = """
import pathlib, time
def handler(event, context):
    while not pathlib.Path("{file}").exists():
        time.sleep(0.02)
    return {{"actions": [{{"action": {{"type": "DEFAULT"}}, "allRecipients": True}}]}}
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file for which the function waits."""
    return tmp_path_factory.mktemp("slow") / "open"


@pytest.fixture(scope="module")
def shared(gate: Path) -> Iterator[LocalWorkMail]:
    (gate.parent / "app.py").write_text(WAIT_FOR_FILE.format(file=gate))
    with LocalWorkMail() as wm:
        yield wm


@pytest.fixture
def wm(shared: LocalWorkMail, gate: Path) -> LocalWorkMail:
    gate.unlink(missing_ok=True)
    shared.reset(RULES.replace("{folder}", str(gate.parent)))
    return shared


@pytest.fixture
def url(wm: LocalWorkMail) -> Iterator[str]:
    with serving_pages(wm) as url:
        yield url


@pytest.fixture
def folder(wm: LocalWorkMail, url: str, tmp_path: Path) -> Path:
    """A folder whose server is this one."""
    write_running(tmp_path, RunningServer(os.getpid(), url, wm.smtp_address("INBOUND"), wm.smtp_address("OUTBOUND"), {}))
    return tmp_path


def accept(wm: LocalWorkMail, subject: str = "Offer", mail_from: str = NORA, to: str = ANA) -> int:
    raw = RAW.replace(b"nora@example.net", mail_from.encode()).replace(b"ana@example.com", to.encode())
    raw = raw.replace(b"Subject: Offer", f"Subject: {subject}".encode())
    return wm.accept(Submission(FlowDirection.INBOUND, mail_from, (to,), raw))


def run_later(work: Callable[[], object]) -> None:
    threading.Timer(0.3, work).start()


def test_a_message_that_is_there_is_returned_at_once(wm: LocalWorkMail) -> None:
    for subject, to in (("Offer", ANA), ("Invoice", BEN), ("Offer", BEN)):
        number = accept(wm, subject, to=to)
    assert wm.wait(subject="offer").summary.number == number
    assert wm.wait(to="ana", mail_from="nora").summary.number == 1
    assert wm.wait(search="to:ben -offer").summary.number == 2


def test_a_wait_ends_when_the_message_is_done(wm: LocalWorkMail, gate: Path) -> None:
    number = accept(wm, mail_from="slow@example.net")
    with pytest.raises(SettleTimeout, match=f"message {number} matches, but is not done: accepted, after 0.3 s"):
        wm.wait(to=ANA, timeout_s=0.3)
    run_later(gate.touch)
    trace = wm.wait(to=ANA, timeout_s=30)
    assert (trace.summary.number, trace.summary.state) == (number, "done")


def test_only_later_messages_count_on_request(wm: LocalWorkMail) -> None:
    first = accept(wm)
    assert wm.wait().summary.number == first
    with pytest.raises(SettleTimeout, match="no message matches"):
        wm.wait(since=first, timeout_s=0.2)
    run_later(lambda: accept(wm, "Second"))
    assert wm.wait(since=first, timeout_s=30).summary.subject == "Second"


def test_the_api_answers_when_the_message_is_done(wm: LocalWorkMail, url: str) -> None:
    run_later(lambda: accept(wm, "Later"))
    answer = requests.get(f"{url}/api/wait?subject=later&timeout=60", timeout=90)
    assert (answer.status_code, answer.json()["subject"], answer.json()["state"]) == (200, "Later", "done")
    answer = requests.get(f"{url}/api/wait?subject=later&since=1&timeout=1", timeout=90)
    assert (answer.status_code, answer.json()) == (408, {"error": "no message matches, after 1 s"})


def test_the_command_prints_the_message_and_exits_with_0(
    wm: LocalWorkMail, folder: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    accept(wm, "An\x1b[31m offer")
    assert main(["wait", "--folder", str(folder), "--subject", "offer"]) == 0
    assert capsys.readouterr().out == '1  nora@example.net -> ana@example.com  "An\\x1b[31m offer"  no rule  Inbox\n'
    assert main(["wait", "--url", f"{url}/", "--to", "ana", "--from", "nora", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == 1


def test_the_command_can_wait_for_a_new_message(wm: LocalWorkMail, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = accept(wm, "Old")
    ended = threading.Event()

    def send_until_it_ends() -> None:
        # One message is not enough: the command may start after it.
        while not ended.wait(0.3):
            accept(wm, "New")

    sender = threading.Thread(target=send_until_it_ends)
    sender.start()
    try:
        assert main(["wait", "--folder", str(folder), "--new", "--timeout", "60"]) == 0
    finally:
        ended.set()
        sender.join()
    out = capsys.readouterr().out
    assert int(out.partition(" ")[0]) > number
    assert '"New"' in out


def test_the_command_exits_with_1_when_the_time_is_over(wm: LocalWorkMail, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    assert main(["wait", "--folder", str(folder), "--since", "5", "--timeout", "1"]) == 1
    assert time.monotonic() - started >= 1
    result = capsys.readouterr()
    assert (result.out, result.err) == ("", "workmail-hooks wait: no message matches, after 1 s\n")


def test_the_command_exits_with_2_without_a_server_or_with_bad_input(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    for arguments, text in (
        (["--folder", str(empty)], f"no server runs in {empty}"),
        (["--url", "http://127.0.0.1:9"], "http://127.0.0.1:9 does not answer"),
        (["--folder", str(folder), "--search", "x" * 600], "q has more than 500 characters"),
    ):
        assert main(["wait", *arguments]) == 2
        assert text in capsys.readouterr().err
    for arguments in (["--timeout", "0"], ["--timeout", "1e9"], ["--url", "ftp://x"], ["--new", "--since", "3"], ["--since", "-1"]):
        with pytest.raises(SystemExit) as ended:
            main(["wait", *arguments])
        assert ended.value.code == 2
