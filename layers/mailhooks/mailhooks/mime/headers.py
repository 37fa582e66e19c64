"""The header of a message or part (RFC 5322 section 2.2): its fields and their offsets.

Scanning never raises: every byte string has a header, perhaps an empty one. Time is linear in its size, and the body is not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailhooks.mime.edits import Edit

_LINE_END: Final = re.compile(rb"\r?\n")
"""QUIRK: Unix tools write bare LF. A bare CR is part of the line (RFC 5321 section 2.3.8)."""

_NAME: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
"""A field name (RFC 5322 section 2.2: printable US-ASCII without colon). White space before the colon is obsolete syntax (section 4.5)."""

_BARE_CR: Final = re.compile(rb"\r(?!\n)")

_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. Offsets are octets from the start of the message.

    Attributes:
        name: as written.
        start: offset of the name.
        body: offset after the colon.
        end: offset after the last line and its line end.
    """

    name: str
    start: int
    body: int
    end: int

    @property
    def lname(self) -> str:
        """The name in lower case."""
        return self.name.lower()

    def value(self, raw: bytes) -> bytes:
        """Return the body of the field, unfolded (RFC 5322 section 2.2.3), without surrounding white space."""
        return _FOLD.sub(b"", raw[self.body : self.end]).strip(b" \t\r\n")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields of a header, in their order.

    Attributes:
        start: offset of the first field.
        fields: all fields, repeated ones too.
        end: offset after the last line: of the empty line, of a body without an empty line before it, or of the message's end.
        complete: whether fields can be appended: an empty line follows, or a line end and the message's end. A bare CR, which some programs
            read as a line end, makes the header incomplete.
        newline: the line end of the header; CRLF if it has none.
    """

    start: int
    fields: tuple[Field, ...]
    end: int
    complete: bool
    newline: bytes

    def named(self, name: str) -> Iterator[Field]:
        """Return the fields with a name, given in lower case."""
        return (field for field in self.fields if field.lname == name)

    def appended(self, lines: bytes) -> Edit:
        """Return the edit that adds lines after the last field of a complete header."""
        return Edit(self.end, self.end, lines)


def scan(raw: bytes, start: int = 0) -> HeaderBlock:
    """Scan the header at `start`, the offset of a message or part.

    QUIRK: an mbox `From ` line (or an escaped `>From `) before the first field is skipped: mail from Unix mailboxes has one.
    QUIRK: a line that is not a field and not folded ends the header and makes it incomplete. For some programs more fields follow, for
    others a body without the empty line of RFC 5322 section 2.1.
    """
    ends: list[int] = []
    names: list[re.Match[bytes]] = []
    position = start
    length = len(raw)
    complete = True
    while position < length and not _LINE_END.match(raw, position):
        after = raw.find(b"\n", position) + 1 or length
        if names and raw[position] in b" \t":
            ends[-1] = after
        elif (name := _NAME.match(raw, position, after)) and not raw.startswith(b"--", position):
            names.append(name)
            ends.append(after)
        elif position > start or not raw.startswith((b"From ", b">From "), start):
            complete = False
            break
        position = after
    fields = tuple(Field(name[1].decode("ascii"), name.start(), name.end(), end) for name, end in zip(names, ends, strict=True))
    complete = complete and (position == start or raw.endswith(b"\n", start, position)) and not _BARE_CR.search(raw, start, position)
    return HeaderBlock(start, fields, position, complete, _newline(raw, start, position))


def _newline(raw: bytes, start: int, end: int) -> bytes:
    """Return the first line end of the header or of the empty line after it."""
    found = _LINE_END.search(raw, start, end + 2)
    return found[0] if found else b"\r\n"
