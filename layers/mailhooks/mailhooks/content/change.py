"""The change of one message as edits, and what to do with a message that cannot be changed."""

from enum import StrEnum
from typing import NamedTuple

from mailhooks.mime.edits import Edit


class Change(NamedTuple):
    """Edits of one message.

    Attributes:
        edits: in offsets of the message. No edits: the message stays as it is.
        added_parts: the number of parts that the change adds to the message.
        wraps: whether the edits wrap the whole message, as it is, into a new one.
    """

    edits: list[Edit]
    added_parts: int = 0
    wraps: bool = False


class OnUnmodifiable(StrEnum):
    """What happens to a message that cannot be changed as a rule or setting wants."""

    PASS = "pass"  # noqa: S105 - no password
    """It is delivered unchanged."""
    WRAP = "wrap"
    """It becomes an attachment of a new message that has the disclaimer."""
    BOUNCE = "bounce"
    DROP = "drop"
