"""The folder for delivered mail, which is emptied at each run."""

from pathlib import Path

import pytest

from tests.support.queue import ANA, NORA, RAW
from workmail_local import LocalWorkMail
from workmail_local.cli.sample_runner import empty_mail_folder
from workmail_local.errors import ForeignFolder, SpoolError


def test_the_mail_of_an_earlier_run_is_removed_and_no_other_file(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    empty_mail_folder(mail)
    with LocalWorkMail(folder=mail) as wm:
        wm.send(RAW, mail_from=NORA, to=[ANA])
        [copy] = wm.delivered(ANA)
        with pytest.raises(SpoolError, match="another local WorkMail"):
            empty_mail_folder(mail)
        assert copy.path.exists()
    (mail / "notes.txt").write_text("mine")
    empty_mail_folder(mail)
    assert not (mail / "spool.db").exists()
    assert not (mail / "mailboxes").exists()
    assert (mail / "notes.txt").read_text() == "mine"


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
