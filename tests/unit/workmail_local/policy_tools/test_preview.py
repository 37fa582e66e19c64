"""`workmail-hooks preview --policy`."""

from pathlib import Path

import pytest

from tests.support.policy_files import save_message, write_policy
from workmail_local.cli.main import main


def test_a_policy_s_changes_are_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "out.eml", tmp_path / "page.html"
    arguments = ["preview", save_message(tmp_path), "--policy", write_policy(tmp_path), "--out", str(out), "--html", str(page)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "  Rules       External banner\n" in text
    assert "  Verdicts    1 BOUNCE, 1 DEFAULT\n" in text
    assert "header: changed Subject" in text
    assert b"Subject: [EXTERNAL] Our contract\r\n" in out.read_bytes()
    assert "External banner" in page.read_text("utf-8")


def test_the_options_name_either_a_policy_or_a_disclaimer() -> None:
    for options in ([], ["--policy", "p.yaml", "--disclaimer", "D"]):
        with pytest.raises(SystemExit, match="2"):
            main(["preview", "m.eml", *options])


def test_a_policy_without_a_matching_rule_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", save_message(tmp_path), "--policy", write_policy(tmp_path), "--from", "ana@example.com"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_only_changes_with_an_effect_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = "version: 1\norganization: {domains: [example.com]}\nrules: [{name: R, do: {strip_attachments: {extensions: [exe]}}}]"
    assert main(["preview", save_message(tmp_path), "--policy", write_policy(tmp_path, policy)]) == 0
    out = capsys.readouterr().out
    assert "nothing to do" in out
    assert "strip_attachments" not in out


@pytest.mark.parametrize(
    "options, held, verdicts", [([], "until boss@example.com", "2 DEFAULT"), (["--decision", "reject"], "rejected", "2 BOUNCE")]
)
def test_a_hold_is_shown_with_the_outcome_after_its_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], held: str, verdicts: str
) -> None:
    hold = "{hold: {approvers: boss@example.com, timeout: 1h, on_timeout: drop}}"
    policy = f"version: 1\norganization: {{domains: [example.com]}}\nrules: [{{name: R, do: {hold}}}]"
    assert main(["preview", save_message(tmp_path), "--policy", write_policy(tmp_path, policy), *options]) == 0
    out = capsys.readouterr().out
    assert f'  Hold        rule "R" for all recipients: {held}' in out
    assert f"  Verdicts    {verdicts}\n" in out
