"""A message's bytes together with what was read from them, each read at most once."""

from mailhooks.mime import headers, structure
from mailhooks.mime.headers import HeaderBlock
from mailhooks.mime.structure import Structure


class Message:
    """A message and its parsed forms.

    Attributes:
        raw: the bytes as they were received; never changed.
    """

    __slots__ = ("_header", "_structure", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._header: HeaderBlock | None = None
        self._structure: Structure | None = None

    @property
    def header(self) -> HeaderBlock:
        """The header fields of the message itself. Does not read the body."""
        if self._header is None:
            self._header = self._structure.root.header if self._structure else headers.scan(self.raw)
        return self._header

    @property
    def structure(self) -> Structure:
        """The parts of the message (RFC 2045, RFC 2046), read at the first use."""
        if self._structure is None:
            self._structure = structure.scan(self.raw)
        return self._structure
