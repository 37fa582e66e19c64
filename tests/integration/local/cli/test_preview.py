"""`python -m local preview`, as somebody types it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.config.functions import ROOT
from mailhooks.content.disclaimer import add_disclaimer

REPLY = ROOT / "events" / "mail" / "disclaimer-outbound-reply.eml"
SIGNED = ROOT / "events" / "mail" / "disclaimer-outbound-signed.eml"


def preview(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", "preview", *map(str, arguments)], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60
    )


def test_it_writes_what_the_library_makes_of_the_message_and_says_what_was_done(tmp_path: Path) -> None:
    out = tmp_path / "out.eml"
    done = preview(REPLY, "--disclaimer", "Beispiel GmbH, Köln", "--position", "after-reply", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert out.read_bytes() == add_disclaimer(REPLY.read_bytes(), text="Beispiel GmbH, Köln", html="", position="after-reply")
    for expected in ("above the quote, line 5", "header: added X-Mailhooks-Disclaimer", "nothing that WorkMail would refuse", "K=F6ln"):
        assert expected in done.stdout
    assert str(out.name) in done.stdout


def test_a_message_that_is_left_alone_is_written_as_it_is_and_that_is_no_failure(tmp_path: Path) -> None:
    out, page = tmp_path / "out.eml", tmp_path / "page.html"
    done = preview(SIGNED, "--disclaimer", "D", "--out", out, "--html", page)
    assert done.returncode == 0
    assert "declined: it is signed" in done.stdout
    assert out.read_bytes() == SIGNED.read_bytes()
    assert "declined: it is signed" in page.read_text("utf-8")


def test_it_may_wrap_and_bring_images(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "d.html").write_text('<p><img src="cid:logo.png" alt="Example"></p>')
    out = tmp_path / "out.eml"
    assert preview(SIGNED, "--disclaimer", tmp_path / "d.html", "--on-unmodifiable", "wrap", "--out", out).returncode == 0
    assert SIGNED.read_bytes() in out.read_bytes()
    assert preview(REPLY, "--disclaimer", tmp_path / "d.html", "--images", tmp_path, "--out", out).returncode == 0
    assert b"Content-Type: image/png" in out.read_bytes()


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["no-such.eml", "--disclaimer", "D"], "No such file"),
        (["events", "--disclaimer", "D"], "Is a directory"),
        ([str(REPLY), "--disclaimer", "no-such.html"], "there is no file no-such.html"),
        ([str(REPLY), "--disclaimer", "D", "--out", "no-such-folder/out.eml"], "No such file"),
        ([str(REPLY), "--disclaimer", "D", "--position", "above"], "invalid choice"),
        ([str(REPLY)], "--disclaimer"),
    ],
)
def test_what_cannot_be_carried_out_ends_with_2_and_says_why(arguments: list[str], why: str) -> None:
    done = preview(*arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_neither_an_empty_file_nor_one_that_would_be_overwritten_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty.eml").touch()
    own = Path(shutil.copy(REPLY, tmp_path))
    for arguments, why in (
        ([tmp_path / "empty.eml"], "is empty"),
        ([own, "--out", own], "overwritten"),
        ([own, "--html", own], "overwritten"),
    ):
        done = preview(*arguments, "--disclaimer", "D")
        assert (done.returncode, why in done.stderr) == (2, True)
    assert own.read_bytes() == REPLY.read_bytes()
