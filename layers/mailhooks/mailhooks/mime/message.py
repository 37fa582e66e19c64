"""A message, its parts and their offsets (RFC 2045, RFC 2046), found in one pass that copies and decodes no body.

Scanning never raises: every byte string has a structure, with `Defect`s. Time is linear in the size of the message, for any content; the
depth and the number of parts are bounded.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from mailhooks.mime import headers
from mailhooks.mime.dialect import STANDARD, Dialect, Option, UnreadableType
from mailhooks.mime.headers import (
    UNDISPUTED,
    HeaderBlock,
    find_other_ways,
    find_rare_boundaries,
    is_bounded,
    parse_boundary,
    parse_parameters,
    remove_comments,
)
from mailhooks.mime.transfer_encoding import IDENTITY
from mailhooks.patterns import compile_late

MAX_DEPTH: Final = 100
MAX_PARTS: Final = 10_000
"""WorkMail accepts 500 attachments in a message (guide, "Quotas")."""

_LONGEST_BOUNDARY: Final = 998
"""Octets. RFC 2046 section 5.1.1 allows boundaries of 70 octets. QUIRK: some mailers exceed that; programs read what fits a line."""

_LONGEST_DELIMITER: Final = 2048
"""Octets of the longest delimiter line, with white space after it."""

_MOST_SCANS: Final = 64
"""Scans of one message for its readings."""

_MOST_READ: Final = 2 * 1024 * 1024
"""Octets of headers and of lines like delimiters that are read in all readings."""

_MOST_DISPUTED: Final = 100
"""Different content types of a message whose parameters are read in every way."""

_MOST_SOUGHT: Final = 20
"""Boundaries that few programs read, and whose delimiters are searched for."""

_MOST_COPIED: Final = 64 * 1024 * 1024
"""Octets that are copied for readings of other octets."""

_GUESSED: Final = compile_late(rb"^--([^\s-][^\r\n]*)", re.MULTILINE)
_HYPHEN_OCTETS: Final = 64 * 1024
"""Octets from a hyphen on that are searched at once."""
_NEAR_OCTETS: Final = 512
"""Octets that are searched first, whether they have a hyphen or not."""
_GUESS_OCTETS: Final = 8192
"""Octets of a body in which a boundary is guessed."""

_ENCODED: Final = frozenset({"base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue"})
_DISPUTED: Final = re.compile(rb"[<*\0]")
_SPACED_BOUNDARY: Final = re.compile(rb"boundary\s*+=\s*+\"([^\"\\]*[ \t])\"", re.IGNORECASE)
_KNOWN_ENCODING: Final = compile_late(rb"base64|quoted-printable", re.IGNORECASE)
_TYPE: Final = re.compile(rb"\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+)\s*/\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+)")

_PLAIN_TYPE: Final = re.compile(rb"\s*text/[!#$%&'*+.^_`{|}~0-9A-Za-z-]+(?:[\s;(,]|\Z)", re.IGNORECASE)
"""A text type as most mailers write it. Some programs read others as files: `text`, `text /plain`."""

_FILE: Final = _TYPE.match(b"application/octet-stream")


class Defect(StrEnum):
    """A defect in the structure of a message. See `AMBIGUOUS`."""

    BROKEN_HEADER = "a line in a header that is not a field"
    TWO_CONTENT_FIELDS = "a repeated Content- field"
    NO_BOUNDARY = "a multipart without a boundary parameter"
    NO_PARTS = "a multipart without any part"
    SAME_BOUNDARY = "a multipart with the boundary of an outer multipart"
    NOT_CLOSED = "a multipart without its closing delimiter"
    LONG_FIELD = "a Content- field that is too long"
    TOO_DEEP = "too deeply nested multiparts"
    TOO_MANY = "too many parts"
    TWO_BOUNDARIES = "a multipart with two boundary parameters"
    UNREADABLE_TYPE = "a Content-Type without a type"
    ENCODED_MULTIPART = "a multipart with a transfer encoding"


AMBIGUOUS: Final = frozenset(Defect) - {Defect.NOT_CLOSED}
"""Defects with which programs may read the message differently. All read a missing closing delimiter alike."""


@dataclass(slots=True, eq=False)
class Part:
    """A message or a part. Offsets are octets from the start of the raw message.

    Attributes:
        header: its fields.
        body: offset of its body.
        end: offset of the end of its body. The line end before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
        maintype, subtype: of its content type, in lower case. The default is `text/plain`, in a digest `message/rfc822`.
        encoding: its content-transfer-encoding, in lower case. The default is `7bit`.
        children: the parts of a multipart, or the one message in a `message/rfc822`.
        embedded: whether it is part of a forwarded message.
        closed: whether a multipart has its closing delimiter.
        params: the parameters of its content type, names in lower case.
        boundary: of a multipart, as in its delimiters.
    """

    header: HeaderBlock
    body: int
    end: int
    maintype: str = "text"
    subtype: str = "plain"
    encoding: str = "7bit"
    children: list["Part"] = field(default_factory=list)
    embedded: bool = False
    closed: bool = False
    params: dict[str, str] = field(default_factory=dict)
    boundary: bytes = b""

    @property
    def start(self) -> int:
        return self.header.start

    def values(self, raw: bytes, name: str) -> Iterator[bytes]:
        """Return the values of the header fields with a name, given in lower case."""
        return (field.value(raw) for field in self.header.named(name))

    @property
    def content_type(self) -> str:
        return f"{self.maintype}/{self.subtype}"

    @property
    def charset(self) -> str:
        """As declared, in lower case. The default is `us-ascii` (RFC 2046 section 4.1.2)."""
        # QUIRK: comments and unmatched or escaped quotes may be around the name.
        name = re.match(r"[\s\\\"']*([^\s;(\\\"']*)", self.params.get("charset", ""))
        return name[1].lower() if name and name[1] else "us-ascii"

    def shares_line_end(self, raw: bytes) -> bool:
        """Return whether an empty part has no line end of its own before the delimiter after it."""
        return self.end < len(raw) and not raw.startswith((b"\r\n", b"\n"), self.end)

    def walk(self) -> Iterator["Part"]:
        """Yield this part and all parts in it, in the order of the message."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


@dataclass(slots=True, eq=False)
class Structure:
    """The parts of a message.

    Attributes:
        root: the message itself.
        defects: those of all parts, apart from forwarded messages.
        options: choices of other programs that may find other parts, also in forwarded messages.
        enumerable: whether these are all such choices. Not if a limit hides parts.
        octets_read: of headers and of lines that look like delimiters: what a scan costs.
    """

    root: Part
    defects: frozenset[Defect]
    options: frozenset[Option] = frozenset()
    enumerable: bool = True
    octets_read: int = 0

    @property
    def ambiguous(self) -> frozenset[Defect]:
        """The defects with which programs may read the message differently. See `Message.readings` for how they do."""
        return self.defects & AMBIGUOUS

    def numbered(self) -> Iterator[tuple[str, Part]]:
        """Yield each part with its IMAP number (RFC 3501 section 6.4.5), such as `2.1`; `""` is the message.

        QUIRK: IMAP does not number a multipart that is the body of a forwarded message. Here it has a number, so that each is unique.
        """
        waiting = [("", self.root)]
        while waiting:
            number, part = waiting.pop()
            yield number, part
            children = [(f"{number}.{index}".lstrip("."), child) for index, child in enumerate(part.children, start=1)]
            waiting.extend(reversed(children))


class Message:
    """A message as it was received, read in one dialect. Its bytes `raw` never change. Each form is parsed once, when it is first read."""

    def __init__(self, raw: bytes, dialect: Dialect = STANDARD) -> None:
        self.raw = raw
        self.dialect = dialect

    @cached_property
    def header(self) -> HeaderBlock:
        return headers.scan(self.raw, 0, self.dialect)

    @cached_property
    def structure(self) -> Structure:
        return scan(self.raw, self.header, self.dialect)

    @cached_property
    def text_charset(self) -> str:
        """The declared charset of the first text; `""` if there is none."""
        return next((part.charset for part in self.structure.root.walk() if part.maintype == "text"), "")

    @cached_property
    def readings(self) -> "tuple[Message, ...] | None":
        """The message as each program may read it: this message first, then each reading with other parts, types or names.

        Offsets in a reading belong to its own `raw`. It has the length of the message's, except where a reading removes NULs or decodes a
        multipart. None if the readings cannot be enumerated: nothing is known about the parts that other programs find.
        """
        structure = self.structure
        if structure.enumerable and not structure.options:
            return (self,)
        return _enumerate_readings(self)


def _enumerate_readings(message: Message) -> tuple[Message, ...] | None:
    """Try each option together with each other one that is found. A reading may show new ones."""
    found: dict[object, Message] = {}
    copies = {message.dialect: message.raw}
    seen, waiting = {message.dialect}, [message.dialect]
    parts = octets_read = 0
    for dialect in waiting:
        reading = message if dialect == message.dialect else Message(_translate(message.raw, dialect, copies), dialect)
        structure = reading.structure
        octets_read += structure.octets_read
        copied = sum(map(len, copies.values())) - len(message.raw)
        if not structure.enumerable or octets_read > _MOST_READ or copied > _MOST_COPIED:
            return None
        signature = (reading.raw, *(describe_part(reading.raw, part) for part in structure.root.walk()))
        found.setdefault(signature, reading)
        parts += len(signature)
        others = (dialect._replace(**{name: value}) for name, value in sorted(structure.options, key=str))
        fresh = [other for other in dict.fromkeys(others) if other not in seen]
        seen.update(fresh)
        waiting += fresh
        if len(waiting) > _MOST_SCANS or parts > 2 * MAX_PARTS:
            return None
    return tuple(found.values())


def describe_part(raw: bytes, part: Part) -> object:
    """Return what rules and edits read of a part."""
    fields = tuple((each.start, each.end) for each in part.header.fields if each.lname.startswith("content-"))
    return part.start, part.body, part.end, part.content_type, part.encoding, part.charset, part.header.disposition(raw), fields


def _translate(raw: bytes, dialect: Dialect, copies: dict[Dialect, bytes]) -> bytes:
    """Return the octets that a dialect reads. Each copy of the message is made once."""
    # Late for the cold start: few messages can be read in two ways.
    from mailhooks.mime import dialect_octets

    octets = STANDARD._replace(cr_ends_line=dialect.cr_ends_line, remove_nul=dialect.remove_nul)
    if octets not in copies:
        copies[octets] = dialect_octets.translate(raw, dialect)
    if not dialect.decode_multiparts:
        return copies[octets]
    bodies: list[tuple[int, int, str]] = []
    for part in scan(copies[octets], None, dialect).root.walk():
        if part.boundary and part.encoding in {"base64", "quoted-printable"} and (not bodies or part.start >= bodies[-1][1]):
            bodies.append((part.body, part.end, part.encoding))
    copies[dialect] = dialect_octets.decode_bodies(copies[octets], bodies)
    return copies[dialect]


def scan(raw: bytes, header: HeaderBlock | None = None, dialect: Dialect = STANDARD) -> Structure:
    """Return the structure of a message, whose header may be parsed already. Never raises."""
    return _Scan(raw, header or headers.scan(raw, 0, dialect), dialect).run()


def _count_same(first: bytes, last: bytes) -> int:
    """Return the number of octets with which both begin."""
    return next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


class _Hyphens:
    """Finds texts whose second octet is a hyphen. Base64 has no hyphen, and the search for one octet is many times as fast."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def _stretches(self) -> list[int]:
        """The offsets of stretches that have all hyphens of the message. Each begins with one."""
        found: list[int] = []
        at = self._raw.find(b"-")
        while at >= 0:
            found.append(at)
            at = self._raw.find(b"-", at + _HYPHEN_OCTETS)
        return found

    def find(self, text: bytes, start: int) -> int:
        """Return the first offset of a text from `start` on, as `bytes.find` does."""
        # Delimiters are often close to each other: hostile messages have thousands of small parts.
        if (found := self._raw.find(text, start, start + _NEAR_OCTETS)) >= 0:
            return found
        stretches = self._stretches
        for index in range(bisect_right(stretches, start - _HYPHEN_OCTETS), len(stretches)):
            hyphen = stretches[index]
            # The text may begin before the stretch, and end after it.
            found = self._raw.find(text, max(start, hyphen - 1), hyphen + _HYPHEN_OCTETS - 2 + len(text))
            if found >= 0:
                return found
        return -1


class _Scan:
    """One pass over a message. `_open` is the path from the message to the current part."""

    def __init__(self, raw: bytes, header: HeaderBlock, dialect: Dialect) -> None:
        self._raw = raw
        self._header = header
        self._dialect = dialect
        self._defects: set[Defect] = set()
        self._options: set[Option] = set()
        self._enumerable = True
        self._open: list[Part] = []
        self._boundaries: dict[bytes, int] = {}
        self._closed: set[bytes] = set()
        """Boundaries of open multiparts after their closing delimiter."""
        self._shadowed: list[tuple[bytes, int]] = []
        """Boundaries that an inner multipart has, too."""
        self._declared: dict[int, tuple[str, str]] = {}
        """The types of parts that only this dialect reads as multiparts, by their identity."""
        self._needle = b""
        self._count = 0
        self._ways: dict[tuple[bytes, str], list[int]] = {}
        """The other ways to read a parameter of a content type."""
        self._octets_read = 0
        self._sought: set[bytes] = set()
        """Boundaries that few programs read."""

    def run(self) -> Structure:
        raw = self._raw
        root = self._enter(0)
        position = self._open[-1].body
        hyphens = _Hyphens(raw)
        while self._boundaries or self._closed:
            # A position is the start of a line. So there is a line end before it, except in a message without a header.
            found = hyphens.find(self._needle, max(position - 1, 0))
            if found < 0:
                break
            line = found + 1
            after = raw.find(b"\n", line) + 1 or len(raw)
            position = self._read_delimiter(line, after)
        self._leave(0, len(raw))
        if root.maintype in {"multipart", "message"}:
            if hyphens.find(b"\r--", 0) >= 0:
                self._options.add(("cr_ends_line", True))
            if b"\0" in raw or ("cr_ends_line", True) in self._options:
                self._options.add(("remove_nul", True))
        return Structure(root, frozenset(self._defects), frozenset(self._options), self._enumerable, self._octets_read)

    def _is_delimiter(self, line: int, after: int) -> bool:
        return self._find_multipart(line, after) is not None

    def _find_multipart(self, line: int, after: int) -> tuple[int, bool] | None:
        """Return the depth of the multipart whose delimiter is a line, and whether it is the closing one; None if it is no delimiter."""
        if after - line <= _LONGEST_DELIMITER:
            whole = self._raw[line + 2 : after].rstrip(b"\r\n")
            content = whole.rstrip(b" \t")
            for name in dict.fromkeys((whole, content)):
                if (depth := self._boundaries.get(name)) is not None:
                    return depth, False
                if name.endswith(b"--") and (depth := self._boundaries.get(self._cut_spaces(name[:-2]))) is not None:
                    return depth, True
            if content in self._closed:
                self._options.add(("reopen", True))
                return None
        else:
            content = self._raw[line + 2 : line + _LONGEST_DELIMITER]
        if b"\r" in content:
            self._options.add(("cr_ends_line", True))
        if ("prefix_delimiters", True) in self._options and not self._dialect.prefix_delimiters:
            return None
        begun = max((name for name in self._boundaries if content.startswith(name)), key=len, default=b"")
        if not begun:
            return None
        self._options.add(("prefix_delimiters", True))
        return (self._boundaries[begun], content.startswith(b"--", len(begun))) if self._dialect.prefix_delimiters else None

    def _cut_spaces(self, name: bytes) -> bytes:
        """Return the boundary in a closing delimiter, without spaces if they are in a boundary parameter but not part of it."""
        return name.rstrip(b" \t") if ("keep_spaces", True) in self._options and not self._dialect.keep_spaces else name

    def _read_delimiter(self, line: int, after: int) -> int:
        """Read a line that begins with two hyphens. Return the offset to continue at."""
        self._octets_read += min(after - line, _LONGEST_DELIMITER)
        found = self._find_multipart(line, after)
        if found is None:
            return after
        depth, closing = found
        before = line - (2 if self._raw.startswith(b"\r\n", line - 2) else 1)
        self._leave(depth + 1, before)
        multipart = self._open[depth]
        if closing:
            multipart.closed = True
            if not self._dialect.reopen:
                self._forget(multipart.boundary)
                self._closed.add(multipart.boundary)
            return after
        if self._count >= MAX_PARTS:
            self._defects.add(Defect.TOO_MANY)
            self._enumerable = False
            self._boundaries.clear()
            self._closed.clear()
            return after
        multipart.children.append(self._enter(after, multipart))
        return self._open[-1].body

    def _enter(self, start: int, parent: Part | None = None) -> Part:
        """Open the part at `start`, and the message in it if it is a forwarded message."""
        part = self._read_header(start, parent)
        self._open.append(part)
        self._count += 1
        if part.maintype == "multipart":
            self._open_multipart(part)
        elif part.maintype == "message" and self._contains_message(part):
            if len(self._open) < MAX_DEPTH:
                part.children.append(self._enter(part.body, part))
            else:
                self._add_defect(Defect.TOO_DEEP, part)
                self._enumerable = False
        return part

    def _contains_message(self, part: Part) -> bool:
        """Return whether the message in a part is read.

        QUIRK: RFC 2046 section 5.2.1 forbids to encode a `message/rfc822`. No mail program reads the message in it, so it is a leaf.
        """
        if part.subtype in {"rfc822", "global"} and part.encoding in IDENTITY:
            return True
        if any(each.lname.startswith("content-") for each in headers.scan(self._raw, part.body, self._dialect).fields):
            self._options.add(("open_messages", True))
            return self._dialect.open_messages
        return False

    def _add_defect(self, defect: Defect, part: Part) -> None:
        """Add a defect. In a forwarded message, which is never changed, only a defect that obscures its end counts."""
        if not part.embedded or defect is Defect.SAME_BOUNDARY:
            self._defects.add(defect)

    def _open_multipart(self, part: Part) -> None:
        if not part.boundary:
            self._add_defect(Defect.NO_BOUNDARY, part)
            if guessed := _GUESSED.search(self._raw, part.body, part.body + _GUESS_OCTETS):
                self._options.add(("guess_boundary", True))
                if self._dialect.guess_boundary:
                    part.boundary = guessed[1].rstrip()
        if not part.boundary:
            return
        if len(self._open) > MAX_DEPTH:
            self._add_defect(Defect.TOO_DEEP, part)
            self._enumerable = False
            return
        if {part.boundary, part.boundary + b"--", part.boundary.removesuffix(b"--")} & self._boundaries.keys():
            self._add_defect(Defect.SAME_BOUNDARY, part)
            self._options.add(("inner_boundary", True))
            if not self._dialect.inner_boundary:
                return
        if part.boundary in self._boundaries:
            self._shadowed.append((part.boundary, self._boundaries[part.boundary]))
        self._boundaries[part.boundary] = len(self._open) - 1
        self._update_needle()

    def _forget(self, boundary: bytes) -> None:
        """Remove a boundary. The multipart around with the same boundary has it again."""
        del self._boundaries[boundary]
        for index in range(len(self._shadowed) - 1, -1, -1):
            if self._shadowed[index][0] == boundary:
                self._boundaries[boundary] = self._shadowed.pop(index)[1]
                break

    def _update_needle(self) -> None:
        """Set the search text to the common prefix of all delimiters. A longer prefix makes the search faster."""
        sought = self._boundaries.keys() | self._closed
        first, last = min(sought, default=b""), max(sought, default=b"")
        same = len(first) if len(sought) < 2 else _count_same(first, last)
        self._needle = b"\n--" + first[:same]

    def _leave(self, depth: int, end: int) -> None:
        """Close the open parts from `depth` on."""
        for index in range(len(self._open) - 1, depth - 1, -1):
            part = self._open[index]
            # A header directly before a delimiter includes the line end that belongs to the delimiter.
            part.end = max(end, part.body, *(child.end for child in part.children[-1:]))
            if part.maintype == "multipart":
                self._leave_multipart(part, index)
        del self._open[depth:]

    def _leave_multipart(self, part: Part, index: int) -> None:
        if self._boundaries.get(part.boundary) == index:
            self._forget(part.boundary)
            self._update_needle()
            if part.children and not part.closed:
                self._add_defect(Defect.NOT_CLOSED, part)
        elif part.closed and part.boundary in self._closed:
            self._closed.remove(part.boundary)
            self._update_needle()
        if part.encoding in _ENCODED and (part.encoding != "quoted-printable" or self._raw.find(b"=", part.body, part.end) >= 0):
            self._options.add(("decode_multiparts", True))
        if id(part) in self._declared and not (part.children or part.closed):
            part.maintype, part.subtype = self._declared[id(part)]
        elif not part.children:
            self._add_defect(Defect.NO_PARTS, part)
            self._options.add(("empty_is_file", True))
            if self._dialect.empty_is_file:
                part.maintype, part.subtype = "application", "octet-stream"

    def _read_header(self, start: int, parent: Part | None) -> Part:
        block = self._header if parent is None else headers.scan(self._raw, start, self._dialect, self._is_delimiter)
        self._octets_read += block.body - start
        self._options |= block.options
        values = block.content_values(self._raw)
        chosen = -1 if self._dialect.last_field else 0
        part = Part(block.without_repetitions() if chosen else block, block.body, block.body)
        if parent is not None:
            part.embedded = parent.embedded or parent.maintype == "message"
        if not block.complete:
            self._add_defect(Defect.BROKEN_HEADER, part)
        for name, repeated in values.items():
            if len(set(repeated)) > 1:
                self._options.add(("last_field", True))
                if name != "content-disposition":
                    self._add_defect(Defect.TWO_CONTENT_FIELDS, part)
        if "content-transfer-encoding" in values:
            self._read_encoding(part, values["content-transfer-encoding"][chosen])
        is_typed = "content-type" in values and self._read_type(part, values["content-type"][chosen])
        if not is_typed and parent is not None and parent.content_type == "multipart/digest":
            self._options.add(("text_in_digest", True))
            if not self._dialect.text_in_digest:
                part.maintype, part.subtype = "message", "rfc822"
        if part.maintype == "multipart" and part.encoding not in IDENTITY:
            self._add_defect(Defect.ENCODED_MULTIPART, part)
        return part

    def _read_encoding(self, part: Part, value: bytes) -> None:
        self._check_length(part, value)
        # QUIRK: `7-bit`, `Quoted-Printable;`, comments.
        token = re.split(rb"[\s;(]", value.strip())[0].decode("latin-1").lower()
        # QUIRK: quotes and commas. Programs differ over `"base64"`, but not over `"7bit"`.
        bare = token.strip("\"',.")
        part.encoding = bare if bare in IDENTITY else token or "7bit"
        if part.encoding not in _ENCODED and (known := _KNOWN_ENCODING.search(value)):
            self._options.add(("loose_encoding", True))
            if self._dialect.loose_encoding:
                part.encoding = known[0].decode().lower()

    def _check_length(self, part: Part, value: bytes) -> None:
        if not is_bounded(value):
            self._add_defect(Defect.LONG_FIELD, part)
            # Only in these can the end of the field hide parts.
            if re.match(rb"\W*(?:multipart|message)", value, re.IGNORECASE):
                self._enumerable = False

    def _read_type(self, part: Part, value: bytes) -> bool:
        """Read the content type. Return whether it can be read."""
        self._check_length(part, value)
        # QUIRK: most programs read `text` as text/plain (RFC 2045 section 5.2 for a type that cannot be read), and some as a file. Programs
        # of the 1990s wrote it for a message that is only a text.
        bare = value.partition(b";")[0].strip().lower() == b"text"
        written = b"text/plain" if bare else value
        kind = _TYPE.match(written) or self._read_odd_type(part, value)
        if kind and kind[1].lower() == b"text" and not (_PLAIN_TYPE.match(value) or (bare and not part.start)):
            self._options.add(("unreadable_type", UnreadableType.FILE))
            kind = _FILE if self._dialect.unreadable_type is UnreadableType.FILE else kind
        if kind:
            part.maintype, part.subtype = kind[1].decode().lower(), kind[2].decode().lower()
        way = self._dialect.parameters
        part.params = parse_parameters(value, way)
        if part.maintype not in {"multipart", "message"} and b"boundary" in value.lower():
            self._options.add(("any_multipart", True))
            if self._dialect.any_multipart:
                self._declared[id(part)] = part.maintype, part.subtype
                part.maintype, part.subtype = "multipart", "mixed"
        if part.maintype == "multipart":
            self._read_boundary(part, value)
        elif part.maintype == "text":
            self._find_other_ways(value, "charset")
        return kind is not None

    def _find_other_ways(self, value: bytes, name: str) -> list[int]:
        """Return the ways of other programs to read a parameter, and add them to the options."""
        if UNDISPUTED.fullmatch(value) and value.lower().count(name.encode()) < 2 and not _DISPUTED.search(value):
            return []
        if (value, name) not in self._ways:
            if len(self._ways) >= _MOST_DISPUTED:
                self._enumerable = False
                return []
            self._ways[value, name] = find_other_ways(value, name)
            self._options.update(("parameters", way) for way in self._ways[value, name])
        return self._ways[value, name]

    def _find_rare_ways(self, part: Part, value: bytes) -> None:
        """Add the ways to read a boundary in which the message has a delimiter to the options."""
        for way, boundary in find_rare_boundaries(value).items():
            if not boundary or boundary in self._sought:
                continue
            self._sought.add(boundary)
            if len(self._sought) > _MOST_SOUGHT:
                self._enumerable = False
                return
            if re.compile(rb"[\r\n]--" + re.escape(boundary) + rb"[^!-~]*[\r\n]").search(self._raw, part.body - 1):
                self._options.add(("parameters", way))

    def _read_odd_type(self, part: Part, value: bytes) -> re.Match[bytes] | None:
        """Read a content type that is not of the form `type/subtype`. None: the part is text."""
        self._add_defect(Defect.UNREADABLE_TYPE, part)
        self._options.update(("unreadable_type", choice) for choice in UnreadableType)
        match self._dialect.unreadable_type:
            case UnreadableType.FILE:
                return _FILE
            case UnreadableType.LOOSE:
                plain = re.sub(rb"[\"'\0\s]", b"", remove_comments(value))
                kind = _TYPE.match(plain)
                return kind or (_TYPE.match(b"multipart/mixed") if parse_boundary(value, 5) else None)
        return None

    def _read_boundary(self, part: Part, value: bytes) -> None:
        way = self._dialect.parameters
        part.boundary = parse_boundary(value, way)
        others = self._find_other_ways(value, "boundary")
        if others and len({parse_boundary(value, other) for other in (0, *others)} - {b""}) > 1:
            self._add_defect(Defect.TWO_BOUNDARIES, part)
        self._find_rare_ways(part, value)
        if spaced := _SPACED_BOUNDARY.search(value):
            self._options.add(("keep_spaces", True))
            if self._dialect.keep_spaces and not way:
                part.boundary = spaced[1]
        if not (part.boundary or way) and b"boundary" in value.lower():
            # For Python's parser, `--` is a delimiter then.
            self._enumerable = False
        if len(part.boundary) > _LONGEST_BOUNDARY:
            self._add_defect(Defect.LONG_FIELD, part)
            self._enumerable = False
