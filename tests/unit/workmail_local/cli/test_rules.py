import os
from pathlib import Path

import pytest

from workmail_local.cli.main import main
from workmail_local.config.functions import ROOT

CONFIGURATION = """\
[organization]
domains = ["example.com"]
[[rules]]
name = "Tag"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "rewrite"
[[rules]]
name = "No offers"
direction = "inbound"
action = "bounce"
senders = ["*.example.net"]
recipients = ["press@example.com"]
[[rules]]
name = "Watch"
direction = "outbound"
action = "lambda"
senders = ["boss@example.com"]
function = "observe"
synchronous = false
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "workmail.toml"
    path.write_text(CONFIGURATION, "utf-8")
    return str(path)


def test_each_recipient_has_the_winning_rule_and_the_reasons_of_the_others(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-rule", "--from", "nora@mail.example.net", "--to", "press@example.com", "ana@example.com", "--config", file]) == 0
    out = capsys.readouterr().out
    assert out.startswith("INBOUND  From nora@mail.example.net\nRules of ")
    press, ana = out.split("\npress@example.com\n")[1].split("\nana@example.com\n")
    assert [line.split() for line in press.splitlines() if "  " in line.strip()] == [
        ["No", "offers", "BOUNCE", "wins"],
        ["Tag", "LAMBDA", "rewrite", "matches"],
    ]
    assert "Matches, but the sender pattern * is less specific than *.example.net." in press
    assert ana.splitlines()[0].split() == ["Tag", "LAMBDA", "rewrite", "wins"]
    assert ana.splitlines()[-1].strip() == "No recipient pattern matches."
    assert max(map(len, out.splitlines()[2:])) <= 100
    assert "\x1b" not in out


def test_an_outbound_rule_may_match_the_sender(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["test-rule", "--from", "ana@example.com", "--to", "x@example.org", "--outbound", "--config", file]
    assert main([*arguments, "--sender", "boss@example.com"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("OUTBOUND  From ana@example.com, Sender boss@example.com\n")
    assert "LAMBDA observe (async)" in out
    assert main(arguments) == 0
    assert "No outbound rule matches both sender and recipient. WorkMail delivers the message as usual." in capsys.readouterr().out


def test_the_default_file_is_the_project_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-rule", "--from", "spam@example.net", "--to", "ana@example.com", "ana@example.org"]) == 0
    out = capsys.readouterr().out
    assert f"\nRules of {Path('workmail_local', 'workmail.toml')}\n" in out.replace(f"{ROOT}{os.sep}", "")
    assert out.count("wins") == 2
    assert out.count("Not in the organization's domains: WorkMail would accept no inbound mail for this recipient.") == 1


def test_control_characters_do_not_reach_the_terminal(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-rule", "--from", "\x1b[31m@x", "--sender", "\udc80@x", "--to", "\x1b]0x\x07@x", "--config", file]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_an_invalid_file_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "workmail.toml"
    file.write_text(CONFIGURATION.replace('"bounce"', '"delete"'), "utf-8")
    assert main(["test-rule", "--from", "a@example.net", "--to", "b@example.com", "--config", str(file)]) == 2
    assert capsys.readouterr().err.startswith(
        'workmail-hooks test-rule: workmail.toml:12: rule "No offers": action: expected one of drop, '
    )
    assert main(["test-rule", "--from", "a@example.net", "--to", "b@example.com", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
