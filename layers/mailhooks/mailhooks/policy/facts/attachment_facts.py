"""The attachments of a message, as conditions see them: nothing is looked at before it is asked for."""

from collections.abc import Iterator
from functools import cached_property

from mailhooks.content import attachments, filetypes
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Part
from mailhooks.policy.facts.text_normalization import composed


class File:
    """One attachment."""

    def __init__(self, raw: bytes, part: Part) -> None:
        self._raw = raw
        self._part = part

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that its fields give it, decoded; see `composed`."""
        return tuple(map(composed, filenames.find_all_filenames(self._raw, self._part)))

    @cached_property
    def endings(self) -> frozenset[str]:
        """Of its names, also those before the last: lower-case, with their dot."""
        found = [filenames.find_extensions(name) for name in self.names]
        return frozenset().union(*(ending.last | ending.inner for ending in found))

    @property
    def content_type(self) -> str:
        return self._part.content_type

    @cached_property
    def size(self) -> int:
        """Octets, decoded."""
        return part_content.size(self._raw, self._part)

    @cached_property
    def true_type(self) -> str:
        """By its content; `""` where that says nothing."""
        return "" if self._part.children else filetypes.identify(self._beginning)

    @cached_property
    def _beginning(self) -> bytes:
        return part_content.prefix(self._raw, self._part, filetypes.PREFIX_OCTETS)

    @cached_property
    def _listing(self) -> filetypes.ZipListing | None:
        last = frozenset(ending for name in self.names for ending in filenames.find_extensions(name).last)
        if self._part.children or not filetypes.is_archive(self._beginning, last):
            return None
        return filetypes.list_zip(part_content.tail(self._raw, self._part, filetypes.ZIP_TAIL_OCTETS))

    @property
    def is_encrypted(self) -> bool:
        """Whether it is a zip archive with an encrypted file."""
        return self._listing is not None and self._listing.encrypted

    @cached_property
    def listed_endings(self) -> frozenset[str]:
        """Endings of the names that a zip archive lists."""
        found = [filenames.find_extensions(name) for name in self._listing.names] if self._listing else []
        return frozenset().union(*(ending.last | ending.inner for ending in found))


def files(message: Message) -> Iterator[File]:
    """The attachments of a message, in its order."""
    return (File(message.raw, part) for part in attachments.walk(message))
