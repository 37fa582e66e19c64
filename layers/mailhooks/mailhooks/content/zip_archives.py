"""The names that a zip archive lists (APPNOTE.TXT, "ZIP File Format Specification"), as each program lists them.

Programs read an archive by its last directory, by its first one, or by the header before each file. `list_zip` reads all of them. Where
they contradict each other, the listing is not `complete`, and has the names of all headers. Time and memory are linear, for any content.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_ENTRIES: Final = 10_000
"""Files of an archive that are listed, at most: this needs about a tenth of a second."""

_MAX_DEPTH: Final = 4
"""Archives in archives that are unpacked."""

_MAX_UNPACKED: Final = 64 * 1024 * 1024
"""Octets that are unpacked to read archives in an archive, in all."""

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
_STORED: Final = 0
_DEFLATED: Final = 8

_RECORD: Final = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x06\x06)")
_HEADER: Final = re.compile(rb"PK(?:\x03\x04|\x01\x02)")
_MARK: Final = re.compile(rb"PK[\x01-\x08]")
_SPLIT_MARK: Final = re.compile(rb"PK(?:\x07\x08|00)(?=PK\x03\x04)")
"""QUIRK: some programs leave the mark of a split archive (8.5.4) in an archive of one piece."""

_BEGINNING: Final = re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK|00PK)")
_NAMED_ARCHIVE: Final = re.compile(r"\.(?:zip|jar|zipx)[ .]*\Z", re.IGNORECASE)
_DOCUMENT: Final = re.compile(rb"(?s).{30}(?:\[Content_Types\]\.xml|_rels/\.rels|docProps/|mimetypeapplication/)")
"""The first file of a document. The files in a document are parts of it, and no program offers them."""


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


def begins_archive(beginning: bytes) -> bool:
    """Return whether a file begins as a zip archive does."""
    return _BEGINNING.match(beginning) is not None


def ends_archive(ending: bytes) -> bool:
    """Return whether a file ends with the directory of a zip archive. Other data may be before the archive, such as a picture."""
    at = ending.rfind(b"PK\x05\x06")
    if at < 0 or len(ending) < at + _END.size:
        return False
    *_, size, _, comment = _END.unpack_from(ending, at)
    rest = ending[at + _END.size :]
    return len(rest) >= comment and not rest[comment:].strip(b"\0\r\n \t") and (size > at or ending.find(b"PK\x01\x02", at - size) >= 0)


def list_zip(octets: bytes) -> ZipListing:
    """Return the files of an archive. Never raises."""
    return _Listing().read(octets)


class _Listing:
    """Lists an archive and the archives in it, within the bounds of one listing."""

    def __init__(self) -> None:
        self._entries = MAX_ENTRIES
        self._octets = _MAX_UNPACKED

    def read(self, octets: bytes, depth: int = 0) -> ZipListing:
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
            inner = self._unpack_archive(octets, entry)
            if inner is None:
                continue
            listing = self.read(inner, depth + 1) if inner and depth < _MAX_DEPTH else ZipListing((), encrypted=False, complete=False)
            found += [f"{entry.names[0]}/{name}" for name in listing.names]
            encrypted, complete = encrypted or listing.encrypted, complete and listing.complete
        return ZipListing(tuple(found), encrypted, complete)

    def _unpack_archive(self, octets: bytes, entry: _Entry) -> bytes | None:
        """Return an archive in the archive; `b""` if it cannot be unpacked, None if the file is none or is encrypted."""
        if entry.flags & _IS_ENCRYPTED or entry.method not in {_STORED, _DEFLATED}:
            named = any(map(_NAMED_ARCHIVE.search, entry.names))
            return b"" if named and not entry.flags & _IS_ENCRYPTED else None
        beginning = self._unpack(octets, entry, 512)
        named = any(map(_NAMED_ARCHIVE.search, entry.names))
        if not named and (not begins_archive(beginning) or _DOCUMENT.match(beginning)):
            return None
        unpacked = self._unpack(octets, entry, self._octets + 1)
        self._octets -= len(unpacked)
        if self._octets < 0:
            return b""
        return unpacked if begins_archive(unpacked) or _RECORD.search(unpacked) else None

    @staticmethod
    def _unpack(octets: bytes, entry: _Entry, limit: int) -> bytes:
        """Return the first `limit` octets of a file; fewer if it is damaged."""
        if entry.method == _STORED:
            return octets[entry.content : min(entry.end, entry.content + limit)]
        try:
            # Not more packed octets than needed: the decompressor copies the rest.
            packed = octets[entry.content : min(entry.end, entry.content + 2 * limit + 1024)]
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(limit, 1))
        except zlib.error:
            return b""


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
        or (local_flags & _HAS_DESCRIPTOR and method != _STORED and octets.find(b"PK\x03\x04", content, content + packed) >= 0)
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
