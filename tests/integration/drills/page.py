"""The table of drills in docs/failure.md, which the drills check."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[3] / "docs" / "failure.md"
_NAME = re.compile(r"`(\w+)`")


@dataclass(frozen=True)
class LogLine:
    """A kind of log line: its level, the possible reasons (none if there was no error), and fields that it has."""

    level: str
    reasons: frozenset[str]
    fields: frozenset[str]


@dataclass(frozen=True)
class Drill:
    """A row of the table: a drill, and the log lines of its attempts in their order."""

    name: str
    lines: tuple[LogLine, ...]

    def check(self, lines: Sequence[dict[str, Any]], attempt: int) -> dict[str, Any]:
        """Assert that an attempt has logged one line, as the page states. Return the line."""
        [line] = lines
        expected = self.lines[attempt]
        assert line["level"] == expected.level, line
        assert line.get("reason") in (expected.reasons or {None}), line
        assert expected.fields <= line.keys(), line
        return line


@cache
def read_drills() -> dict[str, Drill]:
    """Return the drills of the page by their names."""
    section = _PAGE.read_text().split("\n## Failure drills\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")][1:]
    return {name: Drill(name, tuple(map(_parse_line, re.split(r"[,;] then ", log)))) for name, _, log in rows}


def read_drill(name: str) -> Drill:
    return read_drills()[name]


def _parse_line(text: str) -> LogLine:
    names = _NAME.findall(text)
    reasons = frozenset(name for name in names if name[0].isupper())
    return LogLine(text.split()[0], reasons, frozenset(names) - reasons)
