import doctest
import io
import struct
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content import filetypes
from mailhooks.content.filetypes import EXECUTABLES, KNOWN, ZipListing, identify, is_archive, list_zip

PE = b"MZ\x90\0\x03\0\0\0" + bytes(52) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0"


def archive(*names: str, method: int = zipfile.ZIP_STORED) -> bytes:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", method) as made:
        for name in names:
            # A fixed date: parallel test processes have to collect the same parameters.
            made.writestr(zipfile.ZipInfo(name), b"content of a file", compress_type=method)
    return holder.getvalue()


def encrypted(octets: bytes) -> bytes:
    """Set only the flag in both headers of the first file, because the content is never read."""
    marked = bytearray(octets)
    marked[6] |= 1
    marked[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(marked)


def test_the_examples_are_correct():
    assert doctest.testmod(filetypes).failed == 0


@pytest.mark.parametrize(
    "octets, expected",
    [
        (PE, "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\x02\x01\x01", "application/x-elf"),
        (b"\xcf\xfa\xed\xfe\x07", "application/x-mach-binary"),
        (b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07", "application/x-mach-binary"),
        (b"\xca\xfe\xba\xbe\0\0\0\x41\0\x10", "application/java-vm"),
        (b"#!/bin/sh\n", "text/x-shellscript"),
        (b"L\0\0\0\x01\x14\x02\0\0\0\0\0", "application/x-ms-shortcut"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "application/x-ole-storage"),
        (b"{\\rt\x01\x02", "application/rtf"),
        (b"junk\n%PDF-1.4", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (bytes(257) + b"ustar\x0000", "application/x-tar"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE  html>", "text/html"),
        (b"<script>", "text/html"),
        (b'<?xml version="1.0"?>\n<svg xmlns="', "image/svg+xml"),
        (archive("a.txt"), "application/zip"),
        (archive(), "application/zip"),
        (archive("META-INF/MANIFEST.MF"), "application/java-archive"),
        (archive("[Content_Types].xml"), "application/vnd.openxmlformats-officedocument"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument"),
        (b"MZ is how some letters begin, as does this one, which is text all through.", ""),
        (b"<p>prose", ""),
        (b"#! not a path", ""),
        (b"BM is an abbreviation", ""),
        (b"", ""),
    ],
)
def test_a_type_is_identified_by_the_first_octets(octets: bytes, expected: str):
    assert identify(octets) == expected
    assert not expected or expected in KNOWN


def test_executable_types_are_known():
    assert EXECUTABLES < KNOWN


@pytest.mark.fuzz
@given(st.binary(max_size=400))
def test_any_octets_have_a_known_type_or_none(octets: bytes):
    assert identify(octets) in KNOWN | {""}


def test_an_archive_is_recognized_by_content_or_name():
    assert is_archive(archive("a"), frozenset({".bin"}))
    assert is_archive(b"junk", frozenset({".zip"}))
    assert not is_archive(archive("a"), frozenset({".docx"}))
    assert not is_archive(b"junk", frozenset({".bin"}))


def test_a_listing_has_nested_archives_and_no_directories():
    octets = archive("a.txt", "folder/", "folder/b.js", "c.zip", "ünï.exe", method=zipfile.ZIP_DEFLATED)
    assert list_zip(octets) == ZipListing(("a.txt", "folder/b.js", "c.zip", "ünï.exe"), encrypted=False)


def test_a_nul_in_a_listed_name_hides_nothing():
    found = list_zip(archive("a.txtX.exe").replace(b"a.txtX", b"a.txt\0"))
    assert found is not None
    assert found.names == ("a.txt\0.exe",)


def test_encryption_is_reported():
    found = list_zip(encrypted(archive("secret.doc")))
    assert found is not None
    assert found.encrypted


def test_a_self_extracting_archive_and_one_with_a_comment_are_listed():
    found = list_zip(PE + archive("setup.js") + b"")
    assert found is not None
    assert found.names == ("setup.js",)


def test_the_end_of_a_large_archive_is_enough():
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w") as made:
        made.writestr("large.bin", bytes(3_000_000))
        made.writestr("b.js", b"x")
    found = list_zip(holder.getvalue()[-filetypes.ZIP_TAIL_OCTETS :])
    assert found is not None
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
    assert list_zip(octets) is None


def test_sizes_in_the_archive_are_not_used():
    found = list_zip(lying(archive("a.exe", "b.exe"), 10, 60_000, "<H"))
    assert found is not None
    assert found.names == ("a.exe", "b.exe")
    bomb = bytearray(archive("zeros"))
    struct.pack_into("<I", bomb, bytes(bomb).index(b"PK\x01\x02") + 24, 0xFFFFFFFE)
    found = list_zip(bytes(bomb))
    assert found is not None
    assert found.names == ("zeros",)


def test_an_archive_of_a_hundred_thousand_files_is_not_listed():
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    directory = entry * 100_000
    octets = directory + b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 34_464, 34_464, len(directory), 0, 0)
    begun = time.perf_counter()
    assert list_zip(octets) is None
    assert time.perf_counter() - begun < 10  # reading the list needs minutes
    assert list_zip(entry * 100 + b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 100, 100, 100 * len(entry), 0, 0)) is not None


@pytest.mark.fuzz
@given(st.data())
def test_any_damaged_archive_has_a_listing_or_none(data: st.DataObject):
    octets = bytearray(archive("a.txt", "b/c.exe"))
    for _ in range(data.draw(st.integers(0, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    for piece in (bytes(octets), bytes(octets[cut:]), bytes(octets[:cut])):
        list_zip(piece)
