import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content import filetypes
from mailhooks.content.filetypes import EXECUTABLES, KNOWN, identify
from tests.support.files import PE, archive


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
        (b"<p>prose", "text/html"),
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
