"""The error of this package: text cannot be inserted into a part without guessing."""

from enum import StrEnum


class Reason(StrEnum):
    """Why text cannot be inserted into a part."""

    ENCODING = "its content-transfer-encoding is unknown"
    CHARSET = "its charset is unknown, does not match its octets, or cannot encode the text"
    NO_PLACE = "it has no place for text, such as a frameset"


class CannotEdit(Exception):
    """Text cannot be inserted into a part, for a `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
