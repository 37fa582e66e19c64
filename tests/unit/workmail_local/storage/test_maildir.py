"""Delivered mail on disk."""

import doctest
import os
from pathlib import Path

import pytest

from workmail_local.mail.history import Destination
from workmail_local.storage import maildir
from workmail_local.storage.maildir import MaildirStore, directory_name

RAW = b"Subject: x\r\n\r\nCRLF\r\nLF\nCR\r8-bit \xff\r\nFrom here\r\nno end"
ANA = "ana@example.com"


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(maildir).failed == 0


def test_mail_is_delivered_byte_for_byte_to_inbox_and_junk(tmp_path: Path) -> None:
    store = MaildirStore(tmp_path)
    store.deliver(Destination.INBOX, "Ana@example.com", "one", RAW)
    store.deliver(Destination.JUNK, ANA, "two", RAW)
    assert (tmp_path / "mailboxes/ana@example.com/new/one").read_bytes() == RAW
    assert (tmp_path / "mailboxes/ana@example.com/.Junk/new/two").read_bytes() == RAW
    assert [(copy.destination, copy.raw) for copy in store.delivered(ANA)] == [(Destination.INBOX, RAW), (Destination.JUNK, RAW)]


def test_a_delivery_that_is_repeated_leaves_one_copy_even_when_a_mail_program_has_moved_it(tmp_path: Path) -> None:
    store = MaildirStore(tmp_path)
    for _ in range(2):
        store.deliver(Destination.INBOX, ANA, "one", RAW)
    assert len(store.delivered(ANA)) == 1
    store.delivered(ANA)[0].path.rename(tmp_path / "mailboxes" / ANA / "cur" / "one:2,S")
    store.deliver(Destination.INBOX, ANA, "one", RAW)
    assert len(store.delivered(ANA)) == 1


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
    MaildirStore(tmp_path).deliver(Destination.INBOX, address, "one", RAW)
    assert [path.name for path in (tmp_path / "mailboxes").iterdir()] == [name]


def test_two_addresses_have_two_names() -> None:
    addresses = ["a/b@example.com", "a=2fb@example.com", "a_b@example.com", "x" * 400, "x" * 401, ".a", "=2ea"]
    assert len({directory_name(address) for address in addresses}) == len(addresses)


def test_spellings_of_one_address_share_a_folder() -> None:
    assert directory_name("Ana@bücher.example") == directory_name("ana@xn--bcher-kva.example")
