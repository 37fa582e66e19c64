"""Search for International Bank Account Numbers (ISO 13616) in text."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from mailhooks.policy.facts.identifiers.surroundings import GAP, SPACE, continues_word, to_ascii

_START: Final = re.compile(rf"\d(?:(?<=[A-Za-z]{{2}}\d)|(?<=[A-Za-z]{{2}}{SPACE}\d))\d")
"""The check digits after the letters of the country. A search for digits is fast, because texts have few of them."""
_CHARACTERS: Final = {"n": r"\d", "a": "[A-Za-z]", "c": r"[A-Za-z\d]"}
"""The characters of each kind in the registry."""

_VALUES: Final = {letter: str(letter - 55) for letter in range(ord("A"), ord("Z") + 1)}
"""A is 10, Z is 35."""


def has_iban(text: str) -> bool:
    """Return whether a text contains an IBAN of a country in the registry, with a valid length, form and check digits."""
    return any(_is_iban(text, country, digits) for country, digits in _find_starts(text, 0, len(text)))


def is_in_iban(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is in an IBAN: a text with the form of its country and valid check digits."""
    starts = _find_starts(text, max(start - 60, 0), start + 2)
    return any(_find_end(text, country, digits) >= end for country, digits in starts)


def _is_iban(text: str, country: int, digits: int) -> bool:
    first = country - 4 if _has_label(text, country) else country
    if continues_word(text[first - 1 : first]):  # The quick test is first.
        return False
    end = _find_end(text, country, digits)
    if end < 0 or continues_word(text[end : end + 1]):
        return False
    # Late: few texts have a candidate.
    from stdnum import iban

    return iban.is_valid(to_ascii(text[country:end]), check_country=False)


def _find_starts(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the positions of the country and of the check digits of what may be an IBAN."""
    for found in _START.finditer(text, first, last):
        digits = found.start()
        country = digits - (2 if text[digits - 1].isalpha() else 3)
        letters = text[country : country + 2]
        # "No 1234567890123" and "to 12 ..." are no accounts.
        if digits == country + 2:
            is_start = letters.isupper() or letters.islower()
        else:
            is_start = letters.isupper() and letters != "NO" and (_has_label(text, country) or not text[country - 1 : country].isalpha())
        if is_start:
            yield country, digits


def _has_label(text: str, country: int) -> bool:
    return text[max(country - 4, 0) : country].upper() == "IBAN"


def _find_end(text: str, country: int, digits: int) -> int:
    """Return the end of a text with the form of an IBAN and its check digits (ISO/IEC 7064, MOD 97-10); -1 if it has none."""
    rest = _rest_pattern(text[country : country + 2].upper())
    found = rest.match(text, digits + 2) if rest else None
    if found is None:
        return -1
    iban = to_ascii(text[country : found.end()])
    return found.end() if int((iban[4:] + iban[:4]).translate(_VALUES)) % 97 == 1 else -1


@cache
def _rest_pattern(country: str) -> re.Pattern[str] | None:
    """Return the pattern of what follows the check digits in a country; None if it has no IBAN."""
    from stdnum import numdb

    [(_, properties), *_] = numdb.get("iban").info(country)
    parts = re.findall(r"(\d+)!([nac])", properties.get("bban", ""))
    return re.compile("".join(f"(?:{GAP}{_CHARACTERS[kind]}){{{count}}}" for count, kind in parts)) if parts else None
