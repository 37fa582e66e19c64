"""Charsets of text parts, by Python's codecs."""

import codecs
from functools import lru_cache
from typing import Final

from mailhooks.mime.edits import CannotEdit, Reason
from mailhooks.patterns import compile_late

# QUIRK: mailers write the name of an old charset and send its newer superset (WHATWG Encoding Standard, "Names and labels").
SUPERSETS: Final = {
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
    **dict.fromkeys(("unicode", "ucs-2", "ucs2", "iso-10646-ucs-2", "csunicode", "unicodefeff"), "utf-16"),
    **dict.fromkeys(("ucs-4", "ucs4", "iso-10646-ucs-4", "csucs4"), "utf-32"),
    "unicodefffe": "utf-16-be",
}
"""Names that Python does not know (WHATWG Encoding Standard, "Names and labels")."""

_NO_CHARSETS: Final = frozenset(
    "idna punycode undefined charmap mbcs oem unicode-escape raw-unicode-escape unicode_escape raw_unicode_escape".split()
)
"""Codecs of Python that are no charsets."""

_SURROGATES: Final = compile_late("[\ud800-\udfff]")

_STATEFUL: Final = compile_late(rb"\x1b\$(?:[@AB]|\([CDOPQ]|\)[AC])[^\r\n]*?(?=\x1b\(|[\r\n]|\Z)")
"""Two-octet characters in an ISO 2022 charset (RFC 1468, RFC 1554, RFC 1557), up to the end of the line."""

_ASCII: Final = b"\x1b(B"
_ROMAN: Final = b"\x1b(J"
"""The Roman set of JIS X 0201: ASCII except for a yen sign and an overline."""
_WIDE: Final = {"utf-16": 2, "utf-16-le": 2, "utf-16-be": 2, "utf-32": 4, "utf-32-le": 4, "utf-32-be": 4}
"""Charsets with characters of two or four octets, by the name of Python's codec."""

_NO_ASCII: Final = compile_late(r"utf-?(?:7|16|32)|ucs|iso-?10646|unicode|scsu|bocu|ebcdic|ibm-?\d|cp-?\d{3,5}\b|csibm|hz\b")
"""Names of charsets that Python does not know, and that are or may be no supersets of ASCII."""

_CODE_PAGE: Final = compile_late(r"(?:x-)?(?:cp|ibm|windows|win|dos)[-_ ]?(\d{3,5})")
"""A code page under a name that few programs know, such as `cp-850`."""

_CONTROLS: Final = compile_late(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Octets that no text in a superset of ASCII has, and other charsets have: UTF-16, EBCDIC, and those with SO and SI."""

_ISO_2022: Final = compile_late(r"iso-?2022")
_SHIFTS: Final = compile_late(rb"[\x00\x0e\x0f\x1b]")

_DESIGNATION: Final = compile_late(rb"\x1b(?:\([A-Z]|\$(?:[@AB]|\([CDOPQ]))")
"""An escape sequence that selects the character set of the octets after it (RFC 1468, RFC 1554)."""


@lru_cache(maxsize=256)
def find_codec(charset: str) -> codecs.CodecInfo | None:
    """Return Python's text codec for a charset; None if there is none."""
    try:
        found = codecs.lookup(_LABELS.get(charset, charset))
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    # Python also has codecs that are not for text, such as base64 and zlib.
    return found if getattr(found, "_is_text_encoding", True) and found.name not in _NO_CHARSETS else None


@lru_cache(maxsize=256)
def is_ascii_superset(charset: str) -> bool:
    """Return whether ASCII text is encoded as ASCII octets. Not so in UTF-16, UTF-32 and EBCDIC; assumed for unknown charsets."""
    found = find_codec(charset)
    if found is None:
        return not charset.startswith(("utf-16", "utf-32", "utf16", "utf32", "ucs", "iso-10646", "ebcdic"))
    sample = "<body> -- az AZ 09 +&;~"
    try:
        return found.encode(sample)[0] == sample.encode("ascii")
    except ValueError:
        return False


def accepts_ascii(octets: bytes, charset: str) -> bool:
    """Return whether ASCII text can be inserted as ASCII octets among octets in a charset, which may be unknown or not declared.

    Octets in an unknown charset, and others than ASCII that are declared as US-ASCII, must look like a superset of ASCII: without control
    characters, and with spaces where EBCDIC has `@`.
    """
    found = find_codec(charset)
    if found is not None and found.name != "ascii":
        return is_ascii_superset(charset)
    if found is None and (page := _CODE_PAGE.fullmatch(charset)) and find_codec(f"cp{page[1]}"):
        return octets.isascii() and b"\0" not in octets and is_ascii_superset(f"cp{page[1]}")
    if found is None and (_NO_ASCII.search(charset) or b"\x0e" in octets):
        return False
    if found is None and _ISO_2022.search(charset):
        # The first state is ASCII.
        return octets.isascii() and not _SHIFTS.search(octets)
    return b"\0" not in octets if octets.isascii() else not _CONTROLS.search(octets) and (b" " in octets or b"@" not in octets)


def find_wide_codec(octets: bytes, charset: str) -> str:
    """Return Python's codec for UTF-16 or UTF-32 with a byte order; `""` for other charsets, and if the order cannot be found.

    QUIRK: without a byte order mark, and without an order in the name, RFC 2781 section 4.3 wants big-endian order, and most programs write
    the other one. The order that has more zero octets at the places of ASCII characters counts.
    """
    found = find_codec(charset)
    width = _WIDE.get(found.name, 0) if found else 0
    if found is None or not width:
        return ""
    bare, _, order = found.name.partition("-")[2].partition("-")
    if order:
        return found.name
    little, big = codecs.BOM_UTF16_LE if width == 2 else codecs.BOM_UTF32_LE, codecs.BOM_UTF16_BE if width == 2 else codecs.BOM_UTF32_BE
    if octets.startswith((little, big)):
        order = "le" if octets.startswith(little) else "be"
    else:
        in_little, in_big = octets[width - 1 :: width].count(0), octets[::width].count(0)
        order = "le" if in_little > in_big else "be" if in_big > in_little else ""
    return f"utf-{bare}-{order}" if order else ""


@lru_cache(maxsize=256)
def is_stateful(charset: str) -> bool:
    """Return whether octets below 0x80 may be other characters than ASCII, depending on the octets before them."""
    name = found.name if (found := find_codec(charset)) else charset
    return name.startswith(("iso2022", "iso-2022", "hz", "utf-7", "utf7"))


def find_shifts(before: bytes, after: bytes, charset: str) -> tuple[bytes, bytes]:
    """Return the octets that switch to ASCII before inserted text, and back after it. Empty for charsets that are not stateful.

    QUIRK: RFC 1468 requires a switch to ASCII at the end of each line, and some mailers end the text without it.

    Raises:
        CannotEdit: text follows a line without that switch: programs differ over the character set of the next line.
    """
    found = find_codec(charset)
    # QUIRK: programs send ISO-2022-JP without its name.
    if not (is_stateful(charset) or (b"\x1b" in before and (found is None or found.name == "ascii"))):
        return b"", b""
    if found is not None and found.name == "hz":
        # The codec rejects a line end among two-octet characters.
        if decode(before + b"\n", charset) is None:
            raise CannotEdit(Reason.CHARSET)
        return b"", b""
    # ISO-2022-KR (RFC 1557): SO switches to Korean and SI back. For some programs the end of the line switches back too.
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
    """Return the text; None if the octets are not in this charset."""
    found = find_codec(charset)
    if found is None:
        return None
    for name in (SUPERSETS.get(found.name, found.name), found.name):
        try:
            return octets.decode(name)
        except ValueError:
            continue
    return None


def decode_loosely(octets: bytes, charset: str) -> str:
    """Return the text with replacement characters where it cannot be decoded. Octets in an unknown charset are read as Latin-1."""
    found = find_codec(charset)
    text = octets.decode(SUPERSETS.get(found.name, found.name) if found else "latin-1", "replace")
    # Only the codec of UTF-7 returns lone surrogates.
    return _SURROGATES.sub("\ufffd", text) if found is not None and found.name == "utf-7" else text


def view(octets: bytes, charset: str) -> str:
    """Return one character for each octet: an offset in it is an offset in the octets.

    Two-octet characters of ISO 2022 are replaced by letters, so that their octets are not read as markup.
    """
    if is_stateful(charset):
        octets = _STATEFUL.sub(lambda stretch: b"x" * len(stretch[0]), octets)
    return octets.decode("latin-1")
