"""The one error of this package: a part that nobody can change without guessing."""

from enum import StrEnum


class Reason(StrEnum):
    """Why text cannot be put into a part."""

    ENCODING = "its content-transfer-encoding is unknown"
    CHARSET = "its charset is unknown, or not what its octets are in, and cannot say the text"
    NO_PLACE = "it has no place for text, such as a frameset"


class CannotEdit(Exception):
    """A part cannot take the text; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
