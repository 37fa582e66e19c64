"""What the judge can say of one message."""

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """From harmless to worst; `MISSING` and all above are bad."""

    OK = 0
    UNCHANGED = 1
    """It is left as it is, and the judge sees why."""
    DECLINED = 2
    """It is left as it is; the implementation says why, which the judge cannot see by itself. A person has to look."""
    UNJUDGED = 3
    """The standard library fails on the message, so that nobody has compared anything."""
    MISSING = 4
    """A reader is shown text of the message, but no disclaimer, and nothing stands against one."""
    MISPLACED = 5
    """The disclaimer is not where it was wanted."""
    TWICE = 6
    """A reader is shown it twice, or a second application changes anything."""
    ILLEGAL_LINE = 7
    """A line that RFC 5322 or RFC 2045 forbids, and that was not there."""
    TEXT_DAMAGED = 8
    """The text is not the original one with something inserted."""
    HEADER_CHANGED = 9
    ATTACHMENT_CHANGED = 10
    """Another part than the displayed text, its header, or the shape of the message."""
    SIGNED_BROKEN = 11
    """What a signature covers, or what is encrypted."""
    CRASH = 12

    @property
    def bad(self) -> bool:
        return self >= Kind.MISSING

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


class Finding(NamedTuple):
    """A kind, and where and how, in words."""

    kind: Kind
    detail: str
