"""A message, its parts and their offsets (RFC 2045, RFC 2046), found in one pass that copies and decodes no body.

Scanning never raises: every byte string has a structure, with `Defect`s. Time is linear in the size of the message, for any content; the
depth and the number of parts are bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from mailhooks.mime import headers
from mailhooks.mime.headers import Field, HeaderBlock, is_bounded, parse_boundary, parse_parameters
from mailhooks.mime.transfer_encoding import IDENTITY

MAX_DEPTH: Final = 100
MAX_PARTS: Final = 10_000
"""WorkMail accepts 500 attachments in a message (guide, "Quotas")."""

_LONGEST_DELIMITER: Final = 256
"""Octets of the longest delimiter line. RFC 2046 section 5.1.1 allows boundaries of 70 octets. QUIRK: some mailers exceed that a little."""


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
    UNREADABLE_TYPE = "a Content-Type without a type"
    ENCODED_MULTIPART = "a multipart or message with a transfer encoding"


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
    """The parts of a message. `root` is the message itself; `defects` are those of all parts."""

    root: Part
    defects: frozenset[Defect]

    @property
    def ambiguous(self) -> frozenset[Defect]:
        """The defects that forbid any change of the message."""
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
    """A message as it was received. Its bytes `raw` never change. Each form is parsed once, when it is first read."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @cached_property
    def header(self) -> HeaderBlock:
        return headers.scan(self.raw)

    @cached_property
    def structure(self) -> Structure:
        return scan(self.raw, self.header)


def scan(raw: bytes, header: HeaderBlock | None = None) -> Structure:
    """Return the structure of a message, whose header may be parsed already. Never raises."""
    return _Scan(raw, header or headers.scan(raw)).run()


class _Scan:
    """One pass over a message. `_open` is the path from the message to the current part."""

    def __init__(self, raw: bytes, header: HeaderBlock) -> None:
        self._raw = raw
        self._header = header
        self._defects: set[Defect] = set()
        self._open: list[Part] = []
        self._boundaries: dict[bytes, int] = {}
        self._needle = b""
        self._count = 0

    def run(self) -> Structure:
        raw = self._raw
        root = self._enter(0)
        position = self._open[-1].body
        while self._boundaries:
            # A position is the start of a line. So there is a line end before it, except in a message without a header.
            found = raw.find(self._needle, max(position - 1, 0))
            if found < 0:
                break
            line = found + 1
            after = raw.find(b"\n", line) + 1 or len(raw)
            position = after
            if after - line <= _LONGEST_DELIMITER:
                position = self._read_delimiter(line, after)
        self._leave(0, len(raw))
        return Structure(root, frozenset(self._defects))

    def _read_delimiter(self, line: int, after: int) -> int:
        """Read a line that begins with two hyphens. Return the offset to continue at."""
        content = self._raw[line + 2 : after].rstrip(b" \t\r\n")
        depth = self._boundaries.get(content)
        closing = False
        if depth is None and content.endswith(b"--"):
            depth = self._boundaries.get(content[:-2])
            closing = True
        if depth is None:
            return after
        before = line - (2 if self._raw.startswith(b"\r\n", line - 2) else 1)
        self._leave(depth + 1, before)
        multipart = self._open[depth]
        if closing:
            multipart.closed = True
            del self._boundaries[multipart.boundary]
            self._update_needle()
            return after
        if self._count >= MAX_PARTS:
            self._defects.add(Defect.TOO_MANY)
            self._boundaries.clear()
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
        elif part.content_type in {"message/rfc822", "message/global"} and part.encoding in IDENTITY:
            if len(self._open) < MAX_DEPTH:
                part.children.append(self._enter(part.body, part))
            else:
                self._add_defect(Defect.TOO_DEEP, part)
        return part

    def _add_defect(self, defect: Defect, part: Part) -> None:
        """Add a defect. In a forwarded message, which is never changed, only a defect that obscures its end counts."""
        if not part.embedded or defect is Defect.SAME_BOUNDARY:
            self._defects.add(defect)

    def _open_multipart(self, part: Part) -> None:
        if not part.boundary:
            self._add_defect(Defect.NO_BOUNDARY, part)
        elif {part.boundary, part.boundary + b"--", part.boundary.removesuffix(b"--")} & self._boundaries.keys():
            self._add_defect(Defect.SAME_BOUNDARY, part)
        elif len(self._open) > MAX_DEPTH:
            self._add_defect(Defect.TOO_DEEP, part)
        else:
            self._boundaries[part.boundary] = len(self._open) - 1
            self._update_needle()

    def _update_needle(self) -> None:
        """Set the search text to the common prefix of all delimiters. A longer prefix makes the search faster."""
        first, last = min(self._boundaries, default=b""), max(self._boundaries, default=b"")
        same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
        self._needle = b"\n--" + first[:same]

    def _leave(self, depth: int, end: int) -> None:
        """Close the open parts from `depth` on."""
        for index in range(len(self._open) - 1, depth - 1, -1):
            part = self._open[index]
            # A header directly before a delimiter includes the line end that belongs to the delimiter.
            part.end = max(end, part.body, *(child.end for child in part.children[-1:]))
            if part.maintype == "multipart":
                if self._boundaries.get(part.boundary) == index:
                    del self._boundaries[part.boundary]
                    self._update_needle()
                    self._add_defect(Defect.NOT_CLOSED, part)
                if not part.children:
                    self._add_defect(Defect.NO_PARTS, part)
        del self._open[depth:]

    def _read_header(self, start: int, parent: Part | None) -> Part:
        raw = self._raw
        block = self._header if parent is None else headers.scan(raw, start)
        body = block.end
        if block.complete:
            body += 2 if raw.startswith(b"\r\n", body) else 1 if raw.startswith(b"\n", body) else 0
        part = Part(block, body, body)
        if parent is not None:
            part.embedded = parent.embedded or parent.maintype == "message"
            if parent.content_type == "multipart/digest":
                part.maintype, part.subtype = "message", "rfc822"
        if not block.complete:
            self._add_defect(Defect.BROKEN_HEADER, part)
        for name in ("content-type", "content-transfer-encoding"):
            fields = list(block.named(name))
            if len(fields) > 1:
                self._add_defect(Defect.TWO_CONTENT_FIELDS, part)
            if fields:
                self._read_field(part, fields[0])
        # QUIRK: RFC 2046 section 5.2.1 forbids to encode a `message/rfc822`. No program reads the message in it, so it is a leaf.
        is_leaf = part.maintype == "message" and parent is not None and part.encoding in {"base64", "quoted-printable"}
        if part.maintype in {"multipart", "message"} and not (part.encoding in IDENTITY or is_leaf):
            self._add_defect(Defect.ENCODED_MULTIPART, part)
        return part

    def _read_field(self, part: Part, found: Field) -> None:
        value = found.value(self._raw)
        if not is_bounded(value):
            self._add_defect(Defect.LONG_FIELD, part)
        if found.lname == "content-transfer-encoding":
            # QUIRK: `7-bit`, `Quoted-Printable;`, comments.
            token = re.split(rb"[\s;(]", value.strip())[0].decode("latin-1").lower()
            # QUIRK: quotes and commas. Programs differ over `"base64"`, but not over `"7bit"`.
            bare = token.strip("\"',.")
            part.encoding = bare if bare in IDENTITY else token or "7bit"
            return
        kind = re.match(rb"\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+)\s*/\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+)", value)
        # QUIRK: all programs read `text` as text/plain (RFC 2045 section 5.2 for a type that cannot be read).
        if not kind and value.partition(b";")[0].strip().lower() == b"text":
            part.maintype, part.subtype = "text", "plain"
        elif kind:
            part.maintype, part.subtype = kind[1].decode().lower(), kind[2].decode().lower()
        else:
            self._add_defect(Defect.UNREADABLE_TYPE, part)
        part.params = parse_parameters(value)
        if part.maintype == "multipart":
            part.boundary = parse_boundary(value)
