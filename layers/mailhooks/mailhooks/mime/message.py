"""A message and its parsed forms."""

from functools import cached_property
from typing import TYPE_CHECKING

from mailhooks.mime import headers
from mailhooks.mime.headers import HeaderBlock

if TYPE_CHECKING:
    from mailhooks.mime.structure import Structure


class Message:
    """A message as it was received. Each form is parsed once, when it is first read.

    Attributes:
        raw: its bytes. They never change.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @cached_property
    def header(self) -> HeaderBlock:
        """The header fields of the message itself."""
        return headers.scan(self.raw)

    @cached_property
    def structure(self) -> "Structure":
        """The parts of the message (RFC 2045, RFC 2046)."""
        # Late for the cold start: it loads the standard library's email package, and a hook that reads no parts does not need it.
        from mailhooks.mime.structure import scan

        return scan(self.raw, self.header)
