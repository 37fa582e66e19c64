"""Text in ASCII, for parts whose charset is not known."""

import unicodedata
from typing import Final

_WRITTEN: Final = {
    **dict(zip("ßẞæÆœŒøØłŁđĐðÐþÞ\u0131ĸŋŊħĦŧŦ", "ss SS ae AE oe OE o O l L d D d D th TH i k ng NG h H t T".split(), strict=True)),
    **dict(zip("€£¥¢₤₹₽₺₩₪₫₴₿", "EUR GBP JPY ct GBP INR RUB TRY KRW ILS VND UAH BTC".split(), strict=True)),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\u00b4`\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u2014\u2015", "--"),
    **dict.fromkeys("•‣◦▪●·∙", "*"),
    **{"\u2026": "...", "©": "(c)", "®": "(R)", "™": "(TM)", "§": "Sec.", "¶": "Par.", "°": " deg", "\u00d7": "x", "÷": "/", "±": "+/-"},
    **{"\u2044": "/", "¦": "|", "¬": "-", "¿": "?", "¡": "!", "†": "+", "‡": "++", "←": "<-", "→": "->", "≤": "<=", "≥": ">=", "≠": "!="},
}
"""Characters that Unicode does not decompose into ASCII."""

_OMITTED: Final = frozenset(("Mn", "Me", "Cf", "Cc", "So", "Sk", "Cs", "Co", "Cn"))
"""Categories without a word: accents, format characters, pictures."""


def transliterate(text: str, *, omit_lines: bool = False) -> str:
    """Return a text in ASCII: accents are removed, other characters written by letters. `""` if letters of it have no such form.

    >>> transliterate("Café Müller, 5 €")
    'Cafe Muller, 5 EUR'

    Args:
        omit_lines: whether to omit the lines with such letters, and not the whole text.
    """
    lines = [_transliterate_line(line) for line in text.split("\n")]
    if not omit_lines and None in lines:
        return ""
    written = "\n".join(line for line in lines if line is not None)
    return written if written.strip() else ""


def _transliterate_line(line: str) -> str | None:
    if line.isascii():
        return line
    written: list[str] = []
    # Composed first: the table has composed characters.
    for char in unicodedata.normalize("NFC", line):
        found = char if char.isascii() else _WRITTEN.get(char)
        if found is None:
            found = "".join(_WRITTEN.get(base, base) for base in unicodedata.normalize("NFKD", char) if not unicodedata.combining(base))
        if not found.isascii():
            if unicodedata.category(char) not in _OMITTED:
                return None
            found = ""
        written.append(found)
    return "".join(written).rstrip()
