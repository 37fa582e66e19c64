"""`workmail-hooks new`, in an environment with the wheel."""

import re
import smtplib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.installation import clean_environment
from tests.support.waiting import wait_until
from workmail_local.cli.main import main
from workmail_local.cli.new_hook import SAMPLE
from workmail_local.config.functions import ROOT

ANA, NORA = "ana@example.com", "nora@example.net"
NO_SUBJECT = f"From: {ANA}\r\nTo: {NORA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n\r\nHello\r\n"


@pytest.fixture
def run(programs: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a program in a folder of the temporary folder, and returns what it prints."""

    def once(folder: str, program: str, *arguments: str) -> str:
        command = [programs / program, *arguments]
        done = subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True, env=clean_environment(programs), timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return once


def test_the_tests_of_a_new_hook_pass_and_a_defect_in_it_makes_them_fail(run: Callable[..., str], tmp_path: Path) -> None:
    printed = run(".", "workmail-hooks", "new", "Check-Subject2")
    assert re.findall(r"^  (\S+(?: \S+)*?)(?:  +#.*)?$", printed, re.MULTILINE) == ["cd Check-Subject2", "pytest", "workmail-hooks serve"]
    assert "3 passed" in run("Check-Subject2", "python", "-m", "pytest", "-q")

    code = tmp_path / "Check-Subject2" / "app.py"
    code.write_text(code.read_text().replace("mail.event.subject.strip()", "mail.event.subjects.strip()"))
    with pytest.raises(AssertionError) as caught:
        run("Check-Subject2", "python", "-m", "pytest", "-q")
    assert "3 failed" in str(caught.value)
    assert "AttributeError: 'MailFlowEvent' object has no attribute 'subjects'" in str(caught.value)
    assert f'File "{code}", line 9' in str(caught.value)


def test_serve_in_the_folder_runs_the_hook_and_loads_it_again_when_it_is_saved(
    programs: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    run(".", "workmail-hooks", "new", "check")
    folder = tmp_path / "check"
    ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    command = [str(programs / "workmail-hooks"), "serve", *ports]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(programs), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            screen = "".join(iter(server.stdout.readline, "Mail:\n"))
            found = re.search(r"submission  127\.0\.0\.1:(\d+)", screen)
            assert found, screen
            port = int(found[1])
            assert "events/" not in screen, "a command names a file that is not in this folder"
            assert f"Try:\n  swaks --server 127.0.0.1:{port} --from {ANA} " in screen, "the first command is for mail that meets no rule"
            bounces = folder / ".local/workmail/mailboxes" / ANA / "new"
            send(port)
            wait_until(lambda: "with a subject" in "".join(file.read_text() for file in bounces.glob("*")))

            code = folder / "app.py"
            code.write_text(code.read_text().replace("with a subject", "with a good title"))
            time.sleep(1)  # a save is noticed within half a second
            send(port)
            wait_until(lambda: "with a good title" in "".join(file.read_text() for file in bounces.glob("*")))
        finally:
            server.terminate()


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail(ANA, [NORA], NO_SUBJECT)


def test_each_file_of_the_sample_is_copied_and_no_name_of_it_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "tag"]) == 0
    tracked = subprocess.run(
        ["git", "ls-files", "--others", "--cached", "."], cwd=SAMPLE, capture_output=True, text=True, check=True
    ).stdout
    ignored = subprocess.run(
        ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "."], cwd=SAMPLE, capture_output=True, text=True
    )
    expected = {*tracked.split()} - {*ignored.stdout.split()}
    assert {file.name for file in (tmp_path / "tag").iterdir()} == {name.replace("own_hook", "tag") for name in expected}
    texts = "".join(file.read_text("utf-8") for file in (tmp_path / "tag").iterdir())
    assert "[functions.tag]" in texts
    assert not re.search("own.hook", texts)
    assert (tmp_path / "tag/template.yaml").read_bytes() == (ROOT / "samples/own-hook/template.yaml").read_bytes()


@pytest.mark.parametrize("name", ["", "-x", "x-", "2nd", "a_b", "a/b", "..", "a b", "größe", "x" * 65])
def test_a_name_that_no_function_or_stack_may_have_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "--", name]) == 2
    assert "letters, digits and -" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tag").mkdir()
    (tmp_path / "tag/app.py").write_text("mine")
    assert main(["new", "tag"]) == 2
    assert capsys.readouterr().err == "workmail-hooks new: tag exists and is left as it is: choose another name\n"
    assert [(file.name, file.read_text()) for file in (tmp_path / "tag").iterdir()] == [("app.py", "mine")]
