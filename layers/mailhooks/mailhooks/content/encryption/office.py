"""Whether a file in OLE storage needs a password: Office up to 2003, and later Office files that are encrypted ([MS-OFFCRYPTO])."""

import hashlib
import struct
from array import array
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.content.encryption.ciphers import apply_rc4

_HEADER: Final = struct.Struct("<30xHH10xII8xIIII")
"""Shifts of sectors and small sectors; sectors of the FAT; the first directory sector; of the small FAT: the first sector and their number;
of the table of FAT sectors: the first sector and their number ([MS-CFB] section 2.2)."""
_ENTRY_OCTETS: Final = 128
_NO_SECTOR: Final = 0xFFFFFFFA
_SMALL: Final = 4096
"""Streams with fewer octets are in small sectors."""
_ROOT: Final = 5
_MAX_ENTRIES: Final = 10_000
_SMALL_SHIFT: Final = 6
_READ_STREAMS: Final = frozenset({"WordDocument", "Workbook", "Book", "Current User"})
_MAX_READ_STREAMS: Final = 1000
"""Streams that are read: a file has one, and one in each document in it."""

_ENCRYPTED_STREAMS: Final = frozenset({"EncryptedPackage", "\tDRMContent"})
"""Streams of a file that is encrypted as a whole, with a password or by rights management (section 1.3.1 and 1.3.2)."""

_FILE_PASS: Final = 0x2F
_MAX_RECORDS: Final = 50
_DEFAULT: Final = "VelvetSweatshop"
"""QUIRK: Excel up to 2003 encrypts a workbook whose structure is protected by this password, and opens it without a question."""
_UTF_16: Final = _DEFAULT.encode("utf-16-le")


class _Entry(NamedTuple):
    name: str
    kind: int
    start: int
    size: int


def is_encrypted_office_file(octets: bytes) -> bool:
    """Return whether an OLE file needs a password. Never raises; time is linear, for any content."""
    try:
        storage = _Storage(octets)
    except (struct.error, ValueError):
        return False
    if any(entry.name in _ENCRYPTED_STREAMS for entry in storage.entries):
        return True
    for entry in islice((entry for entry in storage.entries if entry.name in _READ_STREAMS), _MAX_READ_STREAMS):
        if entry.name == "WordDocument":
            # FibBase ([MS-DOC] section 2.5.2): fEncrypted.
            if storage.read(entry, 12)[11:12] in _ODD_OCTETS:
                return True
        elif entry.name in {"Workbook", "Book"}:
            if _is_encrypted_workbook(storage.read(entry, 16 * 1024)):
                return True
        elif entry.name == "Current User" and storage.read(entry, 16)[12:16] == b"\xdf\xc4\xd1\xf3":
            # CurrentUserAtom ([MS-PPT] section 2.3.2): headerToken.
            return True
    return False


_ODD_OCTETS: Final = frozenset(bytes([octet]) for octet in range(1, 256, 2))


class _Storage:
    """The streams of an OLE file ([MS-CFB]). The tree of its directory is not read: every stream counts."""

    def __init__(self, octets: bytes) -> None:
        """Read the directory. Raises struct.error and ValueError for a file that is none."""
        self._octets = octets
        shift, small_shift, fat_sectors, directory, small_fat, _, table, _ = _HEADER.unpack_from(octets)
        if shift not in {9, 12} or small_shift != _SMALL_SHIFT:
            raise ValueError
        self._sector, self._small_sector = 1 << shift, 1 << small_shift
        self._fat = self._read_fat(table, fat_sectors)
        self.entries = [_parse_entry(entry) for entry in self._read_entries(directory)]
        root = next((entry for entry in self.entries if entry.kind == _ROOT), None)
        self._small_start = root.start if root else _NO_SECTOR
        self._small_fat_start = small_fat

    def _get_sector(self, number: int) -> bytes:
        start = (number + 1) * self._sector
        return self._octets[start : start + self._sector]

    def _read_fat(self, table: int, count: int) -> "array[int]":
        """Return the next sector of each sector."""
        most = len(self._octets) // self._sector + 1
        numbers = list(struct.unpack_from("<109I", self._octets, 76))
        for _ in range(most):
            if table >= _NO_SECTOR or len(sector := self._get_sector(table)) < self._sector:
                break
            *more, table = struct.unpack(f"<{self._sector // 4}I", sector)
            numbers += more
        return _join(self._get_sector(number) for number in numbers[: min(count, most)] if number < _NO_SECTOR)

    def _follow(self, start: int, fat: "array[int]") -> Iterator[int]:
        """Yield the sectors of a chain. A chain with a loop ends."""
        for _ in range(len(fat)):
            if start >= len(fat):
                return
            yield start
            start = fat[start]

    def _read_entries(self, start: int) -> Iterator[bytes]:
        count = 0
        for number in self._follow(start, self._fat):
            sector = self._get_sector(number)
            for at in range(0, len(sector) - _ENTRY_OCTETS + 1, _ENTRY_OCTETS):
                count += 1
                if count > _MAX_ENTRIES:
                    return
                yield sector[at : at + _ENTRY_OCTETS]

    def read(self, entry: _Entry, limit: int) -> bytes:
        """Return the first octets of a stream."""
        if entry.size >= _SMALL:
            pieces = (self._get_sector(number) for number in self._follow(entry.start, self._fat))
            return _cut(pieces, min(limit, entry.size))
        return _cut(self._read_small_sectors(entry.start), min(limit, entry.size))

    @cached_property
    def _small_fat(self) -> "array[int]":
        return _join(self._get_sector(number) for number in self._follow(self._small_fat_start, self._fat))

    @cached_property
    def _small_sectors(self) -> list[int]:
        """The sectors of the stream with all small sectors."""
        return list(self._follow(self._small_start, self._fat))

    def _read_small_sectors(self, start: int) -> Iterator[bytes]:
        in_one, sectors = self._sector // self._small_sector, self._small_sectors
        for number in self._follow(start, self._small_fat):
            if number // in_one >= len(sectors):
                return
            at = number % in_one * self._small_sector
            yield self._get_sector(sectors[number // in_one])[at : at + self._small_sector]


def _join(sectors: Iterator[bytes]) -> "array[int]":
    joined = b"".join(sectors)
    found = array("I", joined[: len(joined) // 4 * 4])
    if struct.pack("=H", 1) != b"\1\0":
        found.byteswap()
    return found


def _cut(pieces: Iterator[bytes], limit: int) -> bytes:
    found = bytearray()
    for piece in pieces:
        found += piece
        # Sectors behind the end of the file have no octets.
        if not piece or len(found) >= limit:
            break
    return bytes(found[:limit])


def _parse_entry(octets: bytes) -> _Entry:
    """Parse an entry of the directory ([MS-CFB] section 2.6.1)."""
    length, kind = struct.unpack_from("<HB", octets, 64)
    start, size = struct.unpack_from("<II", octets, 116)
    return _Entry(octets[: max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace"), kind, start, size)


def _is_encrypted_workbook(octets: bytes) -> bool:
    """Return whether a workbook has a FilePass record with another than the default password ([MS-XLS] section 2.4.117)."""
    at = 0
    for _ in range(_MAX_RECORDS):
        if len(octets) < at + 4:
            return False
        kind, length = struct.unpack_from("<HH", octets, at)
        if kind == _FILE_PASS:
            try:
                return not _has_default_password(octets[at + 4 : at + 4 + length])
            except struct.error:
                return True
        at += 4 + length
    return False


def _has_default_password(record: bytes) -> bool:
    """Return whether the default password opens a workbook. Raises struct.error for a record that is cut."""
    if len(record) == 4:
        return int.from_bytes(record[2:], "little") == _verify_by_xor(_DEFAULT.encode())
    kind, major, minor = (int.from_bytes(record[at : at + 2], "little") for at in (0, 2, 4))
    if kind == 0:
        return minor == _verify_by_xor(_DEFAULT.encode())
    if major == 1:
        return _opens_by_rc4(record[6:22], record[22:54])
    (header_octets,) = struct.unpack_from("<I", record, 10)
    (key_bits,) = struct.unpack_from("<I", record, 14 + 16)
    verifier = record[14 + header_octets :]
    return _opens_by_crypto_api(verifier[4:20], verifier[20:36] + verifier[40:60], key_bits or 40)


def _verify_by_xor(password: bytes) -> int:
    """Return the verifier of a password (section 2.3.7.1)."""
    verifier = 0
    for octet in reversed(bytes([len(password)]) + password):
        verifier = (verifier >> 14 & 1 | verifier << 1 & 0x7FFF) ^ octet
    return verifier ^ 0xCE4B


def _opens_by_rc4(salt: bytes, encrypted: bytes) -> bool:
    """Check the default password by a verifier and its hash (sections 2.3.6.2 and 2.3.6.4)."""
    begun = hashlib.md5(_UTF_16, usedforsecurity=False).digest()[:5]
    middle = hashlib.md5((begun + salt) * 16, usedforsecurity=False).digest()[:5]
    verifier = apply_rc4(hashlib.md5(middle + bytes(4), usedforsecurity=False).digest(), encrypted)
    return hashlib.md5(verifier[:16], usedforsecurity=False).digest() == verifier[16:32]


def _opens_by_crypto_api(salt: bytes, encrypted: bytes, key_bits: int) -> bool:
    """Check the default password by a verifier and its hash (sections 2.3.5.2 and 2.3.5.6)."""
    begun = hashlib.sha1(salt + _UTF_16, usedforsecurity=False).digest()
    key = hashlib.sha1(begun + bytes(4), usedforsecurity=False).digest()[: min(key_bits // 8, 16)]
    verifier = apply_rc4(key + bytes(11) if key_bits == 40 else key or b"\0", encrypted)
    return hashlib.sha1(verifier[:16], usedforsecurity=False).digest() == verifier[16:36]
