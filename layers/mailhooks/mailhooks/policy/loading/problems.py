"""Collection of the invalid values of a policy, each with its place."""

import re
from collections.abc import Iterator
from typing import Any, Final

from mailhooks.errors import SettingsError

ADDRESS: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
"""A mail address, as in the schema; not a pattern."""

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


class InvalidValue(Exception):
    """Values that the schema allows are invalid.

    Attributes:
        problems: the place and the text of each problem. The place begins at the value that is being built.
    """

    def __init__(self, text: str, *place: str | int) -> None:
        super().__init__(text)
        self.problems: list[tuple[Place, str]] = [(place, text)]


class ErrorPath:
    """Puts keys before the places of an `InvalidValue` raised inside: `with ErrorPath("when"): ...`."""

    def __init__(self, *place: str | int) -> None:
        self._place = place

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, InvalidValue) and self._place:
            error.problems = [((*self._place, *place), text) for place, text in error.problems]


class ErrorCollector:
    """Catches each `InvalidValue` raised `with` it; `raise_errors` raises all of them as one.

    >>> collector = ErrorCollector()
    >>> for place in "ab":
    ...     with collector, ErrorPath(place):
    ...         raise InvalidValue("expected c")
    >>> collector.raise_errors()
    Traceback (most recent call last):
    mailhooks.policy.loading.problems.InvalidValue: expected c
    """

    def __init__(self) -> None:
        self._error: InvalidValue | None = None

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> bool:
        if not isinstance(error, InvalidValue):
            return False
        if self._error is None:
            self._error = error
        else:
            self._error.problems += error.problems
        return True

    def raise_errors(self) -> None:
        """Raise the collected errors as one.

        Raises:
            InvalidValue: at least one error was collected.
        """
        if self._error is not None:
            raise self._error


def from_setting(error: SettingsError) -> InvalidValue:
    """Convert an error of an environment variable, whose text begins with the name of the variable."""
    return InvalidValue(str(error).partition(": ")[2] or str(error))


def as_list(value: Any) -> Iterator[tuple[ErrorPath, Any]]:
    """Yield the items of a list, or a single value, each with its place."""
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield ErrorPath(index), each
    else:
        yield _HERE, value


_HERE: Final = ErrorPath()
