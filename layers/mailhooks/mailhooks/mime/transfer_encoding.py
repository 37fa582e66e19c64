"""Content-transfer-encodings (RFC 2045 section 6): octets of a body, and how to put more of them in between.

Identity and quoted-printable bodies are spliced, so that what was there keeps its encoded form too. Base64 has no seams and is encoded
again.
"""

import binascii
import re
from typing import Final

from mailhooks.mime.edits import Edit
from mailhooks.mime.errors import CannotEdit, Reason

IDENTITY: Final = frozenset({"7bit", "8bit", "binary", "7-bit", "8-bit"})
"""QUIRK: the hyphens, which some mailers write."""

_HYPHENS: Final = re.compile(rb"^--", re.MULTILINE)
_ANY_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
"""QUIRK: some programs take a bare CR for a line end, the standard library's parser among them."""

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")

MAX_LINE: Final = 998
"""Octets of a line without its end (RFC 5322 section 2.1.1)."""

_MAX_QUOTED: Final = 76
"""Likewise, of quoted-printable (RFC 2045 section 6.7)."""

_NEWLINE: Final = re.compile(rb"\r?\n")
_LINE: Final = re.compile(rb"(?s)(.*?)(\r?\n|\Z)")


def decode(body: bytes, encoding: str) -> bytes:
    """The octets that an encoded body stands for. In quoted-printable, what is damaged is left as it is, as by every mail client.

    Raises:
        CannotEdit: no such encoding, or a base64 body with something else in it, which would be lost with the next encoding.
    """
    if encoding in IDENTITY:
        return body
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        return _from_base64(body)
    raise CannotEdit(Reason.ENCODING)


def encode(octets: bytes, encoding: str, newline: bytes) -> bytes:
    """Octets as a quoted-printable or base64 body, lines of at most 76."""
    if encoding == "base64":
        lines = (binascii.b2a_base64(octets[at : at + 57], newline=False) for at in range(0, len(octets), 57))
        return newline.join(lines)
    return b"".join(_quoted_line(line[1], newline) + line[2] for line in _LINE.finditer(octets))


def _quoted_line(line: bytes, newline: bytes) -> bytes:
    """One line without its end; every line keeps its own, be it bare."""
    quoted = b"=0D".join(binascii.b2a_qp(stretch, istext=True) for stretch in line.split(b"\r"))
    if b"\r" in line or quoted.startswith(b"--") or b"\n--" in quoted:
        return _wrapped(quoted.replace(b"=\n", b""), newline)
    return quoted.replace(b"\n", newline)


def _wrapped(quoted: bytes, newline: bytes) -> bytes:
    """A quoted line with soft breaks: no line of it begins with two hyphens, as a delimiter does, nor is one longer than 76."""
    lines: list[bytes] = []
    at = 0
    while at < len(quoted):
        hyphens = quoted.startswith(b"--", at)
        end = at + (73 if hyphens else 75)
        # An escape is not torn.
        escape = quoted.rfind(b"=", end - 2, end) if end < len(quoted) else -1
        end = escape if escape >= 0 else end
        lines.append(b"=2D" + quoted[at + 1 : end] if hyphens else quoted[at:end])
        at = end
    return (b"=" + newline).join(lines)


def fits(octets: bytes, encoding: str) -> bool:
    """Whether octets can stand in an identity-encoded body as they are; every other encoding takes all.

    A line that begins with two hyphens cannot: it might be a delimiter of the message.
    """
    if encoding not in IDENTITY:
        return True
    if _longest(octets) > MAX_LINE or _HYPHENS.search(octets):
        return False
    return octets.isascii() or encoding in {"8bit", "8-bit", "binary"}


def _longest(octets: bytes) -> int:
    """Octets of the longest line."""
    return max(map(len, _NEWLINE.split(octets)))


def makes_delimiter(raw: bytes, start: int, old: bytes, new: bytes) -> bool:
    """Whether `new`, which takes the place of the lines `old` of a body that begins at `start`, has a line that `old` has not and that
    would be a delimiter of a multipart around that body (RFC 2046 section 5.1.1): each has had one before it.
    """
    there = set(_ANY_LINE_END.split(old))
    lines = {line for line in _ANY_LINE_END.split(new) if line.startswith(b"--") and line not in there}
    contents = {content for line in lines for content in (line.rstrip(b" \t")[2:], line.rstrip(b" \t")[2:].removesuffix(b"--"))}
    return any(
        re.compile(rb"(?:\A|[\r\n])--" + re.escape(content) + rb"[ \t]*[\r\n]").search(raw, 0, start) for content in contents if content
    )


def insert(raw: bytes, start: int, end: int, encoding: str, at: int, octets: bytes, newline: bytes) -> Edit:
    """The edit that puts `octets` at the decoded offset `at` of the body that lies at `start` to `end`.

    For an identity encoding, ask `fits` and `makes_delimiter` before.

    Raises:
        CannotEdit: no such encoding.
    """
    if encoding in IDENTITY:
        return Edit(start + at, start + at, octets)
    body = raw[start:end]
    decoded = decode(body, encoding)
    wanted = decoded[:at] + octets + decoded[at:]
    if encoding == "quoted-printable" and (place := _quoted_printable_place(body, decoded, at)) is not None:
        new = _quoted_printable(body, place, octets, newline)
        line, after = body.rfind(b"\n", 0, place) + 1, body.find(b"\n", place) + 1 or len(body)
        old = body[line:after]
        changed = old[: place - line] + new + old[place - line :]
        spoils = _longest(changed) > max(_MAX_QUOTED, _longest(old)) or makes_delimiter(raw, start, old, changed)
        # An unfinished escape or soft break at the seam would swallow what comes next.
        if not spoils and binascii.a2b_qp(body[:place] + new + body[place:]) == wanted:
            return Edit(start + place, start + place, new)
    return Edit(start, end, encode(wanted, encoding, newline) + (newline if encoding == "base64" and body.endswith(b"\n") else b""))


def _quoted_printable(body: bytes, place: int, octets: bytes, newline: bytes) -> bytes:
    """Octets to stand at `place`: on lines of their own, joined by soft breaks to what is around them."""
    encoded = encode(octets, "quoted-printable", newline)
    begins_line = place == 0 or body.endswith(b"\n", 0, place)
    ends_line = place == len(body) or encoded.endswith(b"\n") or _NEWLINE.match(body, place) is not None
    fresh = begins_line or octets.startswith((b"\r\n", b"\n"))
    return (b"" if fresh else b"=" + newline) + encoded + (b"" if ends_line else b"=" + newline)


def _quoted_printable_place(body: bytes, decoded: bytes, at: int) -> int | None:
    """The offset in the encoded body at which the decoded offset `at` lies, and no escape is torn; None where damage hides it."""
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
    # The search may have met half an escape, which decodes as it stands.
    for place in range(max(low - 2, 0), min(low + 3, len(line)) + 1):
        if binascii.a2b_qp(body[: position + place]) == decoded[:at] and binascii.a2b_qp(body[position + place :]) == decoded[at:]:
            return position + place
    return None


def _from_base64(body: bytes) -> bytes:
    """QUIRK: lines that do not end at a group of four, and missing padding. More than that, such as a list's footer, is not base64."""
    letters = b"".join(body.split())
    if not _BASE64.fullmatch(letters) or len(letters.rstrip(b"=")) % 4 == 1:
        raise CannotEdit(Reason.ENCODING)
    return binascii.a2b_base64(letters + b"==")
