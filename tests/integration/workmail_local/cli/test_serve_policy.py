"""`workmail-hooks serve --policy`: all mail runs one policy, which is loaded again when it is saved."""

import smtplib
from pathlib import Path

import pytest
import requests

from tests.integration.workmail_local.cli.test_serve import ANA, NO_RULES, NORA, Served, served
from tests.support.waiting import wait_until
from workmail_local.cli.main import main

POLICY = """\
version: 1
organization: { domains: [example.com] }
rules:
  - { name: External, when: { direction: inbound }, do: { subject_tag: "[EXTERNAL]" } }
  - { name: Sent, when: { direction: outbound }, do: { subject_tag: "[SENT]" } }
"""


def send(server: Served, subject: str, *, outbound: bool = False) -> None:
    sender, to = (ANA, NORA) if outbound else (NORA, ANA)
    text = f"From: {sender}\r\nTo: {to}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    with smtplib.SMTP("127.0.0.1", server.outbound if outbound else server.inbound, timeout=20) as client:
        client.sendmail(sender, [to], text)


def has_subject(folder: Path, subject: str) -> bool:
    return any(f"\r\nSubject: {subject}\r\n".encode() in file.read_bytes() for file in folder.glob("**/new/*"))


def problems(server: Served) -> list[str]:
    return [each["text"] for each in requests.get(f"{server.page}/api/problems", timeout=20).json()["problems"]]


def test_all_mail_runs_the_policy_as_it_was_last_saved_without_an_error(tmp_path: Path) -> None:
    config, policy, mail = tmp_path / "workmail.toml", tmp_path / "policy.yaml", tmp_path / "mail"
    config.write_text(NO_RULES)
    policy.write_text(POLICY)
    notes = mail / "policy/notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    with served(mail, config, "--policy", str(policy)) as server:
        assert "Policy, all mail" in server.screen
        send(server, "one")
        send(server, "two", outbound=True)
        wait_until(lambda: has_subject(mail, "[EXTERNAL] one") and has_subject(mail, "[SENT] two"))

        policy.write_text(POLICY.replace("subject_tag", "subject_tga"))
        send(server, "three")
        wait_until(lambda: has_subject(mail, "[EXTERNAL] three"))
        assert problems(server)[0].startswith('policy.yaml:4: rule "External": do/subject_tga: unknown key; did you mean subject_tag?')
        assert "did you mean subject_tag" in requests.get(server.page, timeout=20).text

        policy.write_text(POLICY.replace("[EXTERNAL]", "[OUTSIDE]"))
        send(server, "four")
        wait_until(lambda: has_subject(mail, "[OUTSIDE] four"))
        assert problems(server) == []
    assert [path.name for path in notes.parent.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "options, text, expected",
    [
        ([], POLICY.replace("inbound", "inbuond"), "policy.yaml:4: rule"),
        (["--containers"], POLICY, "--policy runs mailflow in a process here"),
        (["--lambda-endpoint", "http://127.0.0.1:3001"], POLICY, "--policy runs mailflow in a process here"),
    ],
)
def test_a_policy_that_cannot_run_is_an_error_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str, expected: str
) -> None:
    # In the folder where an earlier version removed all files.
    policy = tmp_path / "policy/policy.yaml"
    policy.parent.mkdir()
    policy.write_text(text)
    assert main(["serve", "--folder", str(tmp_path), "--policy", str(policy), "--web-port", "0", *options]) == 2
    assert policy.read_text() == text
    assert expected in capsys.readouterr().err
