"""Facts of the attachments of a message, each computed at its first use."""

from collections.abc import Iterator
from functools import cached_property

from mailhooks.content import attachments, filetypes
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import Message, Part
from mailhooks.policy.facts.text_normalization import compose


class AttachmentFacts:
    """Facts of one attachment."""

    def __init__(self, raw: bytes, part: Part) -> None:
        self._raw = raw
        self._part = part

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
    def true_type(self) -> str:
        """The content type by the first octets; `""` if these have no known signature."""
        return "" if self._part.children else filetypes.identify(self._beginning)

    @cached_property
    def _beginning(self) -> bytes:
        return part_content.prefix(self._raw, self._part, filetypes.PREFIX_OCTETS)

    @cached_property
    def _listing(self) -> filetypes.ZipListing | None:
        last = frozenset(extension for name in self.names for extension in filenames.find_extensions(name).last)
        if self._part.children or not filetypes.is_archive(self._beginning, last):
            return None
        return filetypes.list_zip(part_content.tail(self._raw, self._part, filetypes.ZIP_TAIL_OCTETS))

    @property
    def is_encrypted(self) -> bool:
        """Whether it is a zip archive with an encrypted file."""
        return self._listing is not None and self._listing.encrypted

    @cached_property
    def archived_extensions(self) -> frozenset[str]:
        """All extensions of the names in a zip archive."""
        return _extensions(self._listing.names) if self._listing else frozenset()


def _extensions(names: tuple[str, ...]) -> frozenset[str]:
    found = map(filenames.find_extensions, names)
    return frozenset().union(*(extensions.last | extensions.inner for extensions in found))


def list_attachments(message: Message) -> Iterator[AttachmentFacts]:
    """Yield the attachments of a message, in its order."""
    return (AttachmentFacts(message.raw, part) for part in attachments.walk(message))
