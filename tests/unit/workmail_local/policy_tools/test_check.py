"""`workmail-hooks check`."""

import json
from pathlib import Path

import pytest

from tests.support.policy_files import POLICY, write_policy
from workmail_local.cli.main import main


def test_a_policy_without_problems_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write_policy(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "OK  2 rules; 0 warnings, 0 notes"
    assert "\x1b" not in out


def test_every_problem_has_its_line_and_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_policy(tmp_path, POLICY.replace("direction: inbound", "direction: sideways").replace("recipient:", "recipients:"))
    assert main(["check", file]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f'{file}:8: rule "External banner": when/direction: expected inbound or outbound')
    assert lines[1].startswith(f'{file}:12: rule "Contracts": when/recipients: unknown key; did you mean recipient?')
    assert lines[2] == "INVALID  2 problems"


def test_warnings_do_not_make_a_policy_invalid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_policy(tmp_path, f"{POLICY}  - name: Late\n    when: {{ direction: outbound }}\n    do: junk\n    mode: enforce\n")
    assert main(["check", file]) == 0
    out = capsys.readouterr().out
    assert f'{file}:14: warning: rule "Late":' in out.replace("\n    ", " ")
    assert out.splitlines()[-1] == "OK  3 rules; 1 warning, 0 notes"
    assert max(map(len, out.splitlines())) <= 100


def test_needs_are_listed_with_rules_settings_and_permissions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", write_policy(tmp_path, POLICY.replace("subject: contract", "subject: contract, recipient_in_group: all@example.com"))])
    out = capsys.readouterr().out
    assert (
        "Needed: groups are looked up in the directory\n  for       Contracts: recipient_in_group\n  settings  POLICY_DIRECTORY=true" in out
    )
    assert "  may       s3:PutObject on arn:aws:s3:::example-archive/mail/*" in out


def test_an_option_sets_the_domains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_policy(tmp_path, "version: 1\nrules: [{name: Copy, do: {add_recipients: [a@example.net]}}]\n")
    main(["check", file, "--domains", "example.com"])
    assert "1 warning, 0 notes" in capsys.readouterr().out
    main(["check", file, "--domains", "example.com,example.net"])
    assert "0 warnings, 0 notes" in capsys.readouterr().out


def test_each_platform_that_is_named_has_its_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_policy(tmp_path, "version: 1\nrules:\n  - name: Staff\n    when: { sender_in_group: staff@example.com }\n    do: drop\n")
    main(["check", file])
    assert "warning" not in capsys.readouterr().out.replace("0 warnings", "")
    main(["check", file, "--platform", "workmail", "--platform", "gateway", "--platform", "milter", "--platform", "gateway"])
    out = capsys.readouterr().out.replace("\n    ", " ")
    assert out.count(f'{file}:3: warning: rule "Staff": sender_in_group fails: the gateway has no directory') == 1
    assert out.count("the milter has no directory") == 1
    assert out.splitlines()[-1] == "OK  1 rule; 2 warnings, 0 notes"


def test_another_platform_needs_neither_directory_nor_message_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_policy(tmp_path)
    main(["check", file, "--platform", "gateway"])
    out = capsys.readouterr().out
    assert "workmail" not in out
    assert "s3:PutObject on arn:aws:s3:::example-archive/mail/*" in out
    main(["check", file, "--platform", "gateway", "--platform", "workmail"])
    assert "workmailmessageflow:GetRawMessageContent" in capsys.readouterr().out


def test_an_unknown_platform_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", write_policy(tmp_path), "--platform", "exchange"])
    assert caught.value.code == 2
    assert "gateway" in capsys.readouterr().err


def test_json_has_the_whole_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write_policy(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rules"], document["problems"], document["findings"]) == (2, [], [])
    assert {"rule": "External banner", "for": "kind, subject_tag"} in document["needs"][0]["rules"]
    assert main(["check", write_policy(tmp_path, "version: 2\nrules: [{name: A, do: drop}]"), "--json"]) == 1
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert problem == {"line": 1, "rule": "", "place": "version", "text": "expected 1, got a number"}


def test_of_many_problems_fifty_are_shown_and_all_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_policy(tmp_path, "version: 1\nrules:\n" + "".join(f"  - name: r{number}\n" for number in range(60)))
    assert main(["check", file]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 52
    assert lines[-2:] == [f"{file}: and 10 more", "INVALID  60 problems"]
    assert main(["check", file, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["more"] == 10


def test_a_missing_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_control_characters_of_a_policy_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_policy(tmp_path, 'version: 1\nrules: [{name: A, do: drop, "\\e[2J": 1}]')
    assert main(["check", str(tmp_path / "policy.yaml")]) == 1
    assert "\x1b" not in capsys.readouterr().out
