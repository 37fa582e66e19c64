"""Makes files that messages have as attachments."""

import io
import zipfile
from collections.abc import Iterable, Mapping

PE = b"MZ\x90\0\x03\0\0\0" + bytes(52) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0"


def archive(*names: str, method: int = zipfile.ZIP_STORED) -> bytes:
    return _pack(((name, b"content of a file") for name in names), method)


def zipped(files: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    return _pack(files.items(), method)


def _pack(files: Iterable[tuple[str, str | bytes]], method: int) -> bytes:
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", method) as made:
        for name, content in files:
            # A fixed date: parallel test processes have to collect the same parameters.
            made.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return holder.getvalue()


def encrypted(octets: bytes) -> bytes:
    """Set only the flag in both headers of the first file, because the content is never read."""
    marked = bytearray(octets)
    marked[6] |= 1
    marked[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(marked)
