"""Collection of the invalid values of a policy, each with its place."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value."""

_T = TypeVar("_T")
_V = TypeVar("_V")


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
    """Catches each `InvalidValue` raised `with` it; `raise_errors` raises all of them as one."""

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
        if self._error is not None:
            raise self._error


def build_all(build: Callable[[_V], _T], items: Iterable[tuple[ErrorPath, _V]]) -> list[_T]:
    """Build a value from each item. Raises the `InvalidValue` of all items as one, with their places."""
    found = []
    collector = ErrorCollector()
    for at, item in items:
        with collector, at:
            found.append(build(item))
    collector.raise_errors()
    return found


def parse(function: Callable[[_V], _T], value: _V) -> _T:
    """Call a function whose ValueError names the expected form. Raises InvalidValue instead."""
    try:
        return function(value)
    except ValueError as error:
        raise InvalidValue(f"expected {error}") from None


@contextmanager
def convert_value_errors() -> Iterator[None]:
    """Raise InvalidValue with the text of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def as_list(value: Any) -> Iterator[tuple[ErrorPath, Any]]:
    """Yield the items of a list, or a single value, each with its place."""
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield ErrorPath(index), each
    else:
        yield _HERE, value


_HERE: Final = ErrorPath()
