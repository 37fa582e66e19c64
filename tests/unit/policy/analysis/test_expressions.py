"""Expressions by the classes in them that know ASCII only, and whether a letter beyond ASCII is next to each."""

# ruff: noqa: RUF001 - letters of other alphabets that look like Latin ones are meant

import pytest

from mailhooks.policy.analysis.expressions import find_ascii_classes
from mailhooks.policy.facts.regex import compile_regex

FOUND = [
    (r"\bпароль\b", [(r"\b", True)]),
    (r"\bÜberweisung\b", [(r"\b", True)]),
    (r"Überweisung\b", [(r"\b", False)]),
    (r"(?i)\bпароль\b", [(r"\b", True)]),
    (r"(?i:\bпароль)", [(r"\b", True)]),
    (r"(?P<word>\bпароль)", [(r"\b", True)]),
    (r"\w+straße", [(r"\w", False)]),
    (r"[\w.]+@bücher", [(r"\w", False)]),
    (r"\W+ümlaut", [(r"\W", True)]),
    (r"é\B", [(r"\B", True)]),
    (r"[[:alpha:]]+ñ", [("[:alpha:]", True)]),
    (r"[^[:upper:]]x ñ", [("[:upper:]", False)]),
    (r"é[[:punct:]]", [("[:punct:]", True)]),
    (r"né\d", [(r"\d", True)]),
    (r"café\s+noir", [(r"\s", True)]),
    (r"\b\w+é", [(r"\b", False), (r"\w", True)]),
    # groups, alternatives and repetitions
    (r"\b(?:foo|Über)", [(r"\b", True)]),
    (r"(?:foo|é)\b", [(r"\b", True)]),
    (r"(?:é|foo)\b", [(r"\b", True)]),
    (r"(?:é|foo)bar\b", [(r"\b", False)]),
    (r"x(?:ü)?\b", [(r"\b", True)]),
    (r"ü(?:x)?\b", [(r"\b", True)]),
    (r"ü(?:x|y)*\b", [(r"\b", True)]),
    (r"ü(?:x|y)+\b", [(r"\b", False)]),
    (r"\bx*ü", [(r"\b", True)]),
    (r"\bx{0,2}ü", [(r"\b", True)]),
    (r"\b(x|y)?ü", [(r"\b", True)]),
    (r"é{2,3}\b", [(r"\b", True)]),
    (r"a\b|é", [(r"\b", False)]),
    (r"(a\b|é)", [(r"\b", False)]),
    (r"((ü)|b)\b", [(r"\b", True)]),
    # letters in other spellings
    (r"\Qé\E\b", [(r"\b", True)]),
    (r"\x{43f}\w", [(r"\w", True)]),
    (r"\xe9\w", [(r"\w", True)]),
    (r"\p{Cyrillic}+\b", [(r"\b", True)]),
    (r"\pL\b", [(r"\b", True)]),
    (r"[а-я]+\b", [(r"\b", True)]),
    (r"[]ü]\b", [(r"\b", True)]),
    (r"\b[\wäöü]+", [(r"\b", True)]),
    ("e\u0301\\b", [(r"\b", True)]),
]

NOT_FOUND = [
    r"\binvoice\b",
    r"m\w+chen",
    r"\\bÜber",
    r"\Q\bé\E",
    r"[\wäöüß]+straße",
    r"Bestellung für \d+",
    r"für\s+Ana",
    r"[[:digit:]]+ Stück",
    r"(?:^|[^\pL\pM\pN_])пароль(?:[^\pL\pM\pN_]|$)",
    r"\w+ \p{Nd}",
    r"\w € 5",
    r"\b\p{Zs}\w",
    r"[^é]\b",
    r"\b\x41",
    "",
]


@pytest.mark.parametrize("pattern, expected", [*FOUND, *((pattern, []) for pattern in NOT_FOUND)])
def test_classes_that_know_ascii_only_are_found_with_letters_beyond_ascii(pattern, expected):
    compile_regex(pattern)
    assert [(each.name, each.touches_letter) for each in find_ascii_classes(pattern)] == expected


def test_the_replacements_are_expressions_that_match_beyond_ascii():
    for pattern, text in [(r"\w", "é"), (r"\W", "€"), (r"\d", "٣"), (r"\D", "é"), (r"\s", "\u00a0"), (r"\S", "é"), (r"\B", "é")]:
        [found] = find_ascii_classes(f"é{pattern}")
        assert compile_regex(f"^{found.instead}$").search(text), pattern
    for name, text in [("alpha", "é"), ("alnum", "é"), ("word", "é"), ("lower", "é"), ("upper", "É"), ("digit", "٣"), ("space", "\u00a0")]:
        [found] = find_ascii_classes(f"é[[:{name}:]]")
        assert compile_regex(f"^{found.instead}$").search(text), name
    for name, text in [("blank", "\u00a0"), ("graph", "é"), ("print", "é"), ("punct", "„")]:
        [found] = find_ascii_classes(f"é[[:{name}:]]")
        assert compile_regex(f"^{found.instead}$").search(text), name
    [found] = find_ascii_classes(r"\bÜber")
    before, after = found.instead.removesuffix(", or use `words`").removesuffix(" after a word").split(" before and ")
    for text, expected in [("Über", True), ("die Über!", True), ("äÜber", False), ("Überé", False), ("Über_", False)]:
        assert bool(compile_regex(f"{before}Über{after}").search(text)) == expected


def test_the_time_is_bounded_for_the_longest_expression():
    pattern = r"(?:\b|" * 150 + "é" + r")*" * 150
    assert find_ascii_classes(pattern)
