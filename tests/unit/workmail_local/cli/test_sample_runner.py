"""The folder for delivered mail, which is emptied at each run."""

from pathlib import Path

import pytest

from workmail_local.cli.sample_runner import empty_mail_folder
from workmail_local.errors import ForeignFolder


def test_the_mail_of_an_earlier_run_is_removed(tmp_path: Path) -> None:
    empty_mail_folder(tmp_path / "mail")
    (tmp_path / "mail" / "mailboxes").mkdir()
    empty_mail_folder(tmp_path / "mail")
    assert not (tmp_path / "mail" / "mailboxes").exists()


def test_a_folder_with_other_files_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(ForeignFolder):
        empty_mail_folder(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "irreplaceable"


def test_neither_a_link_nor_a_file_is_followed_or_replaced(tmp_path: Path) -> None:
    empty_mail_folder(tmp_path / "mail")
    (tmp_path / "link").symlink_to(tmp_path / "mail")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    for name in ("link", "dangling", "file"):
        with pytest.raises(ForeignFolder):
            empty_mail_folder(tmp_path / name)
