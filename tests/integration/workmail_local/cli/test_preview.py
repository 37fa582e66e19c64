"""`workmail-hooks preview`: the command, from its arguments to its files and exit code."""

import shutil
from pathlib import Path

import pytest

from mailhooks.content.disclaimer import add_disclaimer
from workmail_local.cli.main import main
from workmail_local.config.functions import ROOT

REPLY = ROOT / "events" / "mail" / "disclaimer-outbound-reply.eml"
SIGNED = ROOT / "events" / "mail" / "disclaimer-outbound-signed.eml"


def preview(*arguments: str | Path) -> int:
    return main(["preview", *map(str, arguments)])


def test_it_writes_the_changed_message_and_reports_the_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.eml"
    assert preview(REPLY, "--disclaimer", "Beispiel GmbH, Köln", "--position", "after-reply", "--out", out) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert out.read_bytes() == add_disclaimer(REPLY.read_bytes(), text="Beispiel GmbH, Köln", html="", position="after-reply")
    for expected in ("above the quote, line 5", "header: added X-Mailhooks-Disclaimer", "no reason for WorkMail to reject it", "K=F6ln"):
        assert expected in printed.out
    assert str(out.name) in printed.out


def test_an_unchanged_message_is_written_as_it_is_and_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "out.eml", tmp_path / "page.html"
    assert preview(SIGNED, "--disclaimer", "D", "--out", out, "--html", page) == 0
    assert "declined: it is signed" in capsys.readouterr().out
    assert out.read_bytes() == SIGNED.read_bytes()
    assert "declined: it is signed" in page.read_text("utf-8")


def test_a_disclaimer_may_wrap_and_have_images(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "d.html").write_text('<p><img src="cid:logo.png" alt="Example"></p>')
    out = tmp_path / "out.eml"
    assert preview(SIGNED, "--disclaimer", tmp_path / "d.html", "--on-unmodifiable", "wrap", "--out", out) == 0
    assert SIGNED.read_bytes() in out.read_bytes()
    assert preview(REPLY, "--disclaimer", tmp_path / "d.html", "--images", tmp_path, "--out", out) == 0
    assert b"Content-Type: image/png" in out.read_bytes()


def test_a_failing_command_ends_with_2_and_has_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, why in (
        (["no-such.eml", "--disclaimer", "D"], "no such file: no-such.eml"),
        (["events", "--disclaimer", "D"], "a folder, not a file: events"),
        ([REPLY, "--disclaimer", "no-such.html"], "there is no file no-such.html"),
        ([REPLY, "--disclaimer", "D", "--out", "no-such-folder/out.eml"], "no such file: no-such-folder/out.eml"),
    ):
        assert preview(*arguments) == 2, arguments
        assert why in capsys.readouterr().err


def test_wrong_options_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, why in (([REPLY, "--disclaimer", "D", "--position", "above"], "invalid choice"), ([REPLY], "--disclaimer")):
        with pytest.raises(SystemExit, match="2"):
            preview(*arguments)
        assert why in capsys.readouterr().err


def test_an_empty_file_is_rejected_and_the_message_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.eml").touch()
    own = Path(shutil.copy(REPLY, tmp_path))
    for arguments, why in (
        ([tmp_path / "empty.eml"], "is empty"),
        ([own, "--out", own], "overwritten"),
        ([own, "--html", own], "overwritten"),
    ):
        assert preview(*arguments, "--disclaimer", "D") == 2
        assert why in capsys.readouterr().err
    assert own.read_bytes() == REPLY.read_bytes()
