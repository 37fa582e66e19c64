"""Facts of the attachments of a message, each computed at its first use."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mailhooks.content import attachments, filetypes
from mailhooks.content.zip_archives import ArchiveReader, ZipListing
from mailhooks.deadline import Deadline
from mailhooks.mime import filenames, part_content
from mailhooks.mime.message import Message, Part, describe_part
from mailhooks.policy.facts.searched_text import SearchedText
from mailhooks.policy.facts.text_normalization import compose

if TYPE_CHECKING:
    from mailhooks.content.encryption.detect import EncryptionDetector
    from mailhooks.policy.facts.attachment_text import FileDescription, TextReader

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
"""Images that mail programs display. SVG is not among them, because it may contain scripts."""

_IMAGE_EXTENSIONS: Final = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".bmp", ".dib", ".bin", ".dat"})
"""The last two are those of images without a name, such as ATT00001.bin."""


class Readers:
    """Readers of the attachments of one message, within bounds for all of them."""

    def __init__(self, deadline: Deadline | None = None) -> None:
        self.archives = ArchiveReader()
        self._deadline = deadline
        self.texts: dict[int, TextReader] = {}
        """By the octets that are read of each text."""

    @cached_property
    def encryption(self) -> "EncryptionDetector":
        from mailhooks.content.encryption.detect import EncryptionDetector  # Late: few conditions need it.

        return EncryptionDetector(self.archives)

    def read_text(self, content: part_content.Content, described: "FileDescription", limit: int) -> str:
        """Return the text of an attachment. Conditions with other limits do not change what is read for this one."""
        from mailhooks.policy.facts.attachment_text import TextReader  # Late: few conditions need it.

        if limit not in self.texts:
            self.texts[limit] = TextReader(self.archives, limit, self._deadline)
        return self.texts[limit].read(content, described)


class AttachmentFacts:
    """Facts of one attachment, `part`."""

    def __init__(self, raw: bytes, part: Part, readers: Readers) -> None:
        self._raw = raw
        self.part = part
        self._readers = readers
        self._texts: dict[int, SearchedText] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names in the part's fields, decoded and composed (see `compose`)."""
        return tuple(map(compose, filenames.find_all_filenames(self._raw, self.part)))

    @cached_property
    def extensions(self) -> frozenset[str]:
        """All extensions of its names, in lower case and with their dot; `.exe` and `.pdf` of `a.exe.pdf`."""
        return _extensions(self.names)

    @property
    def content_type(self) -> str:
        return self.part.content_type

    @cached_property
    def size(self) -> int:
        """The number of octets after decoding."""
        return part_content.size(self._raw, self.part)

    @cached_property
    def true_types(self) -> frozenset[str]:
        """The content types that programs see in it, by its first octets in any reading and by its name; empty if none is known."""
        return frozenset().union(*self._kinds)

    @cached_property
    def _kinds(self) -> tuple[tuple[str, ...], ...]:
        """The types as `filetypes.identify_all` returns them, for the content in each reading."""
        extensions, declared = self._last_extensions, self.content_type
        return tuple(filetypes.identify_all(each.beginning(filetypes.PREFIX_OCTETS), extensions, declared) for each in self._contents())

    @cached_property
    def _listings(self) -> tuple[ZipListing, ...]:
        listings = (self._readers.archives.list_file(content, self._last_extensions, self.content_type) for content in self._contents())
        return tuple(filter(None, listings))

    @cached_property
    def _last_extensions(self) -> frozenset[str]:
        return frozenset(extension for name in self.names for extension in filenames.find_extensions(name).last)

    def _contents(self) -> Iterator[part_content.Content]:
        return iter(()) if self.part.children else part_content.read(self._raw, self.part)

    @property
    def is_plain_image(self) -> bool:
        """Whether it is an image that mail programs display, by its content in every reading, and by its names no other file."""
        if self.part.children or not self._last_extensions <= _IMAGE_EXTENSIONS or self._listings:
            return False
        return all(kinds and _IMAGES.issuperset(kinds) for kinds in self._kinds)

    @cached_property
    def is_encrypted(self) -> bool:
        """Whether it needs a password, or is an archive with a file that needs one."""
        return any(listing.encrypted for listing in self._listings) or any(map(self._readers.encryption.is_encrypted, self._contents()))

    def read_text(self, limit: int) -> SearchedText:
        """Return its text: `limit` octets of a text, or characters in an Office file, in any reading."""
        if limit not in self._texts:
            from mailhooks.policy.facts.attachment_text import FileDescription

            described = FileDescription(self._last_extensions, self.content_type, self.part.charset)
            whole = part_content.Content(self._raw, self.part.body, self.part.end) if self.part.children else None
            contents = [whole] if whole else self._contents()
            self._texts[limit] = SearchedText("\n".join(self._readers.read_text(content, described, limit) for content in contents))
        return self._texts[limit]

    @property
    def has_cut_text(self) -> bool:
        """Whether the text of an attachment of the message was not read to its end."""
        return any(reader.is_cut for reader in self._readers.texts.values())

    @cached_property
    def archived_extensions(self) -> frozenset[str]:
        """All extensions of the names in a zip archive."""
        return _extensions(tuple(name for listing in self._listings for name in listing.names))


def _extensions(names: tuple[str, ...]) -> frozenset[str]:
    found = map(filenames.find_extensions, names)
    return frozenset().union(*(extensions.last | extensions.inner for extensions in found))


def list_attachments(message: Message, deadline: Deadline | None = None) -> Iterator[AttachmentFacts]:
    """Yield the attachments of a message, in its order. Their texts are read until the deadline."""
    readers = Readers(deadline)
    return (AttachmentFacts(message.raw, part, readers) for part in attachments.walk(message))


def list_disputed_attachments(message: Message, deadline: Deadline | None = None) -> Iterator[AttachmentFacts]:
    """Yield the attachments that only other programs find, in the readings of the message."""
    readings, readers = message.readings or (message,), Readers(deadline)
    seen = {describe_part(message.raw, part) for part in attachments.walk(message)}
    for reading in readings[1:]:
        for part in attachments.walk(reading):
            if (description := describe_part(reading.raw, part)) not in seen or reading.raw is not message.raw:
                seen.add(description)
                yield AttachmentFacts(reading.raw, part, readers)
