"""Facts of the attachments of a message, each computed at its first use."""

from collections.abc import Iterator
from functools import cached_property

from mailhooks.content import attachments, filetypes
from mailhooks.content.zip_archives import ArchiveReader, ZipListing
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import Message, Part, describe_part
from mailhooks.policy.facts.text_normalization import compose


class AttachmentFacts:
    """Facts of one attachment."""

    def __init__(self, raw: bytes, part: Part, archives: ArchiveReader) -> None:
        self._raw = raw
        self._part = part
        self._archives = archives

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names in the part's fields, decoded and composed (see `compose`)."""
        return tuple(map(compose, filenames.find_all_filenames(self._raw, self._part)))

    @cached_property
    def extensions(self) -> frozenset[str]:
        """All extensions of its names, in lower case and with their dot; `.exe` and `.pdf` of `a.exe.pdf`."""
        return _extensions(self.names)

    @property
    def content_type(self) -> str:
        return self._part.content_type

    @cached_property
    def size(self) -> int:
        """The number of octets after decoding."""
        return part_content.size(self._raw, self._part)

    @cached_property
    def true_types(self) -> frozenset[str]:
        """The content types that programs see in it, by its first octets in any reading and by its name; empty if none is known."""
        return frozenset(
            kind
            for content in self._contents()
            for kind in filetypes.identify_all(content.beginning(filetypes.PREFIX_OCTETS), self._last_extensions, self.content_type)
        )

    @cached_property
    def _listings(self) -> tuple[ZipListing, ...]:
        listings = (self._archives.list_file(content, self._last_extensions, self.content_type) for content in self._contents())
        return tuple(filter(None, listings))

    @cached_property
    def _last_extensions(self) -> frozenset[str]:
        return frozenset(extension for name in self.names for extension in filenames.find_extensions(name).last)

    def _contents(self) -> Iterator[part_content.Content]:
        return iter(()) if self._part.children else part_content.read(self._raw, self._part)

    @property
    def is_encrypted(self) -> bool:
        """Whether it is a zip archive with an encrypted file."""
        return any(listing.encrypted for listing in self._listings)

    @cached_property
    def archived_extensions(self) -> frozenset[str]:
        """All extensions of the names in a zip archive."""
        return _extensions(tuple(name for listing in self._listings for name in listing.names))


def _extensions(names: tuple[str, ...]) -> frozenset[str]:
    found = map(filenames.find_extensions, names)
    return frozenset().union(*(extensions.last | extensions.inner for extensions in found))


def list_attachments(message: Message) -> Iterator[AttachmentFacts]:
    """Yield the attachments of a message, in its order."""
    archives = ArchiveReader()
    return (AttachmentFacts(message.raw, part, archives) for part in attachments.walk(message))


def list_disputed_attachments(message: Message) -> Iterator[AttachmentFacts]:
    """Yield the attachments that only other programs find, in the readings of the message."""
    readings, archives = message.readings or (message,), ArchiveReader()
    seen = {describe_part(message.raw, part) for part in attachments.walk(message)}
    for reading in readings[1:]:
        for part in attachments.walk(reading):
            if (description := describe_part(reading.raw, part)) not in seen or reading.raw is not message.raw:
                seen.add(description)
                yield AttachmentFacts(reading.raw, part, archives)
