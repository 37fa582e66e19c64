"""Write files in OLE storage ([MS-CFB]), for the tests of old Office files."""

import struct
from typing import Final

_END: Final = 0xFFFFFFFE
_FREE: Final = 0xFFFFFFFF
_SECTOR: Final = 512
_SMALL: Final = 64


def write_ole(streams: dict[str, bytes]) -> bytes:
    """Return a file with these streams. Streams below 4,096 octets are in small sectors."""
    large, small = bytearray(), bytearray()
    fat: list[int] = []
    small_fat: list[int] = []
    entries = []
    for place, (name, content) in enumerate(sorted(streams.items(), key=lambda stream: (len(stream[0]), stream[0].upper())), start=2):
        is_small = len(content) < 4096
        chain, data, octets = (small_fat, small, _SMALL) if is_small else (fat, large, _SECTOR)
        # The tree of the directory is a chain, which begins at the root.
        behind = place if place <= len(streams) else _FREE
        entries.append(_write_entry(name, 2, len(chain) if content else _END, len(content), behind=behind))
        _append(chain, data, content, octets)
    root = _write_entry("Root Entry", 5, len(fat) if small else _END, len(small), child=1)
    _append(fat, large, bytes(small), _SECTOR)
    small_fat_at = len(fat)
    _append(fat, large, struct.pack(f"<{len(small_fat)}I", *small_fat), _SECTOR, fill=b"\xff")
    directory_at = len(fat)
    _append(fat, large, b"".join((root, *entries)), _SECTOR)
    fat_at, count = len(fat), -(-(len(fat) + 1) // (_SECTOR // 4 - 1))
    fat += [0xFFFFFFFD] * count
    fat += [_FREE] * (-len(fat) % (_SECTOR // 4))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, count, directory_at, 0, 4096, small_fat_at if small_fat else _END, bool(small_fat), _END, 0)
    header += b"".join(struct.pack("<I", fat_at + place if place < count else _FREE) for place in range(109))
    return header + large + struct.pack(f"<{len(fat)}I", *fat)


def _append(chain: list[int], data: bytearray, content: bytes, octets: int, fill: bytes = b"\0") -> None:
    if not content:
        return
    first, count = len(chain), -(-len(content) // octets)
    chain += [*range(first + 1, first + count), _END]
    data += content + fill * (-len(content) % octets)


def _write_entry(name: str, kind: int, start: int, size: int, *, behind: int = _FREE, child: int = _FREE) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    links = struct.pack("<HBBIII", len(encoded), kind, 1, _FREE, behind, child)
    return encoded.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)
