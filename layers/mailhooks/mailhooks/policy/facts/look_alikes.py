"""Comparison of texts by the shape of their letters (Unicode Technical Standard 39, section 4, "Confusable Detection")."""

from collections.abc import Iterator
from typing import Final

from mailhooks.policy.facts.confusables import TABLE
from mailhooks.policy.facts.text_normalization import convert_in_pieces, normalize, replace_typography

_SMALL_CAPITALS: Final = dict(
    zip(
        "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u0274\u1d0f\u1d18\ua7af\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22"
        "\u0138\u1d0d\u028d\u0185",
        [*"abcdefghijklnopqrstuvwyzk", "rn", "rn", "b"],
        strict=True,
    )
)
"""Small letters with the shape of a capital. The Cyrillic т is one: its capital looks like T, and case does not matter here."""


def _read_table() -> Iterator[tuple[str, str]]:
    for line in TABLE.split("\n")[1:-1]:
        prototype, *letters = ("".join(chr(int(point, 16)) for point in each.split("+")) for each in line.split(" "))
        for letter in letters:
            yield letter, _SMALL_CAPITALS.get(prototype, prototype)


_SHAPES: Final = str.maketrans({**dict(_read_table()), **_SMALL_CAPITALS, "\u04cf": "l", "0": "o", "1": "l", "|": "l", "I": "l"})
_CAPITAL_I: Final = {point: "i" for point, shape in _SHAPES.items() if shape == "l" and (point == 0x04CF or chr(point).isupper())}
"""Letters with the shape of a capital I. It looks like a small l, and is another letter in capitals."""


_BEFORE_DECOMPOSITION: Final = str.maketrans({"\u03f2": "c", "\u03f9": "c", "\u017f": "f"})
"""Letters with the shape of another letter than they decompose into: the lunate sigma and the long s."""


def list_skeletons(text: str) -> frozenset[str]:
    """Return the forms in which texts that look alike are equal: two texts look alike if they share one.

    A capital I is an l in one form and an i in the other. What `normalize` ignores does not matter, such as case.
    The time is linear.
    """
    decomposed = convert_in_pieces("NFKD", replace_typography(text).translate(_BEFORE_DECOMPOSITION))
    shapes = (decomposed.translate(_SHAPES), decomposed.translate(_SHAPES | _CAPITAL_I))
    return frozenset(normalize(shape).replace("m", "rn") for shape in shapes)
