"""IBANs and national numbers are found in their ways of writing, with valid check digits only."""

from collections.abc import Callable
from typing import Final

import pytest

from mailhooks.policy.facts.identifiers import find_identifiers
from tests.unit.policy.facts.identifiers.random_numbers import Numbers, by_fours, other_numbers

NAMES: Final = ("iban", "us_ssn", "de_tax_id", "es_dni", "it_codice_fiscale", "pl_pesel")


def with_gaps(gap: str, *lengths: int) -> Callable[[str], str]:
    def write(number: str) -> str:
        groups, at = [], 0
        for length in lengths:
            groups.append(number[at : at + length])
            at += length
        return gap.join(groups)

    return write


WAYS: Final[dict[str, list[Callable[[str], str]]]] = {
    "iban": [
        by_fours,
        str.lower,
        lambda iban: f"IBAN{iban}",
        lambda iban: f"IBAN: {by_fours(iban)} BIC COBADEFFXXX",
        lambda iban: by_fours(iban, "\u00a0"),
        lambda iban: by_fours(iban, "-"),
        lambda iban: by_fours(iban, "."),
        lambda iban: f"{by_fours(iban)[:14]}\n{by_fours(iban)[15:]}",
        lambda iban: f"{iban[:4]} {iban[4:]}",
        lambda iban: f"Bob;{iban};17",
        lambda iban: f"口座{iban}です",
    ],
    "us_ssn": [
        lambda ssn: ssn.replace("-", "\u2011"),
        lambda ssn: f"SSN: {ssn.replace('-', '')}",
        lambda ssn: f"Social Security number {ssn.replace('-', ' ')}",
        lambda ssn: f"name,ssn\nBob,{ssn.replace('-', '')}",
        lambda ssn: f"{ssn.replace('-', '')} (SSN)",
        lambda ssn: f"Bob,{ssn},17",
    ],
    "de_tax_id": [
        with_gaps(" ", 2, 3, 3, 3),
        with_gaps("\u202f", 2, 3, 3, 3),
        with_gaps("/", 2, 3, 3, 3),
        lambda number: f"IdNr. {number}.",
    ],
    "es_dni": [
        str.lower,
        with_gaps("-", 8, 1),
        lambda dni: f"{dni[:2]}.{dni[2:5]}.{dni[5:8]}-{dni[8]}",
        lambda dni: f"DNI {dni[:8]} {dni[8]}",
        lambda dni: f"NIF:{dni},",
    ],
    "it_codice_fiscale": [str.lower, with_gaps(" ", 3, 3, 5, 4, 1), with_gaps(" ", 6, 2, 1, 2, 4, 1), lambda code: f"C.F.: {code}."],
    "pl_pesel": [lambda pesel: f"PESEL {pesel}", lambda pesel: f"Bob;{pesel};17", lambda pesel: f"PESEL: {pesel}."],
}


@pytest.mark.parametrize("name", NAMES)
def test_each_number_is_found_and_not_with_another_check_digit(name: str) -> None:
    make = Numbers()
    for _ in range(300):
        number = getattr(make, name)()
        for write in (str, *WAYS[name]):
            assert name in find_identifiers(write(number), NAMES), write(number)
        assert name not in find_identifiers(f"x{number}", NAMES)
        assert name not in find_identifiers(f"{number}9", NAMES)
        if name != "us_ssn":
            last = "ABCDEFGHJKLMNPQRSTVWXYZ" if number[-1].isalpha() else "0123456789"
            other = number[:-1] + last[(last.index(number[-1]) + 1) % len(last)] if number[-1] in last else ""
            assert name not in find_identifiers(other, NAMES)


MAX_SHARE: Final = {"iban": 0.0, "us_ssn": 0.0, "de_tax_id": 0.01, "es_dni": 0.001, "it_codice_fiscale": 0.0, "pl_pesel": 0.01}
"""The share of other numbers that have the form and check digit by chance: 11 digits have for two countries."""


@pytest.mark.parametrize("name", NAMES)
def test_other_numbers_are_rarely_found(name: str) -> None:
    for kind, write in other_numbers(Numbers()):
        if name != "iban" or not kind.startswith("IBAN"):
            texts = [write() for _ in range(1000)]
            found = [text for text in texts if name in find_identifiers(text, [name])]
            assert len(found) <= 1000 * MAX_SHARE[name], (kind, found[:5])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("No 9386011117947", []),
        ("NO 9386011117947", []),
        ("NO9386011117947", ["iban"]),
        ("no9386011117947", ["iban"]),
        ("DE 89 3704 0044 0532 0130 00", ["iban"]),
        ("De89370400440532013000", []),
        ("DE89 3704 0044 0532 0130 01", []),
        ("ZZ89 3704 0044 0532 0130 00", []),
        ("536904399", []),
        ("078-05-1120", []),
        ("900-12-3456", []),
        ("1536-90-4399", []),
        ("Part 536-90-4399-A1", []),
        ("SSN 536.90.4399", ["us_ssn"]),
        ("536.90.4399", []),
        ("+49 86095742719", []),
        ("+48 44051401359", []),
        ("\uff24\uff2589370400440532013000", ["iban"]),
        ("17-536-90-4399", []),
        ("536-90-4399-1", []),
        ("Order no. 36574261809", []),
        ("+36574261809", []),
        ("17.36574261809", []),
        ("54362315 K", []),
        ("X-2482300-W", ["es_dni"]),
        ("nie x2482300w", ["es_dni"]),
        ("X2482300A", []),
        ("20261124T101500", []),
        ("RCCMNL83S18D969H", ["it_codice_fiscale"]),
        ("RCC MNL 83S18 D969H", ["it_codice_fiscale"]),
        ("RCCMNL83S18D969X", []),
        ("00743110157", []),
        ("44051401359", ["pl_pesel"]),
        ("48\u00a0601\u00a0234\u00a0567", []),
        ("https://example.com/44051401359", []),
    ],
)
def test_the_form_and_what_is_around_it_decide(text: str, expected: list[str]) -> None:
    assert list(find_identifiers(text, NAMES)) == expected


def test_several_identifiers_are_found_in_the_order_of_the_names() -> None:
    text = "4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 536-90-4399"
    assert list(find_identifiers(text, ["us_ssn", "card_number", "pl_pesel", "iban"])) == ["us_ssn", "card_number", "iban"]
