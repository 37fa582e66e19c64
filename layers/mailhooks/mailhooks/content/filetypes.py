"""The type of a file by its first octets and its name. Unpacks nothing."""

import re
from typing import Final

from mailhooks.content import markup
from mailhooks.patterns import compile_late

PREFIX_OCTETS: Final = 16 * 1024
"""Octets of a file's beginning that the functions of this module read."""

_BINARY_OCTET: Final = compile_late(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
"""Octets that no text has (WHATWG, "MIME Sniffing", section 3)."""

_BINARY_WITHIN: Final = 64
"""Octets of the beginning that have one of them in every binary file with a signature."""

_PDF_FILE: Final = compile_late(rb"%PDF-\d\.\d\s++(?:%[\x80-\xff]|\d+ \d+ obj)")

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


def is_binary(beginning: bytes, *, is_wide: bool = False) -> bool:
    """Return whether a content is a binary file by its first octets, and certainly no text that begins with the same letters.

    >>> is_binary(b"MZ\\x90\\0\\3"), is_binary(b"MZ is how this text begins."), is_binary(b"%PDF-1.7 is how a PDF begins.")
    (True, False, False)

    Args:
        beginning: the first `PREFIX_OCTETS`.
        is_wide: whether a text may have NULs, as in UTF-16.
    """
    if _PDF_FILE.match(beginning):
        return True
    if not _BINARY_OCTET.search(beginning, 0, _BINARY_WITHIN):
        return False
    if beginning.startswith(b"MZ") and is_wide:
        # `MZ` is a Chinese character in UTF-16. The header of a program is at the offset at 60 (PE format, section "MS-DOS Stub").
        at = int.from_bytes(beginning[60:64], "little")
        return beginning.startswith((b"PE\0\0", b"NE", b"LE", b"LX"), at) if at else False
    return any(beginning.startswith(start) for start, _ in _SIGNATURES) or any(
        pattern.match(beginning) for name, pattern in _PATTERNS if name != "application/pdf"
    )


_ZIP_START: Final = rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK)"


def _first_entry(*names: str) -> bytes:
    """Return a pattern of zip archives whose first file name, at octet 30, begins with one of the names (APPNOTE section 4.3.7)."""
    return rb"(?s)(?=%s).{30}(?:%s)" % (_ZIP_START, "|".join(map(re.escape, names)).encode())


_PATTERNS: Final = tuple(
    (name, compile_late(pattern))
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
