"""The number of passwords that are tried for one message, where one try needs a tenth of a second and more."""

from typing import Final

_MOST: Final = 4
"""A message of people has one such file or a few."""


class SlowChecks:
    """Counts the tries."""

    def __init__(self, left: int = _MOST) -> None:
        self._left = left

    def allow(self) -> bool:
        """Return whether one more try is allowed, and count it."""
        self._left -= 1
        return self._left >= 0
