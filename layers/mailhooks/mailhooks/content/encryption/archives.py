"""Whether a 7z or RAR archive is encrypted. Its files are not unpacked."""

import lzma
import struct
from typing import Final

from mailhooks.patterns import compile_late

_MAX_HEADER: Final = 8 * 1024 * 1024
"""Octets of the list of files of a 7z archive that are read."""
_LARGEST_DICTIONARY: Final = 64 * 1024 * 1024
_MAX_BLOCKS: Final = 20_000

_AES_CODER: Final = compile_late(rb"[\x04\x14\x24\x34]\x06\xf1\x07\x01")
"""A coder of 7z: the length of its identifier with flags, and the identifier of AES (7-Zip, DOC/7zFormat.txt and DOC/Methods.txt)."""
_LZMA: Final = b"\x03\x01\x01"
_LZMA2: Final = b"\x21"

_PACK_INFO: Final = 6
_UNPACK_INFO: Final = 7
_SIZE: Final = 9
_CRC: Final = 10
_FOLDER: Final = 11
_UNPACK_SIZES: Final = 12
_ENCODED: Final = 0x17


class _Unreadable(Exception):
    """The archive is damaged, or has a form that no program writes."""


class _Reader:
    """Reads numbers from octets."""

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self.octets = octets
        self.at = at

    def read_octet(self) -> int:
        if self.at >= len(self.octets):
            raise _Unreadable
        self.at += 1
        return self.octets[self.at - 1]

    def read(self, count: int) -> bytes:
        if count > len(self.octets) - self.at:
            raise _Unreadable
        self.at += count
        return self.octets[self.at - count : self.at]

    def read_number(self) -> int:
        """Read a number of 7z: the first octet has as many leading ones as octets follow."""
        first = self.read_octet()
        count = 8 - (first ^ 0xFF).bit_length()
        low = int.from_bytes(self.read(count), "little")
        return low | (first & (0x7F >> count)) << (8 * count)

    def read_varint(self) -> int:
        """Read a number of RAR 5: seven bits of each octet, the lowest first."""
        number = 0
        for place in range(10):
            octet = self.read_octet()
            number |= (octet & 0x7F) << (7 * place)
            if octet < 0x80:
                return number
        raise _Unreadable


def is_encrypted_7z(octets: bytes) -> bool:
    """Return whether a 7z archive has an encrypted file or an encrypted list of files. Never raises."""
    if len(octets) < 32:
        return False
    start, size = struct.unpack_from("<QQ", octets, 12)
    header = octets[32 + start : 32 + start + min(size, _MAX_HEADER)]
    if _AES_CODER.search(header):
        return True
    if header[:1] != bytes([_ENCODED]):
        return False
    try:
        return _AES_CODER.search(_unpack_header(octets, _Reader(header, 1))) is not None
    except _Unreadable:
        return False


def _unpack_header(octets: bytes, header: _Reader) -> bytes:
    """Return the list of files, which is packed by one LZMA coder. Raises _Unreadable."""
    _require(header, _PACK_INFO)
    start = header.read_number()
    _require(header, 1)  # one stream
    _require(header, _SIZE)
    size = header.read_number()
    if (mark := header.read_octet()) == _CRC:
        _require(header, 1)
        header.read(4)
        mark = header.read_octet()
    if mark:
        raise _Unreadable
    for expected in (_UNPACK_INFO, _FOLDER, 1, 0, 1):
        _require(header, expected)
    flags = header.read_octet()
    coder = header.read(flags & 15)
    properties = header.read(header.read_number()) if flags & 0x20 else b""
    _require(header, _UNPACK_SIZES)
    unpacked = min(header.read_number(), _MAX_HEADER)
    try:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_make_filter(coder, properties)])
        return decompressor.decompress(octets[32 + start : 32 + start + size], unpacked)
    except (lzma.LZMAError, struct.error, IndexError, ValueError):
        raise _Unreadable from None


def _require(header: _Reader, expected: int) -> None:
    if header.read_octet() != expected:
        raise _Unreadable


def _make_filter(coder: bytes, properties: bytes) -> dict[str, int]:
    """Return the filter of a coder. Raises struct.error, IndexError, ValueError."""
    if coder == _LZMA:
        first, dictionary = struct.unpack_from("<BI", properties)
        settings = {"id": lzma.FILTER_LZMA1, "lc": first % 9, "lp": first // 9 % 5, "pb": first // 45}
    elif coder == _LZMA2:
        dictionary = (2 | properties[0] & 1) << (properties[0] // 2 + 11)
        settings = {"id": lzma.FILTER_LZMA2}
    else:
        raise ValueError
    if dictionary > _LARGEST_DICTIONARY:
        raise ValueError
    return settings | {"dict_size": max(dictionary, 4096)}


def is_encrypted_rar(octets: bytes) -> bool:
    """Return whether a RAR archive has an encrypted file or an encrypted list of files. Never raises."""
    try:
        return _is_encrypted_rar_5(octets) if octets.startswith(b"Rar!\x1a\x07\x01\0") else _is_encrypted_rar_4(octets)
    except _Unreadable:
        return False


def _is_encrypted_rar_5(octets: bytes) -> bool:
    """Read the blocks of a RAR 5 archive (RAR 5.0 archive format, https://www.rarlab.com/technote.htm). Raises _Unreadable."""
    reader = _Reader(octets, 8)
    for _ in range(_MAX_BLOCKS):
        reader.read(4)
        size = reader.read_varint()
        behind = reader.at + size
        kind, flags = reader.read_varint(), reader.read_varint()
        extra = reader.read_varint() if flags & 1 else 0
        data = reader.read_varint() if flags & 2 else 0
        if kind == 4:  # archive encryption header
            return True
        if kind in {2, 3} and extra and _has_encryption_record(octets[max(behind - extra, reader.at) : behind]):
            return True
        if kind == 5 or size == 0:  # end of archive
            return False
        reader.at = behind + data
    return False


def _has_encryption_record(extra: bytes) -> bool:
    reader = _Reader(extra)
    while reader.at < len(extra):
        size = reader.read_varint()
        behind = reader.at + size
        if size == 0:
            return False
        if reader.read_varint() == 1:
            return True
        reader.at = behind
    return False


def _is_encrypted_rar_4(octets: bytes) -> bool:
    """Read the blocks of an older archive (technote of RAR 4). Raises _Unreadable."""
    reader = _Reader(octets, 7)
    for _ in range(_MAX_BLOCKS):
        begun = reader.at
        kind, flags, size = struct.unpack("<2xBHH", reader.read(7))
        added = int.from_bytes(reader.read(4), "little") if flags & 0x8000 or kind in {0x74, 0x7A} else 0
        if (kind == 0x73 and flags & 0x80) or (kind == 0x74 and flags & 4):
            return True
        if kind == 0x7B or size < 7:  # end of archive
            return False
        reader.at = begun + size + added
    return False
