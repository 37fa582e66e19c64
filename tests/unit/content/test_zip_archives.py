import io
import struct
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.zip_archives import ZipListing, list_zip
from tests.unit.content.test_filetypes import PE, archive, encrypted


def test_a_listing_has_nested_archives_and_no_directories():
    octets = archive("a.txt", "folder/", "folder/b.js", "c.zip", "ünï.exe", method=zipfile.ZIP_DEFLATED)
    assert list_zip(octets) == ZipListing(("a.txt", "folder/b.js", "c.zip", "ünï.exe"), encrypted=False)


def test_a_nul_in_a_listed_name_hides_nothing():
    found = list_zip(archive("a.txtX.exe").replace(b"a.txtX", b"a.txt\0"))
    assert found.names == ("a.txt\0.exe",)


def test_encryption_is_reported():
    found = list_zip(encrypted(archive("secret.doc")))
    assert found.encrypted


def test_a_self_extracting_archive_and_one_with_a_comment_are_listed():
    found = list_zip(PE + archive("setup.js"))
    assert found.names == ("setup.js",)


def test_the_end_of_a_large_archive_is_enough():
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as made:
        made.writestr("large.bin", bytes(3_000_000))
        made.writestr("b.js", b"x")
    found = list_zip(holder.getvalue())
    assert found.names == ("large.bin", "b.js")


def lying(octets: bytes, offset: int, value: int, size: str = "<I") -> bytes:
    """Replace a value of the end record (APPNOTE section 4.3.16) at `offset`."""
    end = octets.rindex(b"PK\x05\x06")
    changed = bytearray(octets)
    struct.pack_into(size, changed, end + offset, value)
    return bytes(changed)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"PK\x03\x04",
        archive("a.exe")[:-1],
        archive("a.exe")[:40],
        archive("a.exe").replace(b"PK\x01\x02", b"PK\x09\x09"),
        lying(archive("a.exe"), 12, 0xFFFFFF00),
        lying(archive("a.exe"), 12, 7),
    ],
)
def test_a_damaged_archive_cannot_be_listed(octets: bytes):
    assert not list_zip(octets).complete


def test_sizes_in_the_archive_are_not_used():
    found = list_zip(lying(archive("a.exe", "b.exe"), 10, 60_000, "<H"))
    assert found.names == ("a.exe", "b.exe")
    bomb = bytearray(archive("zeros"))
    struct.pack_into("<I", bomb, bytes(bomb).index(b"PK\x01\x02") + 24, 0xFFFFFFFE)
    found = list_zip(bytes(bomb))
    assert found.names == ("zeros",)


def test_an_archive_of_a_hundred_thousand_files_is_not_listed():
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    directory = entry * 100_000
    octets = directory + b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 34_464, 34_464, len(directory), 0, 0)
    begun = time.perf_counter()
    assert not list_zip(octets).complete
    assert time.perf_counter() - begun < 10  # reading the list needs minutes
    assert list_zip(archive(*map(str, range(1000)))).complete


@pytest.mark.fuzz
@given(st.data())
def test_any_damaged_archive_has_a_listing_or_none(data: st.DataObject):
    octets = bytearray(archive("a.txt", "b/c.exe"))
    for _ in range(data.draw(st.integers(0, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    for piece in (bytes(octets), bytes(octets[cut:]), bytes(octets[:cut])):
        list_zip(piece)
