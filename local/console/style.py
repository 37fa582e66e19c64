"""Console output: colours, the width of a line, numbers and paths in words."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Style:
    """How to set a word off."""

    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> "Style":
        """Colour on a terminal, unless NO_COLOR asks for none (https://no-color.org)."""
        return cls(stream.isatty() and not os.environ.get("NO_COLOR"))

    def bold(self, text: str) -> str:
        """A heading."""
        return self._in("1", text)

    def bad(self, text: str) -> str:
        """A failure."""
        return self._in("31;1", text)

    def good(self, text: str) -> str:
        """A success."""
        return self._in("32;1", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def number_of(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 message`, `1,000 messages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def display_path(path: Path) -> str:
    """Return a path relative to the current folder where it lies below it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
