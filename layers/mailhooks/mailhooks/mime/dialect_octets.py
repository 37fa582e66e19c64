"""The octets of a message as a dialect reads them."""

import binascii
import re
from collections.abc import Iterable
from typing import Final

from mailhooks.mime.dialect import Dialect
from mailhooks.mime.edits import Edit, splice
from mailhooks.patterns import compile_late

_CR_IN_FRONT: Final = compile_late(rb"(?<=\n)\r++(?!\n)")
_NO_BASE64: Final = bytes(octet for octet in range(256) if not re.match(rb"[A-Za-z0-9+/]", bytes([octet])))


def translate(raw: bytes, dialect: Dialect) -> bytes:
    """Return a message without NULs, or without bare CRs, if the dialect reads it so; else `raw` itself.

    LF replaces a bare CR, so that offsets stay.
    """
    if dialect.remove_nul:
        raw = _CR_IN_FRONT.sub(b"", raw.replace(b"\0", b""))
    if dialect.cr_ends_line:
        raw = b"\r\n".join(line.replace(b"\r", b"\n") for line in raw.split(b"\r\n"))
    return raw


def decode_bodies(raw: bytes, bodies: Iterable[tuple[int, int, str]]) -> bytes:
    """Return a message with some bodies decoded. Each is the offset of its start, that of its end, and its encoding."""
    return splice(raw, [Edit(start, end, _decode(raw[start:end], encoding)) for start, end, encoding in bodies])


def _decode(body: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    letters = body.translate(None, _NO_BASE64)
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
