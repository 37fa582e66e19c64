"""The numbers that options and arguments accept."""

import re
from dataclasses import dataclass
from typing import Final

from workmail_local.errors import InvalidArgument

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
_MAX_LENGTH: Final = 40
"""Characters of a number: Python reads no whole numbers with more than 4,300 digits."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The numbers from `least` to `most`.

    Attributes:
        whole: whether only whole numbers are accepted.
        noun: the description; each `{}` is a limit.
    """

    least: float
    most: float
    whole: bool = False
    noun: str = "a number from {} to {}"

    def __str__(self) -> str:
        return self.noun.format(f"{self.least:,}", f"{self.most:,}")

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most

    def parse(self, text: str) -> float:
        """Return the number in a text. Raises ValueError, whose text describes the range, for anything else."""
        form = _WHOLE if self.whole else _NUMBER
        if form.fullmatch(text) and len(text) <= _MAX_LENGTH:
            value = int(text) if self.whole else float(text)
            if value in self:
                return value
        raise ValueError(f"{text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + '...'!r} is not {self}")

    def check(self, name: str, value: float) -> None:
        """Raise InvalidArgument, which names the argument and the range, unless the value is in the range."""
        # A boolean is an integer in Python. The other types are those of callers without a type checker.
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float) or value not in self:
            raise InvalidArgument(f"{name}: {value!r} is not {self}")


SPEED: Final = NumberRange(0.001, 1_000_000)
"""Divides the pauses of WorkMail."""

PORT: Final = NumberRange(0, 65535, whole=True, noun="a port from 0 to 65535 (0: any free port)")
MESSAGES: Final = NumberRange(0, 1_000_000_000, whole=True, noun="a number of messages from {} to {}")
NUMBERS: Final = NumberRange(0, 10**15 - 1, whole=True, noun="the number of a message from {} to {}")
WAIT: Final = NumberRange(0, 31_536_000, noun="a number of seconds from {} to {}")
SECONDS: Final = NumberRange(1, 86_400, whole=True, noun="a whole number of seconds from {} to {}")
RATIO: Final = NumberRange(0, 2000, noun="a ratio from {} to {}")
