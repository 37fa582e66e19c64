"""The verdicts of the judge on one message."""

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """Kinds of findings, from harmless to worst. `MISSING` and all above are bad."""

    OK = 0
    UNCHANGED = 1
    """It stays unchanged, for a reason that the judge finds."""
    DECLINED = 2
    """It stays unchanged, for a reason of the implementation that the judge does not find. A person has to check it."""
    UNJUDGED = 3
    """The standard library fails on the message: nothing is compared."""
    MISSING = 4
    """Text of the message is displayed without the disclaimer, and there is no reason against it."""
    MISPLACED = 5
    """The disclaimer is not at its position."""
    TWICE = 6
    """It is displayed twice, or a second application changes the message."""
    ILLEGAL_LINE = 7
    """A new line that RFC 5322 or RFC 2045 forbids."""
    TEXT_DAMAGED = 8
    """The text is not the original text with one insertion."""
    HEADER_CHANGED = 9
    ATTACHMENT_CHANGED = 10
    """Another part than the displayed text, its header, or the shape of the message."""
    SIGNED_BROKEN = 11
    """A signed or encrypted part is changed."""
    CRASH = 12

    @property
    def bad(self) -> bool:
        return self >= Kind.MISSING

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


class Finding(NamedTuple):
    """A kind, with its place and details in words."""

    kind: Kind
    detail: str
