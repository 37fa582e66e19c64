"""Charsets of text parts: Python's codecs by the names that mail gives them."""

import codecs
import re
from typing import Final

from mailhooks.mime.errors import CannotEdit, Reason

# QUIRK: mailers write the old name and send the newer superset, as browsers found out (WHATWG Encoding Standard, "Names and labels").
_SUPERSETS: Final = {
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}

_LABELS: Final = {
    "x-sjis": "shift_jis",
    "x-gbk": "gbk",
    "x-euc-jp": "euc_jp",
    "x-cp1252": "cp1252",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "iso-8859-8-i": "iso8859-8",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
}
"""Names that Python lacks (WHATWG Encoding Standard, "Names and labels")."""

_NO_CHARSETS: Final = frozenset(
    "idna punycode undefined charmap mbcs oem unicode-escape raw-unicode-escape unicode_escape raw_unicode_escape".split()
)
"""Python's own codecs of text, which mean nothing to a mail client."""

_HALVES: Final = re.compile("[\ud800-\udfff]")

_STATEFUL: Final = re.compile(rb"\x1b\$(?:[@AB]|\([CDOPQ]|\)[AC])[^\r\n]*?(?=\x1b\(|[\r\n]|\Z)")
"""A stretch of two-octet characters in the ISO 2022 charsets (RFC 1468, RFC 1554, RFC 1557), which end at the end of each line."""

_ASCII: Final = b"\x1b(B"
_ROMAN: Final = b"\x1b(J"
"""JIS X 0201's Roman set: ASCII but for a yen sign and an overline."""
_DESIGNATION: Final = re.compile(rb"\x1b(?:\([A-Z]|\$(?:[@AB]|\([CDOPQ]))")
"""What makes the octets behind it characters of another set, until the next (RFC 1468, RFC 1554)."""


def find_codec(charset: str) -> codecs.CodecInfo | None:
    """Python's text codec for a charset's name; None where there is none."""
    try:
        found = codecs.lookup(_LABELS.get(charset, charset))
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    # Base64, zlib and the like are codecs too, but none of text.
    return found if getattr(found, "_is_text_encoding", True) and found.name not in _NO_CHARSETS else None


def is_ascii_superset(charset: str) -> bool:
    """Whether markup and ASCII text stand in the octets as themselves: not in UTF-16, UTF-32 and EBCDIC. Unknown charsets are taken to."""
    found = find_codec(charset)
    if found is None:
        return not charset.startswith(("utf-16", "utf-32", "utf16", "utf32", "ucs", "iso-10646", "ebcdic"))
    sample = "<body> -- az AZ 09 +&;~"
    try:
        return found.encode(sample)[0] == sample.encode("ascii")
    except ValueError:
        return False


def is_stateful(charset: str) -> bool:
    """Whether octets below 0x80 may be something else than ASCII, by what came before them."""
    name = found.name if (found := find_codec(charset)) else charset
    return name.startswith(("iso2022", "iso-2022", "hz", "utf-7", "utf7"))


def find_shifts(before: bytes, after: bytes, charset: str) -> tuple[bytes, bytes]:
    """What has to stand on either side of text that begins and ends in ASCII, so that it is read so between octets of a stateful charset,
    and what comes after it as it was. Nothing in all other charsets.

    QUIRK: mailers end text without going back to ASCII, as RFC 1468 wants it at the end of each line.

    Raises:
        CannotEdit: more text follows such a line, of which some programs start in ASCII and others do not.
    """
    if not is_stateful(charset):
        return b"", b""
    found = find_codec(charset)
    if found is not None and found.name == "hz":
        # The codec takes no line end in the state of two-octet characters.
        if decode(before + b"\n", charset) is None:
            raise CannotEdit(Reason.CHARSET)
        return b"", b""
    # ISO-2022-KR (RFC 1557): SO and SI lead to Korean and back, up to the end of the line for some and beyond it for others.
    if before.rfind(b"\x0e") > before.rfind(b"\x0f"):
        if after:
            raise CannotEdit(Reason.CHARSET)
        return b"\x0f", b""
    state = next(reversed(_DESIGNATION.findall(before)), _ASCII)
    if state == _ASCII:
        return b"", b""
    if after and state != _ROMAN:
        raise CannotEdit(Reason.CHARSET)
    return _ASCII, state if after else b""


def decode(octets: bytes, charset: str) -> str | None:
    """The text, or None where the octets are not in that charset."""
    found = find_codec(charset)
    if found is None:
        return None
    for name in (_SUPERSETS.get(found.name, found.name), found.name):
        try:
            return octets.decode(name)
        except ValueError:
            continue
    return None


def decode_loosely(octets: bytes, charset: str) -> str:
    """The text as far as it can be read, for looking at and never for writing back. In no charset, each octet is a character."""
    found = find_codec(charset)
    text = octets.decode(_SUPERSETS.get(found.name, found.name) if found else "latin-1", "replace")
    # Of all codecs, UTF-7's alone lets halves of surrogate pairs through, which are no text.
    return _HALVES.sub("\ufffd", text) if found is not None and found.name == "utf-7" else text


def view(octets: bytes, charset: str) -> str:
    """A character for each octet, so that places in it are places in the octets; two-octet characters of ISO 2022 become letters, so that
    none of their octets is taken for markup.
    """
    if is_stateful(charset):
        octets = _STATEFUL.sub(lambda stretch: b"x" * len(stretch[0]), octets)
    return octets.decode("latin-1")
