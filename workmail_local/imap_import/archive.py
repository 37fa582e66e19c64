"""The zip file of a mailbox export: its entries and their folders. Nothing is unpacked to the disk.

The WorkMail guide (Exporting mailbox content) describes the content as mail and calendar items in MIME format, and no more: neither the
names of entries nor their folders nor flags. Therefore this module accepts any layout: an entry is a message, and its path is its folder.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from workmail_local.errors import InvalidArgument

MAX_SIZE: Final = 150_000_000
"""Octets of a message. WorkMail's own limit is 29 MB before encoding; more than this is no mail and would fill the memory."""

MAX_RATIO: Final = 200
"""Octets of a message for each octet in the zip file. Mail with its encoded attachments has 2 to 20; a zip bomb has up to 1,032."""

_RATIO_FROM: Final = 1_000_000
"""Octets of a message from which the ratio counts: a small message is no danger."""

_PLAIN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_UTF8: Final = 0x800
_ENCRYPTED: Final = 0x1
_RECORDS: Final = frozenset({".json", ".log", ".csv", ".txt", ".xml"})
_MAILDIR: Final = frozenset({"cur", "new", "tmp"})
_DAMAGE: Final = (BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for a damaged entry, an unknown compression, or a password."""


class InvalidArchive(InvalidArgument):
    """A file is not a complete zip file."""


class UnreadableEntry(Exception):
    """An entry cannot be read. The text is the reason, without content."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the zip file.

    Attributes:
        info: its place in the zip file.
        folder: the parts of its path, without the file's name; in Unicode's composed form, without control characters.
        name: the file's name.
    """

    info: ZipInfo
    folder: tuple[str, ...]
    name: str

    @property
    def is_record(self) -> bool:
        """Whether this is a record of the export, such as its report, and no message: a file above all folders with such an ending."""
        return not self.folder and Path(self.name).suffix.lower() in _RECORDS

    @property
    def path(self) -> str:
        """The path as a report shows it."""
        return "/".join((*self.folder, self.name))


class Archive:
    """A zip file that is open for reading.

    Attributes:
        path: the file.
        entries: its files, sorted by folder, and in a folder by their position in the zip file.
    """

    def __init__(self, path: Path, zip_file: ZipFile, *, max_ratio: float) -> None:
        self.path = path
        self._zip = zip_file
        self._max_ratio = max_ratio
        files = [(info, _decode_name(info)) for info in zip_file.infolist()]
        # QUIRK: some programs on Windows write backslashes; in a zip file with slashes a backslash is part of a name.
        separator = "/" if any("/" in name for _, name in files) else "\\"
        found = [_to_entry(info, name, separator) for info, name in files if not name.endswith(separator)]
        self.entries = sorted(found, key=lambda entry: (entry.folder, entry.info.header_offset))

    def read(self, entry: Entry) -> bytes:
        """Read an entry, and compare its checksum.

        Raises:
            UnreadableEntry: it is encrypted, damaged or too large.
        """
        info = entry.info
        if info.flag_bits & _ENCRYPTED:
            raise UnreadableEntry("encrypted with a password")
        if info.file_size > MAX_SIZE:
            raise UnreadableEntry(f"larger than {MAX_SIZE:,} bytes")
        if self._max_ratio and info.file_size > max(_RATIO_FROM, info.compress_size * self._max_ratio):
            raise UnreadableEntry(f"compressed more than {self._max_ratio:g} to 1, as in a zip bomb: --max-ratio 0 imports it")
        try:
            with self._zip.open(info) as stream:
                # The header of the zip file can promise less than the data has.
                content = stream.read(info.file_size + 1)
        except _DAMAGE as error:
            raise UnreadableEntry(f"damaged in the zip file ({type(error).__name__})") from None
        if len(content) != info.file_size:
            raise UnreadableEntry("damaged in the zip file (another size)")
        return content


@contextmanager
def open_archive(path: Path, *, max_ratio: float = MAX_RATIO) -> Iterator[Archive]:
    """Open a zip file, also one of more than 4 GB (zip64).

    Args:
        max_ratio: octets of a message for each octet in the zip file; 0 for no limit.

    Raises:
        InvalidArchive: it is no zip file, or not complete.
        OSError: it cannot be read.
    """
    try:
        zip_file = ZipFile(path)
    except (BadZipFile, NotImplementedError, ValueError):
        advice = "download it again, and compare its SHA-384 with the export's manifest"
        raise InvalidArchive(f"{path}: not a complete zip file: {advice}") from None
    with zip_file:
        yield Archive(path, zip_file, max_ratio=max_ratio)


def _decode_name(info: ZipInfo) -> str:
    """Return an entry's name. QUIRK: many programs write UTF-8 without its flag; zipfile reads that as CP437."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _to_entry(info: ZipInfo, name: str, separator: str) -> Entry:
    parts = [cleaned for part in name.split(separator) if (cleaned := clean_name(part)) and cleaned not in {".", ".."}]
    *folder, last = parts or ["unnamed"]
    # Maildir: the messages of a folder are in its `cur` and `new`.
    if folder and folder[-1] in _MAILDIR:
        folder.pop()
    return Entry(info, tuple(folder), last)


def clean_name(text: str) -> str:
    """Return a name for one level of folders: composed (NFC), without control characters, without spaces around it."""
    if _PLAIN.fullmatch(text):
        return text
    composed = unicodedata.normalize("NFC", text)
    return re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in composed)).strip()
