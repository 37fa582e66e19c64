"""Search for payment card numbers in text."""

import re
from collections.abc import Iterator
from typing import Final

from mailhooks.policy.facts.text_normalization import remove_ignorable

_SEPARATOR: Final = "[ \u00a0\u2007\u202f\u2010-\u2015-]"
"""Spaces, hyphens and dashes between the groups of a card number."""
_NUMBER: Final = r"\d++(?![.,]\d)"
_NUMBERS: Final = re.compile(rf"(?<!\d)(?<!\d[.,]){_NUMBER}(?:(?:{_SEPARATOR}{{1,2}}|{_SEPARATOR}?\r?\n{_SEPARATOR}?){_NUMBER})*+")
"""Numbers with separators between them. A decimal fraction is not one of them."""
_GROUP: Final = re.compile(r"\d+")
_MIN_DIGITS: Final = 12
_MAX_DIGITS: Final = 19

_VALUE: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""The sum of the digits of each doubled digit."""


def has_card_number(text: str) -> bool:
    """Return whether a text contains a payment card number.

    It has 12 to 19 digits that are not all equal, and a valid check digit (ISO/IEC 7812-1, annex B: the Luhn formula). Its digits are in
    one piece, or in groups as on a card, which may continue on the next line. Other numbers, such as the expiry date, may be next to it.
    """
    for numbers in _NUMBERS.finditer(remove_ignorable(text)):
        groups = _GROUP.findall(numbers[0])
        if any(_is_card_number(digits) for first in range(len(groups)) for digits in _candidates(groups, first)):
            return True
    return False


def _candidates(groups: list[str], first: int) -> Iterator[str]:
    """Yield the numbers of a valid length that begin with one group and may continue with the next groups."""
    digits = groups[first]
    if len(digits) >= _MIN_DIGITS:
        yield digits
    if not 4 <= len(digits) <= 8:
        return
    for group in groups[first + 1 : first + 5]:
        digits += group
        if not 3 <= len(group) <= 7 or len(digits) > _MAX_DIGITS:
            return
        if len(digits) >= _MIN_DIGITS:
            yield digits


def _is_card_number(digits: str) -> bool:
    return len(digits) <= _MAX_DIGITS and digits.strip(digits[0]) != "" and _has_valid_check_digit(digits)


def _has_valid_check_digit(digits: str) -> bool:
    # Digits of other scripts have the same values.
    values = (digits if digits.isascii() else str(int(digits)).zfill(len(digits))).encode("ascii")
    return (sum(values[-2::-2].translate(_DOUBLED)) + sum(values[::-2].translate(_VALUE))) % 10 == 0
