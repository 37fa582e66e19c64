"""What is around a number in a text: gaps between its groups, characters that touch it, labels, addresses.

Each search reads a bounded part of the text, so that the time is linear for every text.
"""

import csv
import re
import unicodedata
from typing import Final

from mailhooks.policy.facts.identifiers.labels import CARD_LABEL, CARD_PARAMETER, LOOSE_LABEL, OTHER_LABEL

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
    return continues_word(text[start - 1 : start]) or continues_word(text[end : end + 1])


def continues_word(character: str) -> bool:
    """Return whether a character is a digit, a letter of a script with spaces, or the mark of a letter."""
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
    if OTHER_LABEL.search(before) and not (before.endswith("\n") and _starts_row(text, start, end)):
        return True
    if (joined := _JOINED_BEFORE.search(before)) and not joined[1].isdecimal() and not CARD_LABEL.search(joined[1]):
        return True
    return _is_in_url(text, start) and not CARD_PARAMETER.search(before)


_OPENING: Final = " \t([{<\u00ab\u201c\u201e\u2018\uff08\u3010\u300c"
"""Brackets and quotation marks before a number."""
_SEPARATORS: Final = "\t;|,"
_MAX_LINE: Final = 200
_MAX_TABLE: Final = 1000
"""Characters above a number in which the head of its column may be."""


def is_in_line_of_other(text: str, start: int, end: int) -> bool:
    """Return whether the line or the column of `text[start:end]` has the label of another thing, and no word for a card is as near.

    `Order number of your purchase: 12345`, `order (12345)`, or a cell under `Order number`.
    """
    left = text[max(start - _NEAR, 0) : start].rpartition("\n")[2]
    right = text[end : end + 30].partition("\n")[0]
    if CARD_LABEL.search(right):
        return False
    if (loose := LOOSE_LABEL.match(left)) and not CARD_LABEL.search(loose["between"]):
        return True
    if CARD_LABEL.search(left):
        return False
    opened = left.rstrip(_OPENING)
    return (opened != left and OTHER_LABEL.search(opened) is not None) or _is_in_column_of_other(text, start, end)


def _is_in_column_of_other(text: str, start: int, end: int) -> bool:
    """Return whether the next cell with a letter above a cell is the label of another thing. Both lines have as many cells."""
    first = text.rfind("\n", max(start - _MAX_LINE, 0), start) + 1
    after = text[end : end + _MAX_LINE].partition("\n")[0]
    if not first:
        return False
    before = text[first:start]
    separator = next((each for each in _SEPARATORS if each in before or each in after), "\t")
    column = len(_split_cells(f"{before}0", separator)) - 1
    count = len(_split_cells(f"{before}0{after}", separator))
    for line in reversed(text[max(first - _MAX_TABLE, 0) : first - 1].split("\n")):
        cells = _split_cells(line, separator)
        if len(cells) != count:
            return False
        if any(map(str.isalpha, cells[column])):
            return OTHER_LABEL.search(cells[column]) is not None and not CARD_LABEL.search(cells[column])
    return False


def _starts_row(text: str, start: int, end: int) -> bool:
    """Return whether a number is the first cell of a row under another row, so that the last cell above is no label of it."""
    above = text[max(start - _MAX_LINE, 0) : start].rstrip("\r\n").rpartition("\n")[2]
    following = text[end : end + 2].lstrip(" ")[:1]
    return following != "" and following in _SEPARATORS and following in above


def _split_cells(line: str, separator: str) -> list[str]:
    line = line.rstrip("\r")[: 2 * _MAX_LINE]
    return next(csv.reader([line], delimiter=separator), [""]) if '"' in line else line.split(separator)


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
