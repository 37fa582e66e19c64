"""Content-transfer-encodings (RFC 2045 section 6): decode, encode, and insert octets into an encoded body.

An insertion into an identity or quoted-printable body is an edit: the rest keeps its encoded form. A base64 body is encoded again.
"""

import binascii
import re
from typing import Final

from mailhooks.mime.edits import CannotEdit, Edit, Reason
from mailhooks.patterns import compile_late

IDENTITY: Final = frozenset(
    """7bit 8bit binary 7-bit 8-bit x-7bit x-8bit x-binary 6bit 7bits 8bits 7 8 none identity plain text us-ascii ascii utf-8 utf8
    iso-8859-1 iso-8859-2 iso-8859-15 windows-1250 windows-1251 windows-1252 latin1 gb2312 gbk big5 shift_jis euc-jp euc-kr
    koi8-r""".split()
)
"""Encodings that leave the octets as they are. QUIRK: some mailers write a hyphen, a space, or the charset, and all programs agree."""

_HYPHENS: Final = compile_late(rb"^--", re.MULTILINE)
_ANY_LINE_END: Final = compile_late(rb"\r\n|\n|\r")
"""QUIRK: some programs, such as the parser of the standard library, read a bare CR as a line end."""

_DASHED: Final = compile_late(rb"(?:\A|(?<=[\r\n]))--([^\r\n]+)")

_BASE64: Final = compile_late(rb"[A-Za-z0-9+/]*={0,2}")

MAX_LINE: Final = 998
"""Octets of a line without its end (RFC 5322 section 2.1.1)."""

_MAX_QUOTED: Final = 76
"""Octets of a line in quoted-printable (RFC 2045 section 6.7)."""

_NEWLINE: Final = compile_late(rb"\r?\n")
_LINE: Final = compile_late(rb"(?s)(.*?)(\r?\n|\Z)")


def decode(body: bytes, encoding: str) -> bytes:
    """Return the decoded octets of a body. Damaged quoted-printable stays as it is, as in every mail program.

    Raises:
        CannotEdit: the encoding is unknown, or a base64 body has other octets, which would be lost by encoding again.
    """
    if encoding in IDENTITY:
        return body
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        return _decode_base64(body)
    raise CannotEdit(Reason.ENCODING)


def encode(octets: bytes, encoding: str, newline: bytes) -> bytes:
    """Return octets as a quoted-printable or base64 body, with lines of at most 76 octets."""
    if encoding == "base64":
        lines = (binascii.b2a_base64(octets[at : at + 57], newline=False) for at in range(0, len(octets), 57))
        return newline.join(lines)
    # A bare LF among lines with CRLF was encoded (RFC 2045 section 6.7, rule 4), or is no line end.
    encoded_end = b"=0A=" + newline
    body = b"".join(
        _encode_line(line[1], newline) + (encoded_end if line[2] == b"\n" != newline else line[2]) for line in _LINE.finditer(octets)
    )
    return body.removesuffix(b"=" + newline) if body.endswith(encoded_end) else body


def _encode_line(line: bytes, newline: bytes) -> bytes:
    """Encode one line without its end."""
    quoted = b"=0D".join(binascii.b2a_qp(stretch, istext=True) for stretch in line.split(b"\r"))
    if b"\r" in line or quoted.startswith(b"--") or b"\n--" in quoted:
        return _wrap(quoted.replace(b"=\n", b""), newline)
    return quoted.replace(b"\n", newline)


def _wrap(quoted: bytes, newline: bytes) -> bytes:
    """Add soft line breaks: no line begins with two hyphens, as a delimiter does, and none is longer than 76 octets."""
    lines: list[bytes] = []
    at = 0
    while at < len(quoted):
        hyphens = quoted.startswith(b"--", at)
        end = at + (73 if hyphens else 75)
        # Do not split an escape.
        escape = quoted.rfind(b"=", end - 2, end) if end < len(quoted) else -1
        end = escape if escape >= 0 else end
        lines.append(b"=2D" + quoted[at + 1 : end] if hyphens else quoted[at:end])
        at = end
    return (b"=" + newline).join(lines)


def fits(octets: bytes, encoding: str) -> bool:
    """Return whether octets can be written in an encoding. All octets can, except in an identity encoding.

    There a line that begins with two hyphens cannot: it might be a delimiter of the message.
    """
    if encoding not in IDENTITY:
        return True
    if _find_longest(octets) > MAX_LINE or _HYPHENS.search(octets):
        return False
    return octets.isascii() or encoding in {"8bit", "8-bit", "binary"}


def _find_longest(octets: bytes) -> int:
    return max(map(len, _NEWLINE.split(octets)))


def makes_delimiter(raw: bytes, start: int, old: bytes, new: bytes) -> bool:
    """Return whether replacing lines of the body at offset `start` would add a delimiter of a multipart around it (RFC 2046 section 5.1.1).

    Every such multipart has a delimiter before the body. For some programs, a line that only begins with a delimiter is one.
    """
    present = set(_ANY_LINE_END.split(old))
    lines = {line for line in _ANY_LINE_END.split(new) if line.startswith(b"--") and line not in present}
    if not lines:
        return False
    written = {line[1].rstrip(b" \t") for line in _DASHED.finditer(raw, 0, start)}
    return any(line[2:end] in written for line in lines for end in range(3, len(line) + 1))


def insert(raw: bytes, start: int, end: int, encoding: str, at: int, octets: bytes, newline: bytes) -> Edit:
    """Return the edit that inserts octets into an encoded body.

    For an identity encoding, check `fits` and `makes_delimiter` before.

    Args:
        start, end: offsets of the body.
        at: offset in the decoded body.
        newline: the line end of added lines.

    Raises:
        CannotEdit: the encoding is unknown.
    """
    if encoding in IDENTITY:
        return Edit(start + at, start + at, octets)
    body = raw[start:end]
    decoded = decode(body, encoding)
    wanted = decoded[:at] + octets + decoded[at:]
    if encoding == "quoted-printable" and (place := _find_quoted_printable_offset(body, decoded, at)) is not None:
        new = _encode_between(body, place, octets, newline)
        line, after = body.rfind(b"\n", 0, place) + 1, body.find(b"\n", place) + 1 or len(body)
        old = body[line:after]
        changed = old[: place - line] + new + old[place - line :]
        spoils = _find_longest(changed) > max(_MAX_QUOTED, _find_longest(old)) or makes_delimiter(raw, start, old, changed)
        # After an unfinished escape or soft line break, the next octets would be read differently.
        if not spoils and binascii.a2b_qp(body[:place] + new + body[place:]) == wanted:
            return Edit(start + place, start + place, new)
    return Edit(start, end, encode(wanted, encoding, newline) + (newline if encoding == "base64" and body.endswith(b"\n") else b""))


def _encode_between(body: bytes, place: int, octets: bytes, newline: bytes) -> bytes:
    """Encode octets on lines of their own, joined to the surrounding text by soft line breaks."""
    encoded = encode(octets, "quoted-printable", newline)
    begins_line = place == 0 or body.endswith(b"\n", 0, place)
    ends_line = place == len(body) or encoded.endswith(b"\n") or _NEWLINE.match(body, place) is not None
    fresh = begins_line or octets.startswith((b"\r\n", b"\n"))
    return (b"" if fresh else b"=" + newline) + encoded + (b"" if ends_line else b"=" + newline)


def _find_quoted_printable_offset(body: bytes, decoded: bytes, at: int) -> int | None:
    """Return the offset in the encoded body for an offset in the decoded one, outside of escapes; None if the body is damaged."""
    if at >= len(decoded):
        return len(body)
    position = count = 0
    while position < len(body):
        after = body.find(b"\n", position) + 1 or len(body)
        length = len(binascii.a2b_qp(body[position:after]))
        if count + length > at or after == len(body):
            break
        position, count = after, count + length
    line = body[position:after]
    low, high = 0, len(line)
    while low < high:
        middle = (low + high) // 2
        if len(binascii.a2b_qp(line[:middle])) < at - count:
            low = middle + 1
        else:
            high = middle
    # The search may end in half an escape, which is decoded as it is.
    for place in range(max(low - 2, 0), min(low + 3, len(line)) + 1):
        if binascii.a2b_qp(body[: position + place]) == decoded[:at] and binascii.a2b_qp(body[position + place :]) == decoded[at:]:
            return position + place
    return None


def _decode_base64(body: bytes) -> bytes:
    """Decode base64. QUIRK: lines may end inside of a group, and padding may be missing. Other octets, such as a footer, are an error."""
    letters = b"".join(body.split())
    if not _BASE64.fullmatch(letters) or len(letters.rstrip(b"=")) % 4 == 1:
        raise CannotEdit(Reason.ENCODING)
    return binascii.a2b_base64(letters + b"==")
