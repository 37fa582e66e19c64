"""`workmail-hooks preview`: the disclaimer that the options describe, and the report."""

from pathlib import Path

import pytest

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText
from tests.support.mail import CORPUS
from tests.unit.workmail_local.viewer.messages import GERMAN, HEADER, SIGNED, after_reply
from workmail_local.cli.preview import _report, read_disclaimer
from workmail_local.console.style import Style
from workmail_local.console.text_columns import count_columns
from workmail_local.errors import PreviewError
from workmail_local.viewer.preview import Preview, preview_disclaimer


def report(preview: Preview) -> str:
    return "\n".join(_report(preview, Style()))


def test_a_disclaimer_is_an_html_file_a_text_file_or_the_text_itself(tmp_path: Path) -> None:
    (tmp_path / "d.html").write_text("\ufeff<p>Köln</p>", "utf-8")
    (tmp_path / "d.txt").write_text("Köln", "utf-8")
    assert read_disclaimer(str(tmp_path / "d.html")).html == "<p>Köln</p>"
    assert read_disclaimer(str(tmp_path / "d.txt")).text == "Köln"
    assert read_disclaimer("Just text.").text == "Just text."
    assert read_disclaimer("x" * 5000).text == "x" * 5000
    both = read_disclaimer(str(tmp_path / "d.html"), str(tmp_path / "d.txt"), position="prepend", on_unmodifiable="wrap")
    assert (both.text, both.html, both.position, both.on_unmodifiable) == ("Köln", "<p>Köln</p>", "prepend", "wrap")


def test_an_invalid_disclaimer_is_rejected() -> None:
    for given, text, why in (
        ("banner.html", None, "there is no file banner.html"),
        ("banner.txt", None, "there is no file banner.txt"),
        ("  ", None, "empty"),
        ("A", "B", "--text is for an HTML disclaimer"),
    ):
        with pytest.raises(PreviewError, match=why):
            read_disclaimer(given, text)


def test_an_unreadable_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"K\xf6ln")
    (tmp_path / "d.html").write_text('<img src="cid:logo.png">')
    with pytest.raises(PreviewError, match="UTF-8"):
        read_disclaimer(str(tmp_path / "latin.txt"))
    with pytest.raises(PreviewError, match="--text is an HTML file"):
        read_disclaimer(str(tmp_path / "d.html"), str(tmp_path / "d.html"))
    with pytest.raises(PreviewError, match=r"there is no logo\.png"):
        read_disclaimer(str(tmp_path / "d.html"), images=tmp_path)
    with pytest.raises(PreviewError, match="is not a folder"):
        read_disclaimer("D", images=tmp_path / "none")


def test_the_report_of_an_unchanged_message_has_one_version() -> None:
    assert "After" not in report(preview_disclaimer("m.eml", SIGNED, GERMAN))


def test_the_report_has_the_reasons_of_a_rejection_and_the_notes() -> None:
    shown = report(preview_disclaimer("m.eml", b"From: ana@example.com\n\n" + b"Hello\n" * 400, Disclaimer(text="D")))
    assert "REJECTED: a required header field is missing (date)" in shown
    assert "  Note        the file has LF line ends" in shown


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("disclaimer", [after_reply(), after_reply(on_unmodifiable=OnUnmodifiable.WRAP, on_no_text=OnNoText.ADD_PART)])
def test_the_report_of_real_mail_has_100_columns_and_no_control_characters(path: Path, disclaimer: Disclaimer) -> None:
    lines = report(preview_disclaimer(path.name, path.read_bytes(), disclaimer)).split("\n")
    assert max(map(count_columns, lines)) <= 100
    assert all(line.isprintable() for line in lines)


def test_the_parts_in_the_report_are_bounded() -> None:
    raw = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nA\r\n" * 5000 + b"--b--\r\n"
    assert "... and 4,941 more parts" in report(preview_disclaimer("m.eml", raw, GERMAN))
