"""Console output: colours, the width of a line, numbers with nouns, and short paths."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Style:
    """Formats words with colour or without."""

    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> "Style":
        """Use colour on a terminal, unless NO_COLOR is set (https://no-color.org)."""
        return cls(stream.isatty() and not os.environ.get("NO_COLOR"))

    def bold(self, text: str) -> str:
        """Format a heading."""
        return self._in("1", text)

    def bad(self, text: str) -> str:
        """Format a failure."""
        return self._in("31;1", text)

    def good(self, text: str) -> str:
        """Format a success."""
        return self._in("32;1", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def format_count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 message`, `1,000 messages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def display_path(path: Path) -> str:
    """Return a path in its shortest form: relative to the current folder if the path is below it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
