"""The names that a zip archive lists (APPNOTE.TXT, "ZIP File Format Specification"), as each program lists them.

Programs read an archive by its last directory, by its first one, or by the header before each file. `list_zip` reads all of them. Where
they contradict each other, the listing is not `complete`, and has the names of all headers. Time and memory are linear, for any content.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from mailhooks.content import zip_packing
from mailhooks.patterns import compile_late

MAX_ENTRIES: Final = 10_000
"""Files of an archive that are listed, at most: this needs about a tenth of a second."""

_MAX_DEPTH: Final = 4
"""Archives in archives that are unpacked."""

_MAX_UNPACKED: Final = 64 * 1024 * 1024
"""Octets that are unpacked to read archives in an archive, in all."""

_MAX_SEARCHED: Final = 32 * 1024 * 1024
"""Octets that are unpacked to find archives behind other data in the files of an archive, in all."""

_MOST_UNPACKED: Final = 2 * _MAX_UNPACKED
_MOST_SEARCHED: Final = 2 * _MAX_SEARCHED
"""The same for all archives of a message."""

_BEGINNING_OCTETS: Final = 512

_ENDING_OCTETS: Final = 66 * 1024
"""The last record of an archive and the longest comment."""

_MAX_ENDS: Final = 8
"""End records that are tried from the end of a file with other data behind its archive."""

_END: Final = struct.Struct("<4x4H2IH")
"""Disk, disk of the directory, files on this disk, files, size of the directory, its offset, size of the comment (4.3.16)."""
_END_64: Final = struct.Struct("<4xQ2H2I4Q")
"""Size of this record, versions, disks, files on this disk, files, size of the directory, its offset (4.3.14)."""
_LOCATOR_64: Final = struct.Struct("<4xIQI")
"""Disk of the zip64 end record, its offset, number of disks (4.3.15)."""
_CENTRAL: Final = struct.Struct("<8x2H8x2I3HH6xI")
"""Flags, method, sizes, lengths of name, extra field and comment, disk, offset of the file (4.3.12)."""
_LOCAL: Final = struct.Struct("<6x2H8x2I2H")
"""Flags, method, sizes, lengths of name and extra field (4.3.7)."""

_CENTRAL_OCTETS: Final = 46
_LOCAL_OCTETS: Final = 30
_LOCATOR_OCTETS: Final = 20
_LONGEST_COMMENT: Final = 0xFFFF
_SATURATED: Final = frozenset({0xFFFF, 0xFFFFFFFF})
"""Values that mean: see the zip64 record (4.4.1.4)."""

_IS_ENCRYPTED: Final = 1
_HAS_DESCRIPTOR: Final = 8
"""The sizes follow the file, and are 0 in the header before it (4.3.9). Programs that write to a pipe do so."""
_IS_UTF8: Final = 0x800
_UNICODE_PATH: Final = 0x7075
"""An extra field with the name in UTF-8 (4.6.9)."""
_ZIP64: Final = 1

_RECORD: Final = compile_late(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x06\x06)")
_HEADER: Final = compile_late(rb"PK(?:\x03\x04|\x01\x02)")
_MARK: Final = compile_late(rb"PK[\x01-\x08]")
_SPLIT_MARK: Final = compile_late(rb"PK(?:\x07\x08|00)(?=PK\x03\x04)")
"""QUIRK: some programs leave the mark of a split archive (8.5.4) in an archive of one piece."""

_BEGINNING: Final = compile_late(rb"(?s)PK(?:\x03\x04.[\0-\x20].{2}[\0-\x63]\0.{16}(?!\0\0)|\x05\x06|\x07\x08PK|00PK)")
"""The first header: its version and method are known, and it has a name. A text may begin with the signature alone."""

_ARCHIVES: Final = frozenset({".zip", ".zipx", ".jar"})
"""Extensions of files that programs open as archives, also if their content begins differently."""
_NAMED_ARCHIVE: Final = compile_late(r"\.(?:zip|jar|zipx)[ .]*\Z", re.IGNORECASE)

_DOCUMENT_EXTENSIONS: Final = frozenset(
    """
    .docx .docm .dotx .dotm .xlsx .xlsm .xltx .xltm .xlsb .xlam .pptx .pptm .potx .potm .ppsx .ppsm .ppam .vsdx .vsdm
    .odt .ods .odp .odg .ott .ots .otp .epub .pages .numbers .key .kmz .3mf
    """.split()
)
_NAMED_DOCUMENT: Final = compile_late(rf"(?:{'|'.join(map(re.escape, sorted(_DOCUMENT_EXTENSIONS)))})\Z", re.IGNORECASE)
_DOCUMENT_TYPE: Final = compile_late(
    r"application/(?:vnd\.openxmlformats-officedocument|vnd\.oasis\.opendocument|vnd\.ms-[a-z]+\.|epub\+zip|vnd\.google-earth\.kmz|"
    r"vnd\.apple\.(?:pages|numbers|keynote))"
)
"""Documents that are zip archives. The files in a document are parts of it, and no program offers them."""
_DOCUMENT: Final = compile_late(rb"(?s).{30}(?:\[Content_Types\]\.xml|_rels/\.rels|docProps/|mimetypeapplication/)")
"""The first file of a document."""
_DOCUMENT_PART: Final = compile_late(r"\[Content_Types\]\.xml|mimetype|[^/]*\.kml|Index/.*|Index\.zip|index\.(?:xml|apxl)")
"""A file that shows that an archive is a document: of Office and 3MF, OpenDocument and EPUB, Google Earth, iWork."""
_NEVER_IN_DOCUMENTS: Final = compile_late(
    r"\.(?:exe|scr|pif|bat|cmd|lnk|msi|vbs|vbe|jse|wsf|wsh|hta|ps1|cpl|jar|reg)[\s.\0]*\Z", re.IGNORECASE
)
"""Programs: Office documents have files that are embedded in them under another name."""

_EMBEDDING: Final = compile_late(rb"(?s)\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d|\x78\x9f\x3e\x22|.{257}ustar")
"""Files that have other files in them as they are, also as the last one: OLE (.msg, .doc), OneNote, TNEF, tar."""


@dataclass(frozen=True, slots=True)
class ZipListing:
    """The files of an archive.

    Attributes:
        names: as written, without directories; of a file in an archive in this archive: `inner.zip/name`.
        encrypted: whether any of the files is encrypted.
        complete: whether all programs list these files, and the archives in this archive are listed as well. An archive is not complete
            that is damaged, has several directories, has other data before it or in it, contradicts itself or has too many files.
    """

    names: tuple[str, ...]
    encrypted: bool
    complete: bool = True


_UNLISTABLE: Final = ZipListing((), encrypted=False, complete=False)


class _Inconsistent(Exception):
    """Programs list this archive differently, or it is damaged."""


class _Entry(NamedTuple):
    """A file of an archive. Offsets are those of its header and of its packed content."""

    names: tuple[str, ...]
    flags: int
    method: int
    start: int
    content: int
    end: int

    @property
    def is_directory(self) -> bool:
        return self.names[0].endswith("/")


class File(Protocol):
    """A file that is read as far as needed."""

    def beginning(self, limit: int, /) -> bytes:
        """Return the first `limit` octets."""

    def ending(self, limit: int, /) -> bytes:
        """Return the last `limit` octets."""

    def octets(self) -> bytes:
        """Return the whole file."""


class ArchiveReader:
    """Lists the archives of one message, within bounds for all of them: hundreds of small archives may unpack to gigabytes."""

    def __init__(self) -> None:
        self._octets = _MOST_UNPACKED
        self._searched = _MOST_SEARCHED

    def list_file(self, file: File, extensions: frozenset[str], declared: str = "") -> ZipListing | None:
        """Return the files of the archive that programs find in a file; None if there is none. Never raises.

        Of a document, only programs are listed.

        Args:
            file: the file.
            extensions: of its names, in lower case and with their dot.
            declared: its declared type.
        """
        is_document = bool(extensions & _DOCUMENT_EXTENSIONS or _DOCUMENT_TYPE.match(declared))
        octets, searched = min(self._octets, _MAX_UNPACKED), min(self._searched, _MAX_SEARCHED)
        listing = _Listing(octets, searched)
        found = listing.read_file(file, is_archive=bool(extensions & _ARCHIVES), is_document=is_document)
        self._octets -= octets - max(listing.octets, 0)
        self._searched -= searched - listing.searched
        return found

    def open_files(self, file: File) -> Iterator[tuple[str, File]]:
        """Yield the files directly in an archive, by name. Each is unpacked when it is read. Never raises.

        Encrypted files are not yielded, and no file of an archive that most programs cannot open. When the bounds of this reader are
        reached, files are cut or empty.
        """
        octets, searched = min(self._octets, _MAX_UNPACKED), min(self._searched, _MAX_SEARCHED)
        listing = _Listing(octets, searched)
        try:
            yield from listing.open_files(file.octets())
        finally:
            self._octets -= octets - max(listing.octets, 0)
            self._searched -= searched - listing.searched


def _begins_archive(beginning: bytes) -> bool:
    return _BEGINNING.match(beginning) is not None


def _ends_archive(ending: bytes) -> bool:
    """Return whether a file ends with the directory of an archive. Other data may be before the archive, such as a picture."""
    at = ending.rfind(b"PK\x05\x06")
    if at < 0 or len(ending) < at + _END.size:
        return False
    *_, size, _, comment = _END.unpack_from(ending, at)
    rest = ending[at + _END.size :]
    return len(rest) >= comment and not rest[comment:].strip(b"\0\r\n \t") and (size > at or ending.find(b"PK\x01\x02", at - size) >= 0)


def _cut_archive(file: File, ending: bytes) -> bytes | None:
    """Return the archive with other data before and behind it, as programs find it by its end record; None if there is none."""
    at = len(ending)
    for _ in range(_MAX_ENDS):
        at = ending.rfind(b"PK\x05\x06", 0, at)
        if at < 0:
            return None
        if len(ending) < at + _END.size:
            continue
        _, _, on_disk, count, size, offset, comment = _END.unpack_from(ending, at)
        is_wide = ending.startswith(b"PK\x06\x07", max(at - _LOCATOR_OCTETS, 0))
        begins = is_wide or size > at or ending.startswith(b"PK\x01\x02", at - size)
        if on_disk != count or not count or not begins:
            continue
        octets = file.octets()
        end = len(octets) - len(ending) + at
        if is_wide:
            return octets
        if size <= end and octets.startswith(b"PK\x01\x02", end - size):
            return octets[max(end - size - offset, 0) : end + _END.size + comment]
    return None


def list_zip(octets: bytes) -> ZipListing:
    """Return the files of an archive. Never raises."""
    return _Listing(_MAX_UNPACKED, _MAX_SEARCHED).read(octets)


class _Listing:
    """Lists an archive and the archives in it, within the bounds of one listing."""

    def __init__(self, octets: int, searched: int) -> None:
        self._entries = MAX_ENTRIES
        self.octets = octets
        self.searched = searched

    def read_file(self, file: File, *, is_archive: bool, is_document: bool, depth: int = 0) -> ZipListing | None:
        """Return the files of the archive in a file; None if there is none."""
        if is_archive:
            return self.read(file.octets(), depth)
        beginning = file.beginning(_BEGINNING_OCTETS)
        if _begins_archive(beginning):
            octets = file.octets()
            listing = self._read_document(octets) if is_document else None
            return listing or self.read(octets, depth)
        ending = file.ending(_ENDING_OCTETS)
        if _ends_archive(ending) and not _EMBEDDING.match(beginning):
            return self.read(file.octets(), depth)
        archive = _cut_archive(file, ending)
        return None if archive is None or _DOCUMENT.match(archive) else self.read(archive, depth)

    def _read_document(self, octets: bytes) -> ZipListing | None:
        """Return the programs in a document; None if it is no document. A document is not read by the names of its files."""
        try:
            names = tuple(name for entry in _read_entries(octets, self._entries) for name in entry.names)
        except (_Inconsistent, struct.error):
            names, _ = _read_headers(octets, self._entries)
        self._entries = max(self._entries - len(names), 0)
        if not any(map(_DOCUMENT_PART.fullmatch, names)):
            return None
        return ZipListing(tuple(filter(_NEVER_IN_DOCUMENTS.search, names)), encrypted=False)

    def read(self, octets: bytes, depth: int = 0) -> ZipListing:
        """Return the files of an archive and of the archives in it."""
        if depth > _MAX_DEPTH or self.octets < 0:
            return _UNLISTABLE
        try:
            entries = _read_entries(octets, self._entries)
        except (_Inconsistent, struct.error):
            names, encrypted = _read_headers(octets, self._entries)
            self._entries = max(self._entries - len(names), 0)
            return ZipListing(names, encrypted, complete=False)
        self._entries -= len(entries)
        files = [entry for entry in entries if not entry.is_directory]
        found = [name for entry in files for name in entry.names]
        encrypted, complete = any(entry.flags & _IS_ENCRYPTED for entry in entries), True
        for entry in files:
            listing = self._read_inner(octets, entry, depth + 1)
            if listing is not None:
                found += [f"{entry.names[0]}/{name}" for name in listing.names]
                encrypted, complete = encrypted or listing.encrypted, complete and listing.complete
        return ZipListing(tuple(found), encrypted, complete)

    def open_files(self, octets: bytes) -> "Iterator[tuple[str, _PackedFile]]":
        """Yield the files directly in an archive that can be unpacked, by name."""
        try:
            entries = _read_entries(octets, self._entries)
        except (_Inconsistent, struct.error):
            return
        for entry in entries:
            if not entry.is_directory and not entry.flags & _IS_ENCRYPTED and entry.method in zip_packing.METHODS:
                yield entry.names[0], _PackedFile(memoryview(octets)[entry.content : entry.end], entry.method, self)

    def _read_inner(self, octets: bytes, entry: _Entry, depth: int) -> ZipListing | None:
        """Return the files of an archive in the archive; None if the file is none or is encrypted."""
        if entry.flags & _IS_ENCRYPTED:
            return None
        is_archive = any(map(_NAMED_ARCHIVE.search, entry.names))
        if entry.method not in zip_packing.METHODS:
            return _UNLISTABLE if is_archive else None
        file = _PackedFile(memoryview(octets)[entry.content : entry.end], entry.method, self)
        beginning = file.beginning(_BEGINNING_OCTETS)
        if is_archive and not _begins_archive(beginning) and not _RECORD.search(file.octets()):
            return None
        is_document = _DOCUMENT.match(beginning) is not None or any(map(_NAMED_DOCUMENT.search, entry.names))
        return self.read_file(file, is_archive=is_archive, is_document=is_document, depth=depth)

    def unpack(self, packed: memoryview, method: int) -> bytes:
        """Return a file; cut if it has more octets than are left."""
        octets = zip_packing.unpack(packed, method, max(self.octets, 0) + 1)
        self.octets -= len(octets)
        return octets

    def unpack_beginning(self, packed: memoryview, method: int, limit: int) -> bytes:
        """Return the first octets of a file."""
        if method != zip_packing.BZIP2:
            return zip_packing.unpack(packed, method, limit)
        octets = zip_packing.unpack(packed, method, min(zip_packing.BLOCK_OCTETS, self.searched))
        self.searched -= len(octets)
        return octets[:limit]

    def unpack_ending(self, packed: memoryview, method: int, limit: int) -> bytes:
        """Return the last octets of a file; none if it has more octets than are left to search."""
        ending, octets = zip_packing.unpack_ending(packed, method, limit, self.searched)
        self.searched = max(self.searched - octets, 0)
        return ending


class _PackedFile:
    """A file of an archive, which is unpacked as far as it is read."""

    def __init__(self, packed: memoryview, method: int, listing: _Listing) -> None:
        self._packed = packed
        self._method = method
        self._listing = listing

    def beginning(self, limit: int, /) -> bytes:
        return self._listing.unpack_beginning(self._packed, self._method, limit)

    def ending(self, limit: int, /) -> bytes:
        return self._listing.unpack_ending(self._packed, self._method, limit)

    def octets(self) -> bytes:
        return self._unpacked

    @cached_property
    def _unpacked(self) -> bytes:
        return self._listing.unpack(self._packed, self._method)


def _read_entries(octets: bytes, most: int) -> list[_Entry]:
    """Return the files of an archive that every program lists alike.

    Raises:
        _Inconsistent, struct.error: programs list them differently, the archive is damaged, or it has more than `most` files.
    """
    start, end, count = _find_directory(octets)
    if count > most or octets.count(b"PK\x01\x02", start, end) > most:
        raise _Inconsistent
    entries = []
    position = start
    for _ in range(count):
        entry, position = _read_entry(octets, position, end)
        entries.append(entry)
    if position != end:
        raise _Inconsistent
    _check_extents(octets, sorted(entries, key=lambda entry: entry.start), start)
    return entries


def _find_directory(octets: bytes) -> tuple[int, int, int]:
    """Return the offsets of the only directory, and its number of files."""
    end = octets.rfind(b"PK\x05\x06", max(len(octets) - _END.size - _LONGEST_COMMENT, 0))
    if end < 0:
        raise _Inconsistent
    disk, first_disk, on_disk, count, size, start, comment = _END.unpack_from(octets, end)
    behind = end + _END.size + comment
    # QUIRK: mail programs add line ends, and some programs fill the last block with NULs.
    if behind > len(octets) or octets[behind:].strip(b"\0\r\n \t"):
        raise _Inconsistent
    directory_end = end
    locator = end - _LOCATOR_OCTETS
    if locator >= 0 and octets.startswith(b"PK\x06\x07", locator):
        _, directory_end, _ = _LOCATOR_64.unpack_from(octets, locator)
        if directory_end > locator or not octets.startswith(b"PK\x06\x06", directory_end):
            raise _Inconsistent
        length, _, _, *wide = _END_64.unpack_from(octets, directory_end)
        narrow = disk, first_disk, on_disk, count, size, start
        if directory_end + 12 + length != locator or any(a != b and a not in _SATURATED for a, b in zip(narrow, wide, strict=True)):
            raise _Inconsistent
        disk, first_disk, on_disk, count, size, start = wide
    if disk or first_disk or on_disk != count or start + size != directory_end:
        raise _Inconsistent
    return start, directory_end, count


def _read_entry(octets: bytes, position: int, limit: int) -> tuple[_Entry, int]:
    """Return the file whose directory entry is at `position`, and the offset of the next entry."""
    if not octets.startswith(b"PK\x01\x02", position):
        raise _Inconsistent
    flags, method, packed, size, name_octets, extra_octets, comment_octets, disk, start = _CENTRAL.unpack_from(octets, position)
    name_end = position + _CENTRAL_OCTETS + name_octets
    behind = name_end + extra_octets + comment_octets
    if behind > limit or not octets.startswith(b"PK\x03\x04", start):
        raise _Inconsistent
    name, extra = octets[position + _CENTRAL_OCTETS : name_end], octets[name_end : name_end + extra_octets]
    fields = dict(_extra_fields(extra))
    wide_octets = fields.get(_ZIP64, b"")
    wide = (value for (value,) in struct.iter_unpack("<Q", wide_octets[: len(wide_octets) // 8 * 8]))
    size, packed, start = (next(wide, value) if value == 0xFFFFFFFF else value for value in (size, packed, start))
    local_flags, local_method, local_packed, local_size, local_name_octets, local_extra_octets = _LOCAL.unpack_from(octets, start)
    local_name_end = start + _LOCAL_OCTETS + local_name_octets
    content = local_name_end + local_extra_octets
    local_fields = dict(_extra_fields(octets[local_name_end:content]))
    promised = {0, 0xFFFFFFFF} if local_flags & _HAS_DESCRIPTOR else {0xFFFFFFFF}
    if (
        disk not in {0, 0xFFFF}
        or octets[start + _LOCAL_OCTETS : local_name_end] != name
        or (local_flags ^ flags) & _IS_ENCRYPTED
        or local_method != method
        or local_packed not in promised | {packed}
        or local_size not in promised | {size}
        or content + packed > len(octets)
        # A program that reads without the directory finds a file that is hidden in the content of this one.
        or (local_flags & _HAS_DESCRIPTOR and method != zip_packing.STORED and octets.find(b"PK\x03\x04", content, content + packed) >= 0)
    ):
        raise _Inconsistent
    names = [*_decode(name, flags | local_flags)]
    names += [each[5:].decode("utf-8", "replace") for each in (fields.get(_UNICODE_PATH), local_fields.get(_UNICODE_PATH)) if each]
    return _Entry(tuple(dict.fromkeys(names)), flags | local_flags, method, start, content, content + packed), behind


def _check_extents(octets: bytes, entries: list[_Entry], end: int) -> None:
    """Check that the files neither overlap nor have unlisted files or other data before, between or behind them. Raises _Inconsistent."""
    mark = _SPLIT_MARK.match(octets)
    position = mark.end() if mark else 0
    if entries and entries[0].start != position:
        raise _Inconsistent
    for entry in entries:
        if entry.start < position or _RECORD.search(octets, position, entry.start):
            raise _Inconsistent
        position = entry.end
    if end < position or _RECORD.search(octets, position, end):
        raise _Inconsistent


def _read_headers(octets: bytes, most: int) -> tuple[tuple[str, ...], bool]:
    """Return the names in the first `most` headers of any kind, each once, and whether one of them has an encrypted file."""
    names: dict[str, None] = {}
    encrypted = False
    for found, _ in zip(_HEADER.finditer(octets), range(2 * most), strict=False):
        at = found.start()
        layout, octets_before = (_LOCAL, _LOCAL_OCTETS) if octets[at + 2] == 3 else (_CENTRAL, _CENTRAL_OCTETS)
        if len(octets) < at + octets_before:
            break
        flags, _, _, _, name_octets, extra_octets, *_ = layout.unpack_from(octets, at)
        name_end = at + octets_before + name_octets
        name = octets[at + octets_before : name_end]
        # QUIRK: Python cuts a name at the end of the directory.
        written = [each for octets_of_name in {name, _MARK.split(name, 1)[0]} for each in _decode(octets_of_name, flags)]
        extra = dict(_extra_fields(octets[name_end : name_end + extra_octets]))
        if _UNICODE_PATH in extra:
            written.append(extra[_UNICODE_PATH][5:].decode("utf-8", "replace"))
        names.update(dict.fromkeys(name for name in written if not name.endswith("/")))
        encrypted = encrypted or bool(flags & _IS_ENCRYPTED and name_end <= len(octets))
    return tuple(names), encrypted


def _decode(name: bytes, flags: int) -> Iterator[str]:
    """Yield a name in UTF-8 if it may be that, and in the code page of DOS (appendix D) if it is not declared as UTF-8."""
    if name.isascii():
        yield name.decode("ascii")
        return
    try:
        yield name.decode("utf-8")
    except UnicodeDecodeError:
        flags = 0
    if not flags & _IS_UTF8:
        yield name.decode("cp437")


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields of a file by their number (4.5.1), the first field of each number last."""
    position = 0
    found = []
    while position + 4 <= len(extra):
        number, size = struct.unpack_from("<HH", extra, position)
        found.append((number, extra[position + 4 : position + 4 + size]))
        position += 4 + size
    yield from reversed(found)
