"""The results of checks."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ADDRESS: Final = re.compile(r"[^\s@\"'<>()=,;:]+@[^\s@\"'<>()=,;:]+")


class Status(StrEnum):
    """The result of one check."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the report.

    Attributes:
        name: the check.
        found: what AWS answers.
        mend: a sentence on how to mend it.
        command: words of a shell command that mends it, or shows more.
    """

    name: str
    status: Status
    found: str
    mend: str = ""
    command: tuple[str, ...] = ()


def hide_addresses(text: str) -> str:
    """Replace mail addresses, which an answer of AWS may quote.

    >>> hide_addresses("no mailbox ana@example.com")
    'no mailbox (address)'
    """
    return _ADDRESS.sub("(address)", text)


def pass_check(name: str, found: str) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(name, Status.OK, found)


def warn(name: str, found: str, mend: str, command: tuple[str, ...] = ()) -> Finding:
    """Return a finding that may be intended."""
    return Finding(name, Status.WARNING, found, mend, command)


def fail(name: str, found: str, mend: str, command: tuple[str, ...] = ()) -> Finding:
    """Return a finding that must be mended."""
    return Finding(name, Status.WRONG, found, mend, command)


def skip(name: str, found: str, mend: str, command: tuple[str, ...] = ()) -> Finding:
    """Return the finding of a check that could not be made."""
    return Finding(name, Status.UNCHECKED, found, mend, command)
