"""Numbers and sizes with bounds."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|KB|MB)")
_OCTETS: Final = {"B": 1, "KB": 1024, "MB": 1024 * 1024}


def octets(value: float | str) -> int:
    """A size: a number of bytes, or such as `150 KB`.

    >>> octets("1.5 MB")
    1572864
    """
    if not isinstance(value, str):
        return int(value)
    found = _SIZE.fullmatch(value)
    assert found, "checked by the schema"
    return int(Decimal(found[1]) * _OCTETS[found[2]])


def least_and_most(value: Mapping[str, Any]) -> tuple[int, int | None]:
    """The bounds given as one pair; None where there is no upper one."""
    least = max((octets(value[key]) + plus for key, plus in (("over", 1), ("at_least", 0)) if key in value), default=0)
    most = min((octets(value[key]) - minus for key, minus in (("under", 1), ("at_most", 0)) if key in value), default=None)
    return least, most


def bounds(value: Mapping[str, Any]) -> Callable[[int], bool]:
    """Whether a number is within all the bounds given: `over`, `under`, `at_least`, `at_most`."""
    least, most = least_and_most(value)
    return lambda number: number >= least and (most is None or number <= most)
