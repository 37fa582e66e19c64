"""What is refused of a policy that its schema lets through, and where it lies."""

import re
from collections.abc import Iterator
from typing import Any, Final

from mailhooks.errors import SettingsError

ADDRESS: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
"""What may be a mail address, and no pattern, as the schema has it."""

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


class InvalidValue(Exception):
    """Values that the schema lets through cannot be meant.

    Attributes:
        found: for each of them the place, which leads to it from the condition's value, and what was expected there.
    """

    def __init__(self, text: str, *place: str | int) -> None:
        super().__init__(text)
        self.found: list[tuple[Place, str]] = [(place, text)]


class ErrorPath:
    """`with ErrorPath("when"):` what is refused inside lies there."""

    def __init__(self, *place: str | int) -> None:
        self._place = place

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, InvalidValue) and self._place:
            error.found = [((*self._place, *place), text) for place, text in error.found]


class ErrorCollector:
    """Goes on after what is refused `with` it, so that all of it is told: `end` refuses it.

    >>> together = ErrorCollector()
    >>> for place in "ab":
    ...     with together, ErrorPath(place):
    ...         raise InvalidValue("expected c")
    >>> together.end()
    Traceback (most recent call last):
    mailhooks.policy.loading.problems.InvalidValue: expected c
    """

    def __init__(self) -> None:
        self._refused: InvalidValue | None = None

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if not isinstance(error, InvalidValue):
            return False
        if self._refused is None:
            self._refused = error
        else:
            self._refused.found += error.found
        return True

    def end(self) -> None:
        """Raises:
        InvalidValue: something was refused; it has all of it.
        """
        if self._refused is not None:
            raise self._refused


def of_setting(error: SettingsError) -> InvalidValue:
    """What an error says that was written for environment variables, whose name comes first."""
    return InvalidValue(str(error).partition(": ")[2] or str(error))


def several(value: Any) -> Iterator[tuple[ErrorPath, Any]]:
    """The values of a list, or the single one that stands for a list of one; each with where it lies."""
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield ErrorPath(index), each
    else:
        yield _HERE, value


_HERE: Final = ErrorPath()
