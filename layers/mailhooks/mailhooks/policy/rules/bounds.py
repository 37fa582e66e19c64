"""Bounds of numbers and sizes."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|KB|MB)")
_OCTETS: Final = {"B": 1, "KB": 1024, "MB": 1024 * 1024}


def parse_size(value: float | str) -> int:
    """Return a size in octets. The value is a number of octets, or a text such as `150 KB`.

    >>> parse_size("1.5 MB")
    1572864
    """
    if not isinstance(value, str):
        return int(value)
    found = _SIZE.fullmatch(value)
    assert found, "checked by the schema"
    return int(Decimal(found[1]) * _OCTETS[found[2]])


def parse_bounds(value: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return the least and the greatest number within bounds; None without an upper bound.

    The bounds are `over`, `under`, `at_least` and `at_most`.
    """
    least = max((parse_size(value[key]) + plus for key, plus in (("over", 1), ("at_least", 0)) if key in value), default=0)
    most = min((parse_size(value[key]) - minus for key, minus in (("under", 1), ("at_most", 0)) if key in value), default=None)
    return least, most


def bounds_test(value: Mapping[str, Any]) -> Callable[[float], bool]:
    """Return a function that tests whether a number is within bounds."""
    least, most = parse_bounds(value)
    return lambda number: number >= least and (most is None or number <= most)
