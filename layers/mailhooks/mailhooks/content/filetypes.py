"""The type of a file by its first octets and its name. Unpacks nothing."""

import re
from typing import Final

from mailhooks.content import markup, zip_archives

PREFIX_OCTETS: Final = 16 * 1024
"""Octets of a file's beginning that `identify` and `identify_all` read."""

ENDING_OCTETS: Final = 66 * 1024
"""Octets of a file's end that `is_archive` reads: the last record of an archive and the longest comment."""

_PE: Final = "application/vnd.microsoft.portable-executable"
_MACH_O: Final = "application/x-mach-binary"
_JAVA: Final = "application/java-vm"
_JAR: Final = "application/java-archive"
_SCRIPT: Final = "text/x-shellscript"

_SIGNATURES: Final = (
    (b"\x7fELF", "application/x-elf"),
    (b"\xfe\xed\xfa\xce", _MACH_O),
    (b"\xfe\xed\xfa\xcf", _MACH_O),
    (b"\xce\xfa\xed\xfe", _MACH_O),
    (b"\xcf\xfa\xed\xfe", _MACH_O),
    (b"\0asm", "application/wasm"),
    (b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (b"ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "application/onenote"),
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (b"{\\rt", "application/rtf"),  # Word opens any file that begins like this
    (b"%!PS", "application/postscript"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"vhdxfile", "application/x-virtualbox-vhdx"),
    (b"conectix", "application/x-virtualbox-vhd"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
)

EXECUTABLES: Final = frozenset(
    {_PE, _MACH_O, _JAVA, _JAR, _SCRIPT, "application/x-elf", "application/x-ms-shortcut", "application/vnd.ms-htmlhelp"}
    | {markup.HTA, markup.SCRIPTLET}
)
"""Types that a double click runs. An installer (.msi) is not among them: like an old Office file it is `application/x-ole-storage`."""

_CONTAINERS: Final = frozenset(
    """
    .docx .docm .dotx .dotm .xlsx .xlsm .xltx .xltm .xlsb .xlam .pptx .pptm .potx .potm .ppsx .ppsm .ppam .vsdx .vsdm
    .odt .ods .odp .odg .ott .ots .otp .epub .pages .numbers .key .kmz .3mf
    """.split()
)
"""Extensions of documents that are zip archives: the listed files are parts of the document."""


_ARCHIVES: Final = frozenset({".zip", ".zipx", ".jar"})
"""Extensions of files that programs open as zip archives, also if their content begins differently."""


def identify(beginning: bytes) -> str:
    """Return the type of a file by its first `PREFIX_OCTETS`, one of `KNOWN`; `""` if it is not recognized.

    >>> identify(b"%PDF-1.7"), identify(b"Dear all,")
    ('application/pdf', '')
    """
    return next(iter(identify_all(beginning)), "")


def identify_all(beginning: bytes, extensions: frozenset[str] = frozenset(), declared: str = "") -> tuple[str, ...]:
    """Return every type that programs see in a file, the best one first. A browser also opens a file by its name.

    Args:
        beginning: the first `PREFIX_OCTETS`.
        extensions: of its names, in lower case and with their dot.
        declared: its declared type.
    """
    found = next((name for start, name in _SIGNATURES if beginning.startswith(start)), "")
    found = found or next((name for name, pattern in _PATTERNS if pattern.match(beginning)), "")
    kinds = markup.identify(beginning, extensions, declared)
    return (found, *kinds) if found else kinds


def is_archive(beginning: bytes, ending: bytes, extensions: frozenset[str]) -> bool:
    """Return whether a file is a zip archive and not a document: by its first or last octets, or by its extensions."""
    if extensions & _ARCHIVES:
        return True
    return not extensions & _CONTAINERS and (zip_archives.begins_archive(beginning) or zip_archives.ends_archive(ending))


_ZIP_START: Final = rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK)"


def _first_entry(*names: str) -> bytes:
    """Return a pattern of zip archives whose first file name, at octet 30, begins with one of the names (APPNOTE section 4.3.7)."""
    return rb"(?s)(?=%s).{30}(?:%s)" % (_ZIP_START, "|".join(map(re.escape, names)).encode())


_PATTERNS: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        # A text may begin with MZ. A program has a NUL in the offset of its header (at 60, less than 2 ** 24), a text has none.
        (_PE, rb"MZ[^\0]{0,61}\0"),
        # A Mach-O universal binary begins the same, with a count of architectures instead of the version, which is 45 or more.
        (_JAVA, rb"(?s)\xca\xfe\xba\xbe(?:\0{0,2}[^\0].|\0{0,3}[\x2d-\xff])"),
        (_MACH_O, rb"\xca\xfe\xba[\xbe\xbf]"),
        ("application/vnd.openxmlformats-officedocument", _first_entry("[Content_Types].xml", "_rels/.rels", "docProps/")),
        ("application/vnd.oasis.opendocument", _first_entry("mimetypeapplication/vnd.oasis.opendocument")),
        ("application/epub+zip", _first_entry("mimetypeapplication/epub+zip")),
        (_JAR, _first_entry("META-INF/")),
        ("application/zip", _ZIP_START),
        ("application/pdf", rb"(?s).{0,1019}?%PDF-"),
        ("image/webp", rb"(?s)RIFF.{4}WEBP"),
        ("audio/wav", rb"(?s)RIFF.{4}WAVE"),
        ("video/x-msvideo", rb"(?s)RIFF.{4}AVI "),
        ("video/mp4", rb"(?s).{4}ftyp"),
        ("image/bmp", rb"(?s)BM.{4}\0{4}"),
        ("application/x-tar", rb"(?s).{257}ustar"),
        (_SCRIPT, rb"#![ \t]*/"),
    )
)

KNOWN: Final = frozenset(name for _, name in _SIGNATURES) | frozenset(name for name, _ in _PATTERNS) | markup.KNOWN
"""Every type that `identify` returns."""
