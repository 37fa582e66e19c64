"""Search for national numbers of persons in text. The library `stdnum` checks each candidate."""

# Late imports below: few texts have a candidate, and `stdnum` needs tens of milliseconds to load.
import re
from typing import Final

from mailhooks.policy.facts.identifiers.labels import DNI_LABEL, SSN_LABEL
from mailhooks.policy.facts.identifiers.surroundings import (
    DASHES,
    SPACE,
    has_label,
    is_in_longer_name,
    is_touched,
    names_another_thing,
    to_ascii,
)

_DASH: Final = rf"[{DASHES}]"
_START: Final = r"\d(?<![0-9A-Za-z+]\d)(?<!\d[./-]\d)"
"""The first digit of a number that has no `+` of a telephone number. A search for a digit is fast, because texts have few of them."""
_COUNTRY_CODE: Final = re.compile(r"\+\d{1,3}[ \u00a0/-]\Z")
"""The beginning of a telephone number."""
_END: Final = rf"(?![./{DASHES}]?\d)"

_SSN: Final = re.compile(rf"{_START}\d\d(?:(?P<dashes>{_DASH}\d\d{_DASH})|{SPACE}\d\d{SPACE}|\.\d\d\.|\d\d)\d{{4}}{_END}")
_TAX_ID: Final = re.compile(rf"{_START}\d(?:\d{{9}}|(?:[/{DASHES}]\d{{3}}){{3}}|(?:{SPACE}\d{{3}}){{3}}(?!{SPACE}\d)){_END}")
_DNI: Final = re.compile(rf"{_START}(?:\d{{7}}|\d\.\d{{3}}\.\d{{3}})(?:{_DASH}|(?P<space>{SPACE}))?[A-Z]", re.IGNORECASE)
_NIE: Final = re.compile(rf"(?<![0-9A-Z])[XYZ]{_DASH}?\d{{7}}{_DASH}?[A-Z]", re.IGNORECASE)
_CODICE_FISCALE: Final = re.compile(
    rf"(?<![0-9A-Z])[A-Z]{{3}}{SPACE}?[A-Z]{{3}}{SPACE}?[\dLMNP-V]{{2}}{SPACE}?[A-EHLMPRST]{SPACE}?[\dLMNP-V]{{2}}{SPACE}?"
    rf"[A-Z][\dLMNP-V]{{3}}{SPACE}?[A-Z]",
    re.IGNORECASE,
)
_PESEL: Final = re.compile(rf"{_START}\d{{10}}{_END}")


def has_us_ssn(text: str) -> bool:
    """Return whether a text contains a Social Security Number of the USA.

    It has no check digit: it has the form 123-45-6789, or a label near it, and is in the ranges that exist.
    """
    return any(_is_us_ssn(text, found) for found in _SSN.finditer(text))


def _is_us_ssn(text: str, found: re.Match[str]) -> bool:
    if is_touched(text, *found.span()) or is_in_longer_name(text, *found.span()):
        return False
    if not (found["dashes"] or has_label(text, *found.span(), SSN_LABEL)):
        return False
    from stdnum.us import ssn

    return ssn.is_valid(to_ascii(found[0]))


def has_de_tax_id(text: str) -> bool:
    """Return whether a text contains a personal tax number of Germany (Steuerliche Identifikationsnummer)."""
    return any(_is_de_tax_id(text, found) for found in _TAX_ID.finditer(text))


def _is_de_tax_id(text: str, found: re.Match[str]) -> bool:
    from stdnum.de import idnr

    return not is_touched(text, *found.span()) and idnr.is_valid(to_ascii(found[0])) and _is_whole(text, found)


def has_es_dni(text: str) -> bool:
    """Return whether a text contains a number of an identity document of Spain (DNI), or of a foreigner there (NIE).

    A space before the letter of a DNI needs a label near it, because `a`, `e` and `y` are words.
    """
    return any(_is_dni(text, found) for found in _DNI.finditer(text)) or any(_is_nie(text, found) for found in _NIE.finditer(text))


def _is_dni(text: str, found: re.Match[str]) -> bool:
    if is_touched(text, *found.span()) or (found["space"] and not has_label(text, *found.span(), DNI_LABEL)):
        return False
    from stdnum.es import dni

    return dni.is_valid(to_ascii(found[0]))


def _is_nie(text: str, found: re.Match[str]) -> bool:
    if is_touched(text, *found.span()):
        return False
    from stdnum.es import nie

    return nie.is_valid(to_ascii(found[0]))


def has_it_codice_fiscale(text: str) -> bool:
    """Return whether a text contains a tax code of a person in Italy (codice fiscale), of 16 letters and digits."""
    return any(_is_it_codice_fiscale(text, found) for found in _CODICE_FISCALE.finditer(text))


def _is_it_codice_fiscale(text: str, found: re.Match[str]) -> bool:
    # Letters may replace its digits; with 16 letters, words could be one.
    if is_touched(text, *found.span()) or not any(map(str.isdecimal, found[0])):
        return False
    from stdnum.it import codicefiscale

    return codicefiscale.is_valid(to_ascii(found[0]))


def has_pl_pesel(text: str) -> bool:
    """Return whether a text contains a number of a person in Poland (PESEL), born after 1899."""
    return any(_is_pl_pesel(text, found) for found in _PESEL.finditer(text))


def _is_pl_pesel(text: str, found: re.Match[str]) -> bool:
    if is_touched(text, *found.span()):
        return False
    from stdnum.pl import pesel

    number = to_ascii(found[0])
    return pesel.is_valid(number) and 1900 <= pesel.get_birth_date(number).year < 2100 and _is_whole(text, found)


def _is_whole(text: str, found: re.Match[str]) -> bool:
    """Return whether a number that nothing touches is not a part of a telephone number, nor the number of another thing."""
    if names_another_thing(text, *found.span()):
        return False
    return not _COUNTRY_CODE.search(text, max(found.start() - 6, 0), found.start())
