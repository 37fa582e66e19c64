"""Zip files of exports: names in each form, damage, bombs, and sizes."""

import os
import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest

from workmail_local.imap_import import archive as module
from workmail_local.imap_import.archive import InvalidArchive, UnreadableEntry, open_archive


def write(path: Path, *entries: tuple[str | ZipInfo, bytes], compression: int = ZIP_DEFLATED) -> Path:
    with ZipFile(path, "w", compression) as zip_file:
        for name, content in entries:
            zip_file.writestr(name, content)
    return path


def paths(path: Path) -> list[str]:
    with open_archive(path) as opened:
        return [entry.path for entry in opened.entries]


def raw_name(path: Path, name: bytes, flags: int = 0) -> Path:
    """Write a zip file with one entry whose name has these bytes and flags."""
    write(path, ("x" * len(name), b"a: b\r\n"), compression=ZIP_STORED)
    content = path.read_bytes().replace(b"x" * len(name), name)
    path.write_bytes(content.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00" + struct.pack("<H", flags)))
    return path


def test_folders_and_files_keep_the_order_of_the_file_in_each_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", ("B/2.eml", b""), ("A/9.eml", b""), ("B/1.eml", b""), ("A/", b""))
    assert paths(path) == ["A/9.eml", "B/2.eml", "B/1.eml"]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/ssh/key", "etc/ssh/key"),
        ("A/./B/../C.eml", "A/B/C.eml"),
        ("A//B/\x00", "A/B"),
        ("A\\B/c.eml", "A\\B/c.eml"),
        ("A\\B\\c.eml", "A/B/c.eml"),
        ("Köln/e\u0301.eml", "Köln/é.eml"),
        ("In\x1b[2Jbox/\u202e.eml", "In [2Jbox/.eml"),
        ("Inbox/cur/1:2,S", "Inbox/1:2,S"),
        ("..", "unnamed"),
    ],
)
def test_names_are_harmless(tmp_path: Path, name: str, expected: str) -> None:
    path = write(tmp_path / "a.zip", ("x.eml", b""))
    with ZipFile(path, "w") as zip_file:
        info = ZipInfo("x")
        info.filename = name
        zip_file.writestr(info, b"")
    assert paths(path) == [expected]


@pytest.mark.parametrize(
    "name, expected",
    [("Köln/1".encode(), "Köln/1"), ("Köln/1".encode("cp437"), "Köln/1"), ("日本/1".encode(), "日本/1"), (b"\xff/1", "\xa0/1")],
)
def test_names_without_the_flag_of_utf_8_are_read_in_both_charsets(tmp_path: Path, name: bytes, expected: str) -> None:
    assert paths(raw_name(tmp_path / "a.zip", name)) == [expected.replace("\xa0/", "")]


def test_two_entries_with_one_name_are_two_entries(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = write(tmp_path / "a.zip", ("1.eml", b"first"), ("1.eml", b"second"))
    with open_archive(path) as opened:
        assert [opened.read(entry) for entry in opened.entries] == [b"first", b"second"]


def read_first(path: Path, max_ratio: float = module.MAX_RATIO) -> bytes:
    with open_archive(path, max_ratio=max_ratio) as opened:
        return opened.read(opened.entries[0])


def test_a_damaged_entry_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", ("1.eml", os.urandom(500)), compression=ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableEntry, match="damaged in the zip file"):
        read_first(path)


def test_an_encrypted_entry_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", ("1.eml", b"x"))
    content = path.read_bytes()
    central = content.index(b"PK\x01\x02")
    path.write_bytes(content[: central + 8] + b"\x01" + content[central + 9 :])
    with pytest.raises(UnreadableEntry, match="encrypted with a password"):
        read_first(path)


def test_a_bomb_is_reported_unless_the_user_allows_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", ("1.eml", b"\0" * 2_000_000))
    with pytest.raises(UnreadableEntry, match="as in a zip bomb: --max-ratio 0"):
        read_first(path)
    assert len(read_first(path, max_ratio=0)) == 2_000_000


def test_an_entry_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 1000)
    with pytest.raises(UnreadableEntry, match="larger than 1,000 bytes"):
        read_first(write(tmp_path / "a.zip", ("1.eml", b"x" * 1001)))


def test_an_entry_with_more_data_than_its_header_names_is_cut_and_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", ("1.eml", b"x" * 100_000))
    content = path.read_bytes()
    real = struct.pack("<I", 100_000)
    path.write_bytes(content.replace(real, struct.pack("<I", 10)))
    with pytest.raises(UnreadableEntry, match="damaged"):
        read_first(path)


def test_a_truncated_file_names_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", ("1.eml", os.urandom(5000)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidArchive, match="not a complete zip file: download it again"):
        paths(path)


def test_a_zip_file_of_more_than_4_gb_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as stream:
        # A hole of 5 GB before the entries, which needs no room on the disk.
        stream.seek(5_000_000_000)
        with ZipFile(stream, "w", ZIP_DEFLATED) as zip_file:
            zip_file.writestr("Inbox/1.eml", b"Subject: one\r\n\r\n")
    assert read_first(path) == b"Subject: one\r\n\r\n"


@pytest.mark.slow
def test_70_000_entries_are_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with ZipFile(path, "w", ZIP_STORED) as zip_file:
        for number in range(70_000):
            zip_file.writestr(f"Inbox/{number}.eml", b"")
    assert len(set(paths(path))) == 70_000
