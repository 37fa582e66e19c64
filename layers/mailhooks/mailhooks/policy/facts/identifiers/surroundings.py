"""What is around a number in a text: gaps between its groups, characters that touch it, labels, addresses.

Each search reads a bounded part of the text, so that the time is linear for every text.
"""

import re
import unicodedata
from typing import Final

from mailhooks.policy.facts.identifiers.labels import CARD_LABEL, CARD_PARAMETER, OTHER_LABEL

SPACE: Final = r"[^\S\r\n]"
DASHES: Final = "\\-\u058a\u05be\u1806\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\u301c\u30fc\ufe31\ufe32\ufe58\ufe63\uff0d\uff70"
"""Hyphens, dashes, the minus sign, and the mark for long vowels, which Japanese keyboards type in place of a full-width hyphen."""
GAP: Final = (
    rf"{SPACE}{{0,8}}+(?:[{DASHES}./_\u00b7\u2022\u30fb]{{1,2}}+{SPACE}{{0,8}}+)?+"
    r"(?:\r?\n\s{0,40}+(?:>[> ]{0,8}+)?+)?+"
)
"""What may be between two groups of a number. The number may continue on the next line, also of a quote, and in the next cell."""

_WITHOUT_SPACES: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u19e0-\u19ff\u3005-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words, and Hangul, which writes particles directly after a number (Unicode Standard Annex 29)."""

_NEAR: Final = 100
"""Characters before a number in which its label may be, such as the first line of a table."""

_MAX_URL: Final = 2000
"""Characters of a URL before a number in it."""


def is_touched(text: str, start: int, end: int) -> bool:
    """Return whether a letter, a digit or a mark of a letter is directly before or after `text[start:end]`."""
    return _continues(text[start - 1 : start]) or _continues(text[end : end + 1])


def _continues(character: str) -> bool:
    if character.isdecimal():
        return True
    # A superscript digit is the mark of a footnote.
    is_letter = (character.isalnum() and not character.isdigit()) or (character > "\x7f" and unicodedata.category(character)[0] == "M")
    return is_letter and not _WITHOUT_SPACES.match(character)


def is_in_longer_name(text: str, start: int, end: int) -> bool:
    """Return whether a hyphen joins `text[start:end]` to letters with digits, as in a UUID."""
    found = (_JOINED_BEFORE.search(text, max(start - 40, 0), start), _JOINED_AFTER.match(text, end))
    return any(each is not None and not each[1].isdecimal() and not each[1].isalpha() for each in found)


def is_in_decimal_fraction(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is a part of a number with a decimal point, as in `3.14159` and `0,5`.

    A comma is the decimal sign only after a single 0 and without another comma, because columns of a table have commas too.
    """
    before, after = text[max(start - 3, 0) : start], text[end : end + 2]
    if before[-1:] == "." and before[-2:-1].isdecimal():
        return True
    if before[-2:] == "0," and not before[-3:-2].isalnum() and after[:1] != ",":
        return before[-3:-2] not in {",", ";", '"'}
    return after[:1] == "." and after[1:].isdecimal()


_JOINED_BEFORE: Final = re.compile(rf"([^\W_]++)[{DASHES}_]\Z")
_JOINED_AFTER: Final = re.compile(rf"[{DASHES}_]([^\W_]{{1,40}})")
_ADDRESS_AFTER: Final = re.compile(r"[\w.+%-]{0,64}@\w")
_URL_END: Final = re.compile(r"""[\s<>"',;|()\[\]{}]""")
_SHORT_URL: Final = re.compile(r"""\w\.[a-z]{2,24}/[^\s<>"',;|()\[\]{}]*+\Z""", re.IGNORECASE)
"""A URL as in `example.com/17`, without its scheme."""


def names_another_thing(text: str, start: int, end: int) -> bool:
    """Return whether what is around a number without gaps shows that it is the number of an order, a page, a mailbox or the like.

    It has such a label directly before it (`order no. 12345`), is joined to other words (`TXN-12345`), or is in a URL or an address. In a
    URL the name of a parameter may show that it is a card (`?card=12345`).
    """
    if _ADDRESS_AFTER.match(text, end):
        return True
    before = text[max(start - 60, 0) : start]
    if OTHER_LABEL.search(before):
        return True
    if (joined := _JOINED_BEFORE.search(before)) and not joined[1].isdecimal() and not CARD_LABEL.search(joined[1]):
        return True
    return _is_in_url(text, start) and not CARD_PARAMETER.search(before)


def _is_in_url(text: str, start: int) -> bool:
    first = max(start - _MAX_URL, 0)
    begin = max(text.rfind("://", first, start), text.rfind("www.", first, start))
    if begin >= 0 and not _URL_END.search(text, begin, start):
        return True
    return text[start - 1 : start] in {"/", "="} and _SHORT_URL.search(text, max(start - 100, 0), start) is not None


def is_near_card_label(text: str, start: int) -> bool:
    """Return whether a word for a card is shortly before a number."""
    return has_label(text, start, start, CARD_LABEL)


def has_label(text: str, start: int, end: int, label: re.Pattern[str]) -> bool:
    """Return whether a label is shortly before `text[start:end]`, or directly after it."""
    return bool(label.search(text, max(start - _NEAR, 0), start) or label.search(text, end, end + 30))


def to_ascii(text: str) -> str:
    """Return the letters and digits of an identifier: letters in upper case, digits of all scripts as ASCII digits."""
    kept = (text if text.isalnum() else "".join(filter(str.isalnum, text))).upper()
    return kept if kept.isascii() else "".join(str(unicodedata.decimal(each, each)) for each in kept)
