import os
from pathlib import Path

import pytest

from local.errors import ForeignFolder
from local.storage.mailboxes import Copy, Mailboxes, digest, directory_name

RAW = b"Subject: x\r\n\r\nCRLF\r\nLF\nCR\r8-bit \xff\r\nFrom here\r\nno end"


def test_mail_is_delivered_byte_for_byte_to_inbox_and_junk(tmp_path: Path) -> None:
    boxes = Mailboxes(tmp_path / "mail")
    boxes.deliver("Ana@example.com", "Inbox", RAW)
    boxes.deliver("ana@example.com", "Junk", RAW)
    [inbox] = (tmp_path / "mail/ana@example.com/new").iterdir()
    [junk] = (tmp_path / "mail/ana@example.com/.Junk/new").iterdir()
    assert inbox.read_bytes() == junk.read_bytes() == RAW
    assert boxes.copies() == {Copy("ana@example.com", folder, digest(RAW)): 1 for folder in ("Inbox", "Junk")}


def test_the_same_mail_twice_counts_twice(tmp_path: Path) -> None:
    boxes = Mailboxes(tmp_path / "mail")
    boxes.deliver("ana@example.com", "Inbox", RAW)
    boxes.deliver("ana@example.com", "Inbox", RAW)
    assert boxes.copies() == {Copy("ana@example.com", "Inbox", digest(RAW)): 2}


def test_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    Mailboxes(tmp_path / "mail").deliver("ana@example.com", "Inbox", RAW)
    assert not Mailboxes(tmp_path / "mail").copies()


def test_a_folder_with_something_else_in_it_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(ForeignFolder):
        Mailboxes(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "irreplaceable"


def test_neither_a_link_nor_a_file_is_followed_or_replaced(tmp_path: Path) -> None:
    Mailboxes(tmp_path / "mail")
    (tmp_path / "link").symlink_to(tmp_path / "mail")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(ForeignFolder):
            Mailboxes(tmp_path / name)


@pytest.mark.parametrize(
    "address",
    [
        "../../etc/passwd",
        "/etc/passwd@example.com",
        ".",
        "..",
        "",
        "a\0b@example.com",
        "a/b@example.com",
        "x" * 400,
        "ä\n@example.com",
        "a\\b",
        "\ud800@example.com",
    ],
)
def test_an_address_never_leads_out_of_the_folder(address: str, tmp_path: Path) -> None:
    name = directory_name(address)
    assert os.sep not in name
    assert name not in {"", ".", ".."}
    assert name.isprintable()
    Mailboxes(tmp_path / "mail").deliver(address, "Inbox", RAW)
    assert [path.name for path in (tmp_path / "mail").iterdir() if path.is_dir()] == [name]


def test_two_addresses_have_two_names() -> None:
    addresses = ["a/b@example.com", "a=2fb@example.com", "a_b@example.com", "x" * 400, "x" * 401, ".a", "=2ea"]
    assert len({directory_name(address) for address in addresses}) == len(addresses)
