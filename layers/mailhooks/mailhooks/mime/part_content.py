"""The size, the beginning and the end of a part's decoded content, without decoding all of it."""

import binascii
import re
from typing import Final

from mailhooks.mime import transfer_encoding
from mailhooks.mime.edits import CannotEdit
from mailhooks.mime.message import Part

_LETTERS: Final = re.compile(rb"[A-Za-z0-9+/=]+")
_NO_LETTERS: Final = bytes(octet for octet in range(256) if not _LETTERS.match(bytes([octet])))
_WHITE_SPACE: Final = (b"\r", b"\n", b" ", b"\t")
_UUENCODE: Final = frozenset({"x-uuencode", "uuencode", "x-uue"})
"""QUIRK: not in an RFC, but Outlook and Thunderbird decode it."""
_SEAM: Final = 64
"""Octets at the end of a cut content that may be wrong, because an escape or a line is cut there."""

_UU_BEGIN: Final = re.compile(rb"^begin(?:-base64)? [^\n]*\n", re.MULTILINE)


def size(raw: bytes, part: Part) -> int:
    """Return the octets of a part's decoded content, by arithmetic without decoding. An estimate for damaged content."""
    start, end = part.body, part.end
    if part.encoding == "base64":
        letters = _count_letters(raw, start, end)
        return (letters - raw.count(b"=", start, end)) * 3 // 4
    if part.encoding == "quoted-printable":
        # `=3D` is one octet for three, a soft line break (`=` and a line end) none.
        return max(end - start - 2 * raw.count(b"=", start, end) - raw.count(b"=\r\n", start, end), 0)
    if part.encoding in _UUENCODE:
        return (end - start) * 45 // 62
    return end - start


def prefix(raw: bytes, part: Part, limit: int) -> bytes:
    """Return the first `limit` octets of a part's content, and decode no more than needed."""
    if part.encoding == "base64":
        return _read_base64_prefix(raw, part, limit)
    end = min(part.end, part.body + limit)
    while True:
        octets = _decode(raw[part.body : end], part.encoding)
        if len(octets) >= limit + _SEAM or end == part.end:
            return octets[:limit]
        end = min(part.end, part.body + 4 * (end - part.body))


def tail(raw: bytes, part: Part, limit: int) -> bytes:
    """Return the last `limit` octets of a part's content; fewer if base64 has many other octets between its letters."""
    start = max(part.body, part.end - limit * 3 // 2 - _SEAM)
    if part.encoding == "base64":
        # Four letters are three octets. Letters of a group that starts before are left out.
        begun = -_count_letters(raw, part.body, start) % 4
        letters = raw[start : part.end].translate(None, _NO_LETTERS)
        return _decode(letters[begun:], "base64")[-limit:]
    if part.encoding in transfer_encoding.IDENTITY:
        return raw[max(part.body, part.end - limit) : part.end]
    return _decode(raw[part.body : part.end], part.encoding)[-limit:]


def _count_letters(raw: bytes, start: int, end: int) -> int:
    return end - start - sum(raw.count(octet, start, end) for octet in _WHITE_SPACE)


def _read_base64_prefix(raw: bytes, part: Part, limit: int) -> bytes:
    """Return the first `limit` octets. Octets outside of the base64 alphabet are skipped, however many there are."""
    runs: list[bytes] = []
    wanted = limit * 4 // 3 + 4
    for run in _LETTERS.finditer(raw, part.body, part.end):
        runs.append(raw[run.start() : min(run.end(), run.start() + wanted)])
        wanted -= len(runs[-1])
        if wanted <= 0:
            break
    letters = b"".join(runs)
    if wanted <= 0:
        # Cut between two groups, counted from the last padding.
        letters = letters[: len(letters) - len(letters.rpartition(b"=")[2]) % 4]
    return _decode(letters, "base64")[:limit]


def _decode(body: bytes, encoding: str) -> bytes:
    if encoding in _UUENCODE:
        return _decode_uuencode(body)
    try:
        return transfer_encoding.decode(body, encoding)
    except CannotEdit:
        return body


def _decode_uuencode(body: bytes) -> bytes:
    begin = _UU_BEGIN.search(body)
    pieces: list[bytes] = []
    for line in body[begin.end() if begin else 0 :].split(b"\n"):
        if line.strip() == b"end":
            break
        octets = (line[0] - 32) & 63 if line else 0
        try:
            # QUIRK: some encoders write more into the last group than they count.
            pieces.append(binascii.a2b_uu(line[: 1 + (octets + 2) // 3 * 4]))
        except binascii.Error:
            break
    return b"".join(pieces)
