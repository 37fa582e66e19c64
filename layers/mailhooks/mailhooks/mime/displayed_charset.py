"""The charset in which a mail program displays octets that may be declared wrongly or not at all.

Only for reading. What is written into a message keeps to `mailhooks.mime.charset`, which rejects octets that it cannot decode.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Final

from mailhooks.mime import charset as charsets

_META_OCTETS: Final = 2048
"""Octets of HTML in which the charset is sought. The HTML standard (13.2.3.2) wants 1024, and mail programs search further."""

_LABELS: Final = {
    **dict.fromkeys(("unicode11utf8", "unicode20utf8", "utf-8mb4", "utf8mb3"), "utf-8"),
    **dict.fromkeys(("koi", "koi8"), "koi8-r"),
    "koi8-ru": "koi8-u",
    "sun_eu_greek": "iso8859-7",
    **dict.fromkeys(("visual", "logical"), "iso8859-8"),
    "csisolatin9": "iso8859-15",
    **dict.fromkeys(("csmacintosh", "mac", "mac-roman"), "mac_roman"),
    **dict.fromkeys(("mac-cyrillic", "mac-ukrainian"), "mac_cyrillic"),
    **dict.fromkeys(("csgb2312", "gb_2312", "gb_2312-80"), "gbk"),
    **dict.fromkeys(("cn-big5", "cnbig5"), "big5"),
    "cseucpkdfmtjapanese": "euc_jp",
    "windows-31j": "cp932",
    **dict.fromkeys(("cseuckr", "csksc56011987", "iso-ir-149", "ks_c_5601-1989", "ksc_5601", "ks_c_5601"), "cp949"),
    **dict.fromkeys(("csutf7", "unicode-2-0-utf-7", "unicode-1-1-utf-7"), "utf-7"),
}
"""Labels of the WHATWG Encoding Standard and of mailers that Python does not know, without `x-` before them."""

_ISO_8859: Final = re.compile(r"(?:cs)?iso[-_ ]?8859[-_ ]?(\d{1,2})(?:[-_ ]?[ei])?")
_CODE_PAGE: Final = re.compile(r"(?:cp|ibm|windows|win|dos|ms)[-_ ]?(\d{3,5})")
_AROUND_LABEL: Final = re.compile(r"\A(?:[^a-z0-9]+|x-)+|[$;,\s].*\Z|[^a-z0-9]+\Z", re.DOTALL)
"""Quotes and `x-` before a name, and behind it what old programs append: `_iso-2022-jp$ESC`."""

_CODECS: Final = {
    "iso8859-9": ("cp1254",),
    "iso8859-11": ("cp874",),
    "tis-620": ("cp874",),
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "euc_kr": ("cp949",),
    "shift_jis": ("cp932", "shift_jis"),
    "big5": ("big5hkscs", "cp950"),
    "cp950": ("cp950", "big5hkscs"),
    "euc_jp": ("euc_jp", "euc_jis_2004"),
    "iso2022_jp": ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004"),
}
"""The codecs that are tried for a charset, by the name of Python's codec. Mailers send characters of its supersets."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_JAPANESE: Final = re.compile(rb"\x1b(?:\$[@B]|\([IJ])")
_DESIGNATION: Final = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([ABIJ])")

_UNDEFINED: Final = {octet: bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in range(0x80, 0xA0)}
"""Windows-1252 beyond Latin-1. The five octets without a character are controls, as in the WHATWG Encoding Standard."""
_LONE_OCTETS: Final = {0xDC00 + octet: _UNDEFINED.get(octet, chr(octet)) for octet in range(0x80, 0x100)}
_LONE_OCTET: Final = re.compile("[\udc80-\udcff]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")

_MARKUP: Final = re.compile(rb"<(?:(!--)|(meta)(?=[\t\n\f\r /])|(/?[a-z][^\t\n\f\r >]*+)|([!/?]))", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(
    rb"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"?+|'([^']*+)'?+|([^\t\n\f\r >]*+)))?+"
)
_CONTENT: Final = re.compile(
    rb"charset[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\f\r ;\"'][^\t\n\f\r ;]*))", re.IGNORECASE
)
_XML: Final = re.compile(rb"\s*<\?xml\b[^>]*?\bencoding\s*=\s*(?:\"([^\">]+)\"|'([^'>]+)')")


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
        name = find_codec_name(_find_own_charset(octets[:_META_OCTETS])) if is_html else ""
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
    names = (label, bare, _LABELS.get(bare, ""), f"iso8859-{iso[1]}" if iso else "", f"cp{page[1]}" if page else "")
    found = next((found for name in names if name and (found := charsets.find_codec(name))), None)
    return "" if found is None or found.name == "ascii" else found.name


def find_superset(label: str) -> str:
    """Return the name of the codec by which mail programs read a charset, equal for all its names; an unknown name as it is.

    >>> find_superset("UTF8") == find_superset("utf-8"), find_superset("latin1") == find_superset("Windows-1252")
    (True, True)
    """
    name = find_codec_name(label)
    if not name:
        found = charsets.find_codec(label.lower())
        return found.name if found else label.lower()
    return "cp1252" if name == "iso8859-1" else _CODECS.get(name, (name,))[0]


def _find_own_charset(beginning: bytes) -> str:
    """Return the charset that HTML declares itself; `""` if it does not."""
    label = next(_find_meta_charsets(beginning), b"")
    if not label and (xml := _XML.match(beginning)):
        label = xml[1] or xml[2]
    name = label.decode("latin-1").strip().lower()
    # HTML standard: a `<meta>` that can be read is not in UTF-16.
    return {"x-user-defined": "windows-1252"}.get(name, "utf-8" if name.startswith(("utf-16", "utf16", "unicode", "ucs-2")) else name)


def _find_meta_charsets(octets: bytes) -> Iterator[bytes]:
    """Yield the known charsets of `<meta>` elements by the HTML standard's prescan (13.2.3.2)."""
    at = 0
    while found := _MARKUP.search(octets, at):
        at = found.end()
        if found[1]:
            # `<!-->` is a whole comment.
            at = octets.find(b"-->", found.start() + 2) + 3
            if at < 3:
                return
        elif found[4]:
            at = octets.find(b">", at) + 1
            if not at:
                return
        else:
            attributes: dict[bytes, bytes] = {}
            while attribute := _ATTRIBUTE.match(octets, at):
                at = attribute.end()
                attributes.setdefault(attribute[1].lower(), attribute[2] or attribute[3] or attribute[4] or b"")
            if found[2]:
                label = attributes.get(b"charset", b"")
                if not label and attributes.get(b"http-equiv", b"").lower() == b"content-type":
                    inside = _CONTENT.search(attributes.get(b"content", b""))
                    label = (inside[1] or inside[2] or inside[3] or b"") if inside else b""
                if label and (find_codec_name(label.decode("latin-1")) or label.lower() == b"x-user-defined"):
                    yield label


def _guess(octets: bytes) -> str:
    """Return the codec of octets that are no ASCII although they may look so; `""` for others."""
    if octets.isascii() and _JAPANESE.search(octets):
        return "iso2022_jp"
    return charsets.find_wide_codec(octets, "utf-16") if octets.count(0) * 4 >= len(octets) > 1 else ""


def _decode_as(octets: bytes, name: str, *, is_cut: bool) -> str:
    """Decode octets in a charset, with replacement characters where they are not in it."""
    if name in {"iso8859-1", "cp1252"}:
        return octets.decode("latin-1").translate(_UNDEFINED)
    if name in {"utf-16", "utf-32"}:
        name = charsets.find_wide_codec(octets, name) or f"{name}-le"
    for codec in _CODECS.get(name, (name,)):
        try:
            return _SURROGATES.sub("\ufffd", codecs.getincrementaldecoder(codec)().decode(octets, not is_cut)).removeprefix("\ufeff")
        except ValueError:
            continue
    if name == "iso2022_jp":
        return _decode_japanese(octets)
    codec = _CODECS.get(name, (name,))[0]
    text = codecs.getincrementaldecoder(codec)("replace").decode(octets, not is_cut)
    return _SURROGATES.sub("\ufffd", text).removeprefix("\ufeff")


def _decode_undeclared(octets: bytes, *, is_cut: bool) -> str:
    """Decode octets without a charset: UTF-8, or else Windows-1252. UTF-8 with a few octets of Windows-1252 is decoded as both."""
    end = len(octets)
    if is_cut:
        # The last character has at most four octets.
        start = max((at for at in range(max(end - 4, 0), end) if octets[at] & 0xC0 != 0x80), default=end)
        end = start if start < end and octets[start] >= 0xC0 and _is_incomplete(octets[start:]) else end
    text = octets[:end].decode("utf-8", "surrogateescape")
    lone = len(_LONE_OCTET.findall(text))
    if not lone:
        return text
    characters = sum(map(len, re.findall("[^\0-\x7f\udc80-\udcff]+", text)))
    return text.translate(_LONE_OCTETS) if characters > 3 * lone else octets.decode("latin-1").translate(_UNDEFINED)


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
