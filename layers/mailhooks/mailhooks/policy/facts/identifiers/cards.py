"""Search for payment card numbers in text."""

import re
from collections.abc import Collection, Iterator
from itertools import accumulate, islice, pairwise
from operator import add
from typing import Final

from mailhooks.deadline import Deadline
from mailhooks.policy.facts.identifiers.ibans import is_in_iban
from mailhooks.policy.facts.identifiers.surroundings import (
    GAP,
    is_in_decimal_fraction,
    is_in_line_of_other,
    is_in_longer_name,
    is_near_card_label,
    is_touched,
    names_another_thing,
    to_ascii,
)

_ISSUERS: Final = re.compile(
    r"""
    4(?:\d{15}|\d{18})                                          # Visa
    |5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}  # Mastercard
    |3[47]\d{13}                                                # American Express
    |(?:6011|64[4-9]\d|65\d\d)\d{12,15}                         # Discover, with a part of RuPay and Verve
    |35(?:2[89]|[3-8]\d)\d{12,15}                               # JCB
    |(?:62|81(?=[0-7]))\d{14,17}                                # UnionPay
    |(?:3(?:0[0-5]|[689]\d)\d|3095)(?:\d{10}|\d{12}|\d{15})     # Diners Club
    |(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}|67\d{14}(?:\d{3})?  # Maestro
    |(?:220[0-4]|5019|506[67]|508\d|509\d|60[678]\d|63(?:62|70)|9792)\d{12}  # Mir, Dankort, Elo, RuPay, Hiper, Troy
    """,
    re.VERBOSE,
)
"""The prefixes of issuers with their lengths (ISO/IEC 7812-1). UATP (1) and old numbers of JCB (1800, 2131) are not read."""

_OLD_VISA: Final = re.compile(r"4\d{12}")
"""Needs a word for a card near it, because article numbers (EAN) have 13 digits too."""

_G: Final = rf"(?!\d){GAP}"
_GROUPS: Final = (
    rf"\d{{3}}(?:{_G}\d{{4}}){{2}}(?!\d)(?:{_G}\d{{1,4}}(?!\d)){{0,2}}+"  # most cards, of 12 to 19 digits
    rf"|\d{{7}}{_G}\d{{4}}{_G}\d{{4}}(?!\d)|\d{{3}}{_G}(?:\d{{8}}{_G}\d{{4}}|\d{{4}}{_G}\d{{8}})(?!\d)"  # an invisible gap
    rf"|\d{{3}}{_G}\d{{6}}{_G}\d{{4,5}}(?!\d)"  # American Express, Diners Club
    rf"|\d{{3}}(?:{_G}\d{{3}}){{3}}(?!\d)"  # Visa with 13 digits
    rf"|\d{{5}}{_G}\d{{13}}(?!\d)"  # UnionPay with 19 digits
)
_CANDIDATE: Final = re.compile(rf"\d(?<![0-9A-Za-z]\d)(?<![017])(?=(?P<piece>\d{{11,18}}(?!\d))|(?P<groups>{_GROUPS}))")
"""The first digit of 12 to 19 digits, in one piece or in groups. A search for a digit is fast, because texts have few of them."""

_ROW: Final = re.compile(rf"\d{{4}}(?:{_G}\d{{4}}(?!\d)){{6,1000}}+")
"""Groups of four digits, more than a card number has. Its search is bounded, to bound the memory."""
_MAX_GROUPS: Final = 5
"""Groups of four digits that `_CANDIDATE` reads."""

_BEFORE: Final = re.compile(rf"(?<!\d)(?:(\d{{4}}){_G})?(\d{{4}})((?!\d){GAP})\Z")
_AFTER: Final = re.compile(rf"((?!\d){GAP})(\d{{4}})(?!\d)(?:{_G}(\d{{4}})(?!\d))?")
_BY_FOURS: Final = re.compile(rf"(\d{{4}}){_G}(\d{{4}}){_G}(\d{{4}}){_G}(\d{{4}})(?!\d)")
_ENOUGH_CARDS: Final = 3
"""Card numbers after each other that cannot be there by chance."""
_DATE: Final = re.compile(r"(?:0[1-9]|1[0-2])\d\d|(?:19|20)\d\d")
"""A month and year of expiry, or a year."""

_DIGITS: Final = re.compile(r"\d+")
_VALUE: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""The sum of the digits of each doubled digit."""


def has_card_number(text: str, deadline: Deadline | None = None) -> bool:
    """Return whether a text contains a payment card number.

    It has a prefix and length of an issuer, and a valid check digit (ISO/IEC 7812-1, annex B: the Luhn formula). Its digits are in one
    piece, or in groups as on a card, which may continue on the next line. No letter or digit touches it. It is not a part of an IBAN, of a
    longer row of groups, or of a decimal fraction, and has no sign that it is another thing's number (`names_another_thing`).

    Raises:
        NoTimeLeft: the deadline passed before the end of the text.
    """
    for found in _find_candidates(text):
        if _is_card_number(text, found):
            return True
        if deadline is not None:
            deadline.check("search for card numbers")
    return False


def _find_candidates(text: str) -> Iterator[re.Match[str]]:
    """Yield the matches of `_CANDIDATE`, without those in rows of groups that have no valid check digit or are in a longer row."""
    start = 0
    while found := _CANDIDATE.search(text, start):
        yield found
        start = found.end()
        if found["groups"] and (row := _ROW.match(text, found.start())):
            gaps = _DIGITS.split(row[0])
            starts = [row.start() + 4 * index + length for index, length in enumerate(accumulate(map(len, gaps)))]
            for index in (1, *_find_in_row(row[0], gaps)):
                if inner := _CANDIDATE.match(text, starts[index]):
                    yield inner
            start = starts[len(gaps) - _MAX_GROUPS]


def _find_in_row(row: str, gaps: list[str]) -> Iterator[int]:
    """Yield the indexes of groups at which a card number may begin, from the third group to the last that has enough groups behind it.

    `gaps` are before each group and after the last one.
    """
    values = to_ascii("".join(_DIGITS.findall(row))).encode("ascii")
    sums = [0, *accumulate(map(add, values[::2].translate(_DOUBLED), values[1::2].translate(_VALUE)))]
    for index in range(2, len(gaps) - _MAX_GROUPS):
        before, at = gaps[index], 2 * index
        # As in `_is_in_longer_row`: three groups are a number of 12 digits, four are one of 16.
        if before not in gaps[index + 1 : index + 3] and not (
            (sums[at + 6] - sums[at]) % 10 and ((sums[at + 8] - sums[at]) % 10 or before == gaps[index + 3])
        ):
            yield index


def _is_card_number(text: str, found: re.Match[str]) -> bool:
    start = found.start()
    if found["piece"]:
        end = found.end("piece")
        digits = to_ascii(text[start:end])
        if not _is_valid(text, start, digits) or not _is_alone(text, start, end):
            return False
        return not (names_another_thing(text, start, end) or is_in_line_of_other(text, start, end))
    groups = _DIGITS.findall(text, start, found.end("groups"))
    digits = to_ascii("".join(groups))
    # What follows a number by fours may be another number, such as the check number of the card.
    counts = range(len(groups), 2, -1) if len(groups) > 3 else (len(groups),)
    lengths = [(count, sum(map(len, groups[:count]))) for count in counts]
    return any(_is_valid(text, start, digits[:length]) and _is_grouped_number(text, start, count) for count, length in lengths)


def _is_grouped_number(text: str, start: int, count: int) -> bool:
    """Return whether `count` groups with a valid check digit are written as the number of a card."""
    groups = list(islice(_DIGITS.finditer(text, start), count))
    gaps = [text[group.end() : following.start()] for group, following in pairwise(groups)]
    # Blank lines are between the cells of a table in HTML, not in a number that continues on the next line.
    if len(set(gaps)) > 1 and any(gap.count("\n") > 1 for gap in gaps):
        return False
    end = groups[-1].end()
    return _is_alone(text, start, end, gaps) and not _is_in_longer_row(text, start, end, gaps)


def _is_alone(text: str, start: int, end: int, gaps: Collection[str] = ()) -> bool:
    if is_touched(text, start, end) or is_in_longer_name(text, start, end) or is_in_iban(text, start, end):
        return False
    return "." in gaps or not is_in_decimal_fraction(text, start, end)


def _is_in_longer_row(text: str, start: int, end: int, gaps: Collection[str]) -> bool:
    """Return whether further groups of four digits are around a number, as in long numbers of accounts and parcels, and in tables.

    A date may be next to it, and other card numbers after it.
    """
    before = _BEFORE.search(text, max(start - 150, 0), start)
    if before and before[3] in gaps and (before[1] or not _DATE.fullmatch(before[2])):
        return True
    for _ in range(_ENOUGH_CARDS):
        after = _AFTER.match(text, end)
        if after is None or after[1] not in gaps or (_DATE.fullmatch(after[2]) and not after[3]):
            return False
        following = _BY_FOURS.match(text, after.start(2))
        if following is None or not _is_valid(text, end, to_ascii("".join(following.groups()))):
            return True
        end = following.end()
    return False


def _is_valid(text: str, start: int, digits: str) -> bool:
    if _ISSUERS.fullmatch(digits):
        return _has_valid_check_digit(digits)
    return _OLD_VISA.fullmatch(digits) is not None and _has_valid_check_digit(digits) and is_near_card_label(text, start)


def _has_valid_check_digit(digits: str) -> bool:
    values = digits.encode("ascii")
    return (sum(values[-2::-2].translate(_DOUBLED)) + sum(values[::-2].translate(_VALUE))) % 10 == 0
