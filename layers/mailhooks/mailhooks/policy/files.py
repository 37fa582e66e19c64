"""The attachments of a message, as conditions see them: nothing is looked at before it is asked for."""

from collections.abc import Iterator
from functools import cached_property

from .. import filetypes
from ..attachments import listed
from ..mime import names, peek
from ..mime.scan import Part, Structure
from .comparing import composed


class File:
    """One attachment."""

    def __init__(self, raw: bytes, part: Part) -> None:
        self._raw = raw
        self._part = part

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that its fields give it, decoded; see `composed`."""
        return tuple(map(composed, names.given(self._raw, self._part)))

    @cached_property
    def endings(self) -> frozenset[str]:
        """Of its names, also those before the last: lower-case, with their dot."""
        found = [names.endings(name) for name in self.names]
        return frozenset().union(*(ending.last | ending.inner for ending in found))

    @property
    def content_type(self) -> str:
        return self._part.content_type

    @cached_property
    def size(self) -> int:
        """Octets, decoded."""
        return peek.size(self._raw, self._part)

    @cached_property
    def true_type(self) -> str:
        """By its content; `""` where that says nothing."""
        return "" if self._part.children else filetypes.identify(self._beginning)

    @cached_property
    def _beginning(self) -> bytes:
        return peek.prefix(self._raw, self._part, filetypes.PREFIX_OCTETS)

    @cached_property
    def _listing(self) -> filetypes.Listing | None:
        last = frozenset(ending for name in self.names for ending in names.endings(name).last)
        if self._part.children or not filetypes.is_archive(self._beginning, last):
            return None
        return filetypes.listing(peek.tail(self._raw, self._part, filetypes.ZIP_TAIL_OCTETS))

    @property
    def is_encrypted(self) -> bool:
        """Whether it is a zip archive with an encrypted file."""
        return self._listing is not None and self._listing.encrypted

    @cached_property
    def listed_endings(self) -> frozenset[str]:
        """Endings of the names that a zip archive lists."""
        found = [names.endings(name) for name in self._listing.names] if self._listing else []
        return frozenset().union(*(ending.last | ending.inner for ending in found))


def files(raw: bytes, structure: Structure) -> Iterator[File]:
    """The attachments of a message, in its order."""
    return (File(raw, part) for part in listed(raw, structure))
