"""Normalization of text for comparisons. The time is linear for every text."""

import re
import unicodedata
from itertools import pairwise
from typing import Final, Literal

from mailhooks.patterns import compile_late
from mailhooks.policy.facts.scripts import WITHOUT_SPACES

_SPACES: Final = re.compile(r"\s(?:(?<! )|\s)\s*+")
"""White space that is not one space."""

_WRAP: Final = compile_late(rf"\n(?<=[{WITHOUT_SPACES}]\n)(?=[{WITHOUT_SPACES}])")
"""The end of a line within a word of a script without spaces: mailers wrap plain text after a number of letters."""

_IGNORABLE_RANGES: Final = (
    "\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufff8\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point without the Hangul fillers, which are displayed as blanks."""
_IGNORABLE: Final = compile_late(f"[{_IGNORABLE_RANGES}]")

_MANY_MARKS: Final = re.compile(r"[^\w\x00-\x7f]{30}")
"""More marks on one letter than any language has (Unicode Standard Annex 15, section 13, "Stream-Safe Text Format")."""
_THREE_MARKS: Final = re.compile(r"[^\w\x00-\x7f]{3}")

_WRITTEN_ALIKE: Final = {
    **dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u0374\u055a\u05f3\ua78b\ua78c", "'"
    ),
    "\u0149": "'n",
    **dict.fromkeys("\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2034\u2036\u2037\u2057\u05f4\u301d\u301e\u301f", '"'),
    **dict.fromkeys(
        "\u02d7\u058a\u05be\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b\u2212\u2e3a\u2e3b\ufe31\ufe32\ufe58", "-"
    ),
    # Form KC would make "호ㄳ" one other syllable: these letters on their own are written for laughs and tears, so they become private.
    **{chr(point): chr(0xF0000 + point) for point in range(0x3131, 0x318F)},
    **dict.fromkeys("\u2800\u3164\uffa0", " "),  # blanks of Braille and Hangul
    "\u301c": "~",  # Shift_JIS has one code for it and for the full-width tilde
    "\uff9e": "\u3099",  # half-width marks of kana; those after them would be sorted in quadratic time
    "\uff9f": "\u309a",
    # These touch a word and are not a part of it: "Invoice™", "№5", the mark of a footnote.
    **{char: f" {number} " for number, char in enumerate("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")},
    **{chr(0x245F + number): f" {number} " for number in range(1, 21)},
    "\u2116": " no ",
    "\u2120": " sm",
    "\u2122": " tm",
}
"""Characters of typography by their equals on a keyboard, as far as form KC does not have them."""
_FRAMED: Final = {
    chr(first + index): letter for first in (0x249C, 0x1F110, 0x1F150, 0x1F170) for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz")
}
"""Letters in parentheses, and in filled circles and squares, which Unicode does not decompose to letters alone."""
_TYPOGRAPHY: Final = _WRITTEN_ALIKE | _FRAMED
# Single characters above U+FFFF would make the search slow: these are ranges.
_NOT_PLAIN: Final = compile_late(
    f"[{_IGNORABLE_RANGES}{''.join(_WRITTEN_ALIKE)}\u249c-\u24b5\U0001f110-\U0001f129\U0001f150-\U0001f169\U0001f170-\U0001f189]"
)

_SAME_LETTER: Final = {
    "\u0131": "i",  # The capital of the dotless i of Turkish is I, which is the capital of i in other languages.
    **dict(zip("άέήίόύώΐΰ", "αεηιουωϊϋ", strict=True)),  # Greek capitals are written without the accent.
    "\u0451": "\u0435",  # Russian writes its io as ie, but in schoolbooks
    "\u015f": "\u0219",  # ISO 8859-2 has s and t with a cedilla only, Romanian has a comma
    "\u0163": "\u021b",
    "\u064a": "\u06cc",  # keyboards for Arabic and for Persian have different codes for yeh and kaf
    "\u0643": "\u06a9",
    # Malayalam final letters have two spellings.
    **{chr(0xD7A + index): f"{letter}\u0d4d" for index, letter in enumerate("\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15")},
}
_OPTIONAL: Final = (
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # points and accents of Hebrew
    "\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08e1\u08e3-\u08ff"
    "\u0332-\u0338\u20d2\u20d3\u20d8-\u20da\u20dd-\u20e0\u20e2-\u20e6\u20ea\u20eb"  # lines through letters and around them
)
"""Vowel points that only schoolbooks and scriptures write, the tatweel, which makes an Arabic word longer, and marks of decoration."""
_NOT_FOLDED: Final = compile_late(f"[{_OPTIONAL}{''.join(_SAME_LETTER)}]")

_FEW: Final = 20
"""Up to this number of different characters, one pass for each is faster than one for all."""


def compose(text: str) -> str:
    """Return a text in normalization form C: a letter and its accent are one character if Unicode has one."""
    return convert_in_pieces("NFC", text)


def convert_in_pieces(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """Convert a text into a normalization form.

    Long runs of marks are split before they are sorted, because the time of sorting grows with the square of their number.
    """
    if text.isascii():
        return text
    # Three of thirty marks are in each tenth character: most texts are only searched there.
    cuts = [marks.end() for marks in _MANY_MARKS.finditer(text)] if _THREE_MARKS.search(text[::10]) else []
    if not cuts:
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, text[start:end]) for start, end in pairwise((0, *cuts, len(text))))


def remove_ignorable(text: str) -> str:
    """Remove invisible characters: soft hyphens, zero-width spaces and joiners, direction marks, variation selectors."""
    return text if text.isascii() else _IGNORABLE.sub("", text)


def replace_typography(text: str) -> str:
    """Replace quotes, dashes and blanks of typography by those of a keyboard, and remove invisible characters."""
    return text if text.isascii() else _replace(_NOT_PLAIN, _TYPOGRAPHY, text)


def _replace(pattern: re.Pattern[str], replacements: dict[str, str], text: str) -> str:
    """Replace characters that match a pattern. Those without a replacement are removed."""
    found = set(pattern.findall(text))
    if len(found) > _FEW:
        return pattern.sub(lambda match: replacements.get(match[0], ""), text)
    for char in found:
        text = text.replace(char, replacements.get(char, ""))
    return text


def normalize(text: str) -> str:
    """Return the form in which texts are compared.

    All kinds of white space, quotes and dashes are equal, and runs of white space are one space, or none within a line of a script without
    spaces that a mailer wrapped. Invisible characters, marks that strike letters through, optional vowel points and the composition of
    letters do not matter, nor does case, also as in Turkish and Greek. Variants that Unicode calls compatible are equal, such as full-width
    letters, ligatures, circled and mathematical letters (Unicode Standard Annex 15, form KC).
    """
    if text.isascii():
        return _SPACES.sub(" ", text).lower()
    folded = convert_in_pieces("NFKC", replace_typography(text)).casefold().replace("i\u0307", "i")
    return _SPACES.sub(" ", _WRAP.sub("", _replace(_NOT_FOLDED, _SAME_LETTER, compose(folded)).replace("\r\n", "\n")))
