"""The charset in which a mail program displays octets that may be declared wrongly or not at all.

Only for reading. What is written into a message keeps to `mailhooks.mime.charset`, which rejects octets that it cannot decode.
"""

import codecs
import re
from typing import Final

from mailhooks.mime import charset as charsets
from mailhooks.patterns import compile_late

_META_OCTETS: Final = 2048
"""Octets of HTML in which the charset is sought. The HTML standard (13.2.3.2) wants 1024, and mail programs search further."""

_LABELS: Final = {
    **dict.fromkeys(("unicode11utf8", "unicode20utf8", "utf-8mb4", "utf8mb3"), "utf-8"),
    **dict.fromkeys(("koi", "koi8"), "koi8-r"),
    "koi8-ru": "koi8-u",
    "sun_eu_greek": "iso8859-7",
    **dict.fromkeys(("visual", "logical"), "iso8859-8"),
    "csisolatin9": "iso8859-15",
    **dict.fromkeys(("csmacintosh", "mac"), "mac_roman"),
    "mac-ukrainian": "mac_cyrillic",
    **dict.fromkeys(("csgb2312", "gb_2312", "gb_2312-80", "gb-2312"), "gbk"),
    **dict.fromkeys(("cn-big5", "cnbig5", "big-5"), "big5"),
    **dict.fromkeys(("cseucpkdfmtjapanese", "eucjp-ms", "cp51932"), "euc_jp"),
    **dict.fromkeys(("iso-2022-jp-ms", "cp50220", "cp50221", "cp50222"), "iso2022_jp"),
    **{f"cp{28590 + number}": f"iso8859-{number}" for number in range(1, 16)},
    **{"cp20866": "koi8-r", "cp21866": "koi8-u", "cp10000": "mac_roman", "cp10007": "mac_cyrillic"},
    "windows-31j": "cp932",
    **dict.fromkeys(("cseuckr", "csksc56011987", "iso-ir-149", "ks_c_5601-1989", "ksc_5601"), "cp949"),
    **dict.fromkeys(("csutf7", "unicode-2-0-utf-7"), "utf-7"),
}
"""Labels of the WHATWG Encoding Standard and of mailers that Python does not know, without `x-` before them."""

_ISO_8859: Final = compile_late(r"(?:cs)?iso[-_ ]?8859[-_ ]?(\d{1,2})(?:[-_ ]?[ei])?")
_CODE_PAGE: Final = compile_late(r"(?:cp|ibm|windows|win|dos|ms)[-_ ]?(\d{3,5})")
_AROUND_LABEL: Final = compile_late(r"\A(?:[^a-z0-9]+|x-)+|[$;,\s].*\Z|[^a-z0-9]+\Z", re.DOTALL)
"""Quotes and `x-` before a name, and behind it what old programs append: `_iso-2022-jp$ESC`."""

_CODECS: Final = {
    "iso8859-11": ("cp874",),
    "shift_jis": ("cp932", "shift_jis"),
    "big5": ("big5hkscs", "cp950"),
    "cp950": ("cp950", "big5hkscs"),
    "euc_jp": ("euc_jp", "euc_jis_2004"),
    "iso2022_jp": ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004"),
}
"""The codecs that are tried for a charset, by the name of Python's codec, where they are others than in `SUPERSETS`."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_JAPANESE: Final = compile_late(rb"\x1b(?:\$[@B]|\([IJ])")
_KOREAN: Final = compile_late(rb"\A[^\x0e]*\x1b\$\)C")
"""RFC 1557: the designation is before all Korean text."""
_DESIGNATION: Final = compile_late(rb"\x1b(\$[@B]|\$\([@BD]|\([ABIJ])")

_UNDEFINED: Final = {octet: bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in range(0x80, 0xA0)}
"""Windows-1252 beyond Latin-1. The five octets without a character are controls, as in the WHATWG Encoding Standard."""
_LONE_OCTETS: Final = {0xDC00 + octet: _UNDEFINED.get(octet, chr(octet)) for octet in range(0x80, 0x100)}
_LONE_OCTET: Final = compile_late("[\udc80-\udcff]")
_SURROGATES: Final = compile_late("[\ud800-\udfff]")


def decode(octets: bytes, declared: str, *, is_html: bool = False, is_cut: bool = False) -> str:
    """Return the text of octets as a mail program displays it. Never raises; linear time.

    A byte order mark decides, then the declared charset unless it is ASCII or unknown, then the charset that HTML declares itself. Without
    these the octets are UTF-8 if they are valid, or else Windows-1252. QUIRK: programs send ISO-2022-JP and UTF-16 without their names.

    Args:
        declared: the charset parameter; `""` if there is none.
        is_cut: whether more octets follow, so that the last character may be incomplete. It is left out then.
    """
    for mark, name in _MARKS:
        if octets.startswith(mark):
            return _decode_as(octets[len(mark) :], name, is_cut=is_cut)
    name = find_codec_name(declared)
    if not name:
        if octets.isascii() and b"\x1b" not in octets and b"\0" not in octets:
            return octets.decode("ascii")
        name = _find_own_charset(octets[:_META_OCTETS]) if is_html else ""
        name = name or _guess(octets)
    return _decode_as(octets, name, is_cut=is_cut) if name else _decode_undeclared(octets, is_cut=is_cut)


def find_codec_name(label: str) -> str:
    """Return Python's codec for the label of a charset; `""` for ASCII and for unknown ones, which declare nothing.

    >>> find_codec_name("_ISO-2022-JP$ESC"), find_codec_name("x-unknown")
    ('iso2022_jp', '')
    """
    label = label.strip().lower()
    bare = _AROUND_LABEL.sub("", label)
    iso, page = _ISO_8859.fullmatch(bare), _CODE_PAGE.fullmatch(bare)
    numbered = f"iso8859-{iso[1]}" if iso else f"cp{page[1]}" if page else ""
    names = (label, bare, _LABELS.get(bare, ""), numbered, _LABELS.get(numbered, ""))
    found = next((found for name in names if name and (found := charsets.find_codec(name))), None)
    return "" if found is None or found.name == "ascii" else found.name


def is_disputed(label: str) -> bool:
    """Return whether programs differ over a charset in which ASCII octets may be other text: browsers know few of those."""
    name = find_codec_name(label)
    return name != "" and (charsets.is_stateful(name) or not charsets.is_ascii_superset(name))


def find_superset(label: str) -> str:
    """Return the name of the codec by which mail programs read a charset, equal for all its names; an unknown name as it is.

    >>> find_superset("UTF8") == find_superset("utf-8"), find_superset("latin1") == find_superset("Windows-1252")
    (True, True)
    """
    name = find_codec_name(label)
    if not name:
        found = charsets.find_codec(label.lower())
        return found.name if found else label.lower()
    return _list_codecs(name)[0]


def _list_codecs(name: str) -> tuple[str, ...]:
    """Return the codecs that are tried in place of a codec. Mailers send characters of its supersets."""
    return _CODECS.get(name) or (charsets.SUPERSETS.get(name, name),)


def _find_own_charset(beginning: bytes) -> str:
    """Return the known charset that HTML declares itself; `""` if it does not."""
    # Late for the cold start: most mail declares its charset.
    from mailhooks.mime.html_charset import find_labels

    for label in find_labels(beginning):
        # HTML standard: markup that can be read is not in UTF-16.
        name = "cp1252" if label == "x-user-defined" else find_codec_name(label)
        name = "utf-8" if name.startswith("utf-16") else name
        # No browser knows EBCDIC, which would hide the text.
        if name and charsets.is_ascii_superset(name):
            return name
    return ""


def _guess(octets: bytes) -> str:
    """Return the codec of octets that are no ASCII although they may look so; `""` for others."""
    if octets.isascii() and _JAPANESE.search(octets):
        return "iso2022_jp"
    if octets.isascii() and _KOREAN.match(octets):
        return "iso2022_kr"
    return charsets.find_wide_codec(octets, "utf-16") if octets.count(0) * 4 >= len(octets) > 1 else ""


def _decode_as(octets: bytes, name: str, *, is_cut: bool) -> str:
    """Decode octets in a charset, with replacement characters where they are not in it."""
    if name in {"iso8859-1", "cp1252"}:
        return _decode_windows_1252(octets)
    if name in {"utf-16", "utf-32"}:
        name = charsets.find_wide_codec(octets, name) or f"{name}-le"
    candidates = _list_codecs(name)
    text = next((text for codec in candidates if (text := _try(octets, codec, is_cut=is_cut)) is not None), None)
    if text is None:
        replaced = codecs.getincrementaldecoder(candidates[0])("replace")
        text = _decode_japanese(octets) if name == "iso2022_jp" else replaced.decode(octets, not is_cut)
    # Only the codec of UTF-7 returns lone surrogates.
    return (_SURROGATES.sub("\ufffd", text) if name == "utf-7" else text).removeprefix("\ufeff")


def _try(octets: bytes, codec: str, *, is_cut: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(codec)().decode(octets) if is_cut else octets.decode(codec)
    except ValueError:
        return None


def _decode_windows_1252(octets: bytes) -> str:
    try:
        return octets.decode("cp1252")
    except ValueError:
        return octets.decode("latin-1").translate(_UNDEFINED)


def _decode_undeclared(octets: bytes, *, is_cut: bool) -> str:
    """Decode octets without a charset: UTF-8, or else Windows-1252. UTF-8 with a few octets of Windows-1252 is decoded as both."""
    end = len(octets)
    if is_cut:
        # The last character has at most four octets.
        start = max((at for at in range(max(end - 4, 0), end) if octets[at] & 0xC0 != 0x80), default=end)
        end = start if start < end and octets[start] >= 0xC0 and _is_incomplete(octets[start:]) else end
    try:
        return octets[:end].decode("utf-8")
    except ValueError:
        text = octets[:end].decode("utf-8", "surrogateescape")
    lone = len(_LONE_OCTET.findall(text))
    characters = sum(map(len, re.findall("[^\0-\x7f\udc80-\udcff]+", text)))
    return text.translate(_LONE_OCTETS) if characters > 3 * lone else _decode_windows_1252(octets)


def _is_incomplete(octets: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return not decoder.decode(octets)
    except ValueError:
        return False


def _decode_japanese(octets: bytes) -> str:
    """Decode ISO-2022-JP with the characters that Microsoft added to its sets, such as digits in circles. They have no codec in Python."""
    texts, state = [], b"(B"
    for number, piece in enumerate(_DESIGNATION.split(octets)):
        if number % 2:
            state = piece
            continue
        # QUIRK: some mailers end a line without the switch to ASCII.
        wide = len(re.split(rb"[\r\n]", piece, maxsplit=1)[0]) if state not in {b"(A", b"(B", b"(J"} else 0
        shown = piece[:wide]
        if state == b"(I":
            texts.append(bytes(octet | 0x80 for octet in shown).decode("cp932", "replace"))
        elif state == b"$(D":
            texts.append(
                b"".join(b"\x8f" + bytes(octet | 0x80 for octet in shown[at : at + 2]) for at in range(0, wide, 2)).decode(
                    "euc_jp", "replace"
                )
            )
        else:
            texts.append(b"".join(_shift(*pair) for pair in zip(shown[::2], shown[1::2], strict=False)).decode("cp932", "replace"))
        texts.append(piece[wide:].decode("ascii", "replace"))
        state = b"(B" if wide < len(piece) else state
    return "".join(texts)


def _shift(row: int, cell: int) -> bytes:
    """Return a character of JIS X 0208 in Shift_JIS."""
    lead = (row + 1) // 2 + (0x70 if row <= 0x5E else 0xB0)
    trail = cell + ((0x1F if cell < 0x60 else 0x20) if row % 2 else 0x7E)
    return bytes((lead & 0xFF, trail & 0xFF))
