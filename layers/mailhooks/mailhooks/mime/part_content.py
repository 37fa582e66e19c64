"""The size and the content of a part, as each mail program decodes it (RFC 2045 section 6).

All programs decode a well-formed body alike. They differ over base64 with padding before its end or with other octets, over damaged
quoted-printable, and over encodings that no RFC defines: such a part has several readings. Most readings decode no more than is needed.
"""

import binascii
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailhooks.mime import charset, transfer_encoding
from mailhooks.mime.edits import CannotEdit
from mailhooks.mime.message import Message, Part
from mailhooks.patterns import compile_late

_WHITE_SPACE: Final = b"\r\n \t"
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NO_LETTERS: Final = bytes(octet for octet in range(256) if octet not in _LETTERS)
_NO_LETTERS_OR_PADDING: Final = bytes(octet for octet in _NO_LETTERS if octet != ord("="))
_FOREIGN: Final = compile_late(rb"[^A-Za-z0-9+/=\r\n \t]")
_RUN: Final = compile_late(rb"[A-Za-z0-9+/=]+")
_FOREIGN_LINE: Final = compile_late(rb"^[A-Za-z0-9+/=\r \t]*+[^A-Za-z0-9+/=\r\n \t][^\n]*+\n?", re.MULTILINE)
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
"""QUIRK: some libraries also decode the alphabet of RFC 4648 section 5."""

_PLAIN: Final = frozenset({"7bit", "8bit", "binary", "7-bit", "8-bit"})
"""Encodings that every program leaves alone."""

_UUENCODE: Final = frozenset({"x-uuencode", "uuencode", "x-uue", "uue", "x-uu"})
"""QUIRK: not in an RFC, but Outlook and Thunderbird decode it."""
_LINE: Final = compile_late(rb"[^\n]+")
_UU_BEGIN: Final = compile_late(rb"^begin(?:-base64)?(?![a-z])(?:[^0-9\n]{0,9}[0-7]++)?[ \t]*+([^\n]*+)\n", re.MULTILINE)
"""QUIRK: programs also accept a line without or with another mode of the file."""

_UU_FILE: Final = compile_late(rb"^begin [0-7]{3,4}[ \t]++([^\r\n]++)\r?\n(?:[ \t]*+\r?\n)*+(?=([ -`]*+)[ \t]*+\r?\n)", re.MULTILINE)
"""The beginning of a file in a text, and the first line of the file."""

_YENC_FILE: Final = compile_late(rb"^=ybegin [^\n]*?name=([^\r\n]++)", re.MULTILINE)
"""QUIRK: Thunderbird also offers files in yEnc. Only their names are read."""

_ODD_QUOTED: Final = compile_late(rb"=(?![0-9A-Fa-f]{2}|\r?\n)|[ \t]\r?\n")
_ODD_BREAK: Final = compile_late(rb"=[ \t]*+(?:\r(?!\n)|\Z)")
_SPACED_BREAK: Final = compile_late(rb"=[ \t]++(?=\r?\n)")
"""A soft line break with white space behind it, which is deleted before decoding (RFC 2045 section 6.7, rule 3)."""
_ODD_ESCAPE: Final = compile_late(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")
_SPACE_BEFORE_LINE_END: Final = compile_late(rb"(?<![ \t])[ \t]++(?=\r?\n)")

_KNOWN: Final = (("base64", compile_late(r"base[-_]?64")), ("quoted-printable", compile_late(r"quoted[-_]?printable")))

_TEXT_LINE: Final = compile_late(rb"[^\r\n]*[^ \t\r\n][^\r\n]*")
_LONG_LINE: Final = 40
"""Letters in a line of base64. No word has so many."""
_LONG_WORD: Final = 16
"""Letters of base64 before a space."""
_CONTROL: Final = compile_late(rb"[\0-\x08\x0b\x0c\x10-\x1a\x1c-\x1f\x7f]")
"""Octets that no text has. ISO-2022 has escapes and shifts."""

_MOST_GROUPS: Final = 10_000
"""Paddings in a body at which decoding starts again. Behind them the padding is skipped."""

_MOST_CHANGES: Final = 100_000
"""Odd octets in a body that are left out. Each needs memory."""

_MOST_NAMES: Final = 1000
"""Names in a body of uuencode that are read."""

_SEAM: Final = 64
"""Octets at the end of a cut content that may be wrong, because an escape or a line is cut there."""


@dataclass(frozen=True, slots=True)
class Content:
    """A decoded content: the octets of `raw` from `start` to `end`, in an encoding that is decoded when it is read."""

    raw: bytes
    start: int
    end: int
    encoding: str = "binary"

    def beginning(self, limit: int) -> bytes:
        """Return the first `limit` octets, and decode no more than needed."""
        if self.encoding == "base64":
            return self._read_base64_beginning(limit)
        end = min(self.end, self.start + limit)
        while True:
            octets = _decode(self.raw[self.start : end], self.encoding)
            if len(octets) >= limit + _SEAM or end == self.end:
                return octets[:limit]
            end = min(self.end, self.start + 4 * (end - self.start))

    def ending(self, limit: int) -> bytes:
        """Return the last `limit` octets; fewer if base64 has many other octets between its letters."""
        start = max(self.start, self.end - limit * 3 // 2 - _SEAM)
        if self.encoding == "base64":
            # Four letters are three octets. Letters of a group that starts before are left out.
            begun = -_count_letters(self.raw, self.start, start) % 4
            letters = self.raw[start : self.end].translate(None, _NO_LETTERS_OR_PADDING)
            return _decode(letters[begun:], "base64")[-limit:]
        if self.encoding in transfer_encoding.IDENTITY:
            return self.raw[max(self.start, self.end - limit) : self.end]
        return self.octets()[-limit:]

    def octets(self) -> bytes:
        """Return the whole content."""
        return _decode(self.raw[self.start : self.end], self.encoding)

    def _read_base64_beginning(self, limit: int) -> bytes:
        """Octets outside of the base64 alphabet are skipped, however many there are."""
        runs: list[bytes] = []
        wanted = limit * 4 // 3 + 4
        for run in _RUN.finditer(self.raw, self.start, self.end):
            runs.append(self.raw[run.start() : min(run.end(), run.start() + wanted)])
            wanted -= len(runs[-1])
            if wanted <= 0:
                break
        letters = b"".join(runs)
        if wanted <= 0:
            # Cut between two groups, counted from the last padding.
            letters = letters[: len(letters) - len(letters.rpartition(b"=")[2]) % 4]
        return _decode(letters, "base64")[:limit]


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


def total_size(message: Message) -> int:
    """Return the octets of the decoded content of all parts, those of forwarded messages too. As fast and as exact as `size`."""
    return sum(size(message.raw, part) for part in message.structure.root.walk() if not part.children)


def prefix(raw: bytes, part: Part, limit: int) -> bytes:
    """Return the first `limit` octets of a part's content as most programs read it."""
    return _as_declared(raw, part).beginning(limit)


def read_leniently(raw: bytes, part: Part, limit: int | None = None) -> bytes:
    """Return the content of a text as a person can read it, at most `limit` octets. Never raises; linear time.

    Base64 is decoded piece by piece. Lines between two pieces are left out; a text behind the last one, such as the footer of a list, is
    added. White space behind a soft line break is deleted. QUIRK: an encoding that has the name of a known one in it, such as `"base64"`
    with quotes, is that one.
    """
    known = next((name for name, form in _KNOWN if form.search(part.encoding)), part.encoding)
    content = Content(raw, part.body, part.end, known)
    if known == "base64":
        end = part.end if limit is None else min(part.end, part.body + 2 * limit + _SEAM)
        end = raw.rfind(b"\n", part.body, end) + 1 or end if end < part.end else end
        body = raw[part.body : end]
        odd = body.translate(None, _LETTERS + b"\r\n")
        # Most bodies are well-formed, and decoded only up to the limit.
        if odd.strip(b"=") or (odd and body[body.index(b"=") :].strip(_WHITE_SPACE + b"=")):
            decoded, footer = _decode_pieces(body)
            joined = decoded + (b"\n" if decoded and not decoded.endswith(b"\n") else b"") + footer
            return (joined if footer and charset.is_ascii_superset(part.charset) else decoded)[:limit]
    elif known == "quoted-printable":
        end = part.end if limit is None else min(part.end, part.body + 3 * limit + _SEAM)
        if _SPACED_BREAK.search(raw, part.body, end):
            body = _SPACED_BREAK.sub(b"=", raw[part.body : part.end])
            content = Content(body, 0, len(body), known)
    return content.octets() if limit is None else content.beginning(limit)


def read(raw: bytes, part: Part) -> Iterator[Content]:
    """Yield every reading of a part's content, each once, in linear time. Most parts have one."""
    declared = _as_declared(raw, part)
    if part.encoding in _PLAIN or not _is_disputed(raw, part):
        yield declared
        return
    body = raw[part.body : part.end]
    seen: set[tuple[int, int]] = set()
    for octets in _decode_variously(body, part.encoding):
        # A hash is enough: a second reading is dropped only to save time.
        if (key := (len(octets), hash(octets))) not in seen:
            seen.add(key)
            yield Content(octets, 0, len(octets))


def uuencoded_names(raw: bytes, part: Part) -> Iterator[str]:
    """Yield the file names in the body of a part that a program may read as uuencode."""
    if part.encoding in _UUENCODE or not _is_standard(part.encoding):
        for begin in itertools.islice(_UU_BEGIN.finditer(raw, part.body, part.end), _MOST_NAMES):
            yield begin[1].strip().decode("utf-8", "replace")


def find_uuencoded(raw: bytes, part: Part) -> Iterator[tuple[str, Content]]:
    """Yield the name and content of each file in uuencode in a text, in each reading; of yEnc the name. Its first line is checked."""
    for content in read(raw, part):
        text = content.octets()
        if b"begin " not in text:
            continue
        for named in _YENC_FILE.finditer(text):
            yield named[1].strip().decode("utf-8", "replace"), Content(b"", 0, 0)
        begun: re.Match[bytes] | None = None
        for begin in _UU_FILE.finditer(text):
            if _is_uuencoded(begin[2]):
                if begun:
                    # Files are decoded up to the next one, so that time is linear.
                    yield _read_file(begun, begin.start())
                begun = begin
        if begun:
            yield _read_file(begun, len(text))


def _read_file(begin: re.Match[bytes], end: int) -> tuple[str, Content]:
    return begin[1].strip().decode("utf-8", "replace"), Content(begin.string, begin.start(), end, "uuencode")


def _is_uuencoded(line: bytes) -> bool:
    """Return whether a line has at most the octets that it counts. Spaces at its end may be missing, and encoders add a check character."""
    octets = (line[0] - 32) & 63 if line else 0
    return 0 < octets <= 45 and len(line) <= 1 + (octets + 2) // 3 * 4 + 1


def _as_declared(raw: bytes, part: Part) -> Content:
    return Content(raw, part.body, part.end, part.encoding)


def _is_standard(encoding: str) -> bool:
    return encoding in _PLAIN or encoding in {"base64", "quoted-printable"}


def _is_disputed(raw: bytes, part: Part) -> bool:
    """Return whether programs decode the body of a part differently."""
    if part.encoding == "quoted-printable":
        return _ODD_QUOTED.search(raw, part.body, part.end) is not None
    if part.encoding != "base64":
        return True
    odd = raw[part.body : part.end].translate(None, _LETTERS + _WHITE_SPACE)
    if not odd:
        return False
    padding = raw.find(b"=", part.body, part.end)
    return odd not in {b"=", b"=="} or bool(raw[padding : part.end].strip(_WHITE_SPACE + b"="))


def _decode_variously(body: bytes, encoding: str) -> Iterator[bytes]:
    if not _is_standard(encoding):
        yield _decode(body, encoding)
        yield _decode_uuencode(body)
    if encoding != "quoted-printable":
        yield from _decode_base64(body)
    if encoding != "base64":
        yield from _decode_quoted_printable(body)
    # A program that cannot decode a body shows it as it is.
    yield body


def _decode_base64(body: bytes) -> Iterator[bytes]:
    """Yield the readings of base64: programs stop at the first padding, start again after it or skip it, and so with foreign octets."""
    foreign = _FOREIGN.search(body)
    texts = [body]
    if foreign:
        texts = [body, body[: foreign.start()], _FOREIGN_LINE.sub(b"", body, _MOST_CHANGES)]
        if b"-" in body or b"_" in body:
            texts.append(body.translate(_URL_SAFE))
    for text in texts:
        letters = text.translate(None, _NO_LETTERS_OR_PADDING)
        yield _decode_groups(letters.partition(b"=")[0])
        if b"=" in letters:
            yield _decode_all_groups(letters)
            yield _decode_groups(letters.replace(b"=", b""))


def _decode_pieces(body: bytes) -> tuple[bytes, bytes]:
    """Decode the lines of base64 in a body that has other lines too. Return also the text behind the last of them."""
    letters: list[bytes] = []
    waiting: list[bytes] = []
    end = 0
    is_inside = True
    for line in _TEXT_LINE.finditer(body):
        bare = line[0].translate(None, _NO_LETTERS_OR_PADDING)
        words = line[0].split()
        # QUIRK: some gateways write a space for a line end.
        is_clean = (
            all(len(word) >= _LONG_WORD for word in words[:-1]) and len(bare) * 4 >= sum(map(len, words)) * 3 and bare.strip(b"=") != b""
        )
        if is_inside and is_clean:
            letters.append(bare)
            end, is_inside = line.end(), not bare.endswith(b"=")
            continue
        # Behind padding and behind another line, several lines together show whether they are base64 or words.
        is_inside = False
        if not is_clean:
            waiting = []
            continue
        waiting.append(bare)
        if bare.endswith(b"=") or len(bare) >= _LONG_LINE:
            if _is_base64(b"".join(waiting), begins=not letters):
                letters += waiting
                end, is_inside = line.end(), not bare.endswith(b"=")
            waiting = []
    if waiting and _is_base64(b"".join(waiting), begins=not letters):
        letters += waiting
        end = len(body)
    return _decode_all_groups(b"".join(letters)), body[end:].strip(b"\r\n")


def _is_base64(letters: bytes, *, begins: bool) -> bool:
    """Return whether letters are base64 rather than words: enough of them, or text when they are decoded.

    Args:
        begins: whether no base64 is before them.
    """
    if len(set(letters)) < 3:
        return False
    if len(letters) >= _LONG_LINE:
        return True
    decoded = _decode_all_groups(letters)
    if len(letters) % 4 or len(letters) < 4 or _CONTROL.search(decoded):
        return False
    try:
        decoded.decode("utf-8")
    except UnicodeDecodeError:
        return letters.endswith(b"=") or (begins and len(letters) >= 8)
    return len(letters) >= 8 or letters.endswith(b"=")


def _decode_all_groups(letters: bytes) -> bytes:
    """Decode base64 in which `=` ends a group, so that the next group begins after it."""
    return b"".join(_decode_groups(group.replace(b"=", b"")) for group in re.split(rb"=+", letters, maxsplit=_MOST_GROUPS))


def _decode_groups(letters: bytes) -> bytes:
    """Decode letters of base64. A last letter that is alone has no octet."""
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"==")


def _decode_quoted_printable(body: bytes) -> Iterator[bytes]:
    """Yield the readings of damaged quoted-printable (RFC 2045 section 6.7, note on robust implementations)."""
    yield binascii.a2b_qp(body)
    stripped = _ODD_BREAK.sub(b"", _SPACE_BEFORE_LINE_END.sub(b"", body, _MOST_CHANGES), _MOST_CHANGES)
    yield binascii.a2b_qp(stripped)
    yield binascii.a2b_qp(_ODD_ESCAPE.sub(b"", stripped, _MOST_CHANGES))


def _count_letters(raw: bytes, start: int, end: int) -> int:
    return end - start - sum(raw.count(bytes([octet]), start, end) for octet in _WHITE_SPACE)


def _decode(body: bytes, encoding: str) -> bytes:
    if encoding in _UUENCODE:
        return _decode_uuencode(body)
    try:
        return transfer_encoding.decode(body, encoding)
    except CannotEdit:
        return next(_decode_base64(body)) if encoding == "base64" else body


def _decode_uuencode(body: bytes) -> bytes:
    begin = _UU_BEGIN.search(body)
    if begin and begin[0].startswith(b"begin-base64"):
        return next(_decode_base64(body[begin.end() :]))
    decoded = bytearray()
    for found in _LINE.finditer(body, begin.end() if begin else 0):
        line = found[0]
        if line.strip() == b"end":
            break
        octets = (line[0] - 32) & 63
        try:
            # QUIRK: some encoders write more into the last group than they count.
            decoded += binascii.a2b_uu(line[: 1 + (octets + 2) // 3 * 4])
        except binascii.Error:
            break
        # QUIRK: spaces at the end of a line may be missing, so that a line may count more octets than it has.
        if len(decoded) > len(body):
            break
    return bytes(decoded)
