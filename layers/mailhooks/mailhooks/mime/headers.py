"""The header block of a message (RFC 5322 section 2.2): which fields it has and where each lies.

Reading never fails and never changes anything: any byte string has a header block, if an empty one. Time is linear in the block's size,
and the body is not looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailhooks.mime.edits import Edit

_LINE_END: Final = re.compile(rb"\r?\n")
"""QUIRK: Unix tools leave bare LF. A bare CR is an octet of the line like others (RFC 5321 section 2.3.8)."""

_NAME: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
"""A field name (RFC 5322 section 2.2: printable US-ASCII but the colon); white space before the colon is section 4.5's obsolete form."""

_BARE_CR: Final = re.compile(rb"\r(?!\n)")

_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. Offsets are octets from the start of the message.

    Attributes:
        name: as written.
        start: offset of the name.
        body: offset right behind the colon.
        end: offset behind the field's last line, its line end included.
    """

    name: str
    start: int
    body: int
    end: int

    @property
    def lname(self) -> str:
        """The name in lower case: names are the same whatever their case."""
        return self.name.lower()

    def value(self, raw: bytes) -> bytes:
        """The field's body, unfolded (RFC 5322 section 2.2.3), without the white space around it."""
        return _FOLD.sub(b"", raw[self.body : self.end]).strip(b" \t\r\n")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields in their order.

    Attributes:
        start: where the block begins.
        fields: all of them, also those that stand twice.
        end: offset behind the last line of the block: where the empty line is, or where a body begins without one, or the message's end.
        complete: whether an empty line stands there, or the message's end behind a line end; and no bare CR is in the block, which some
            programs take for a line end. Only then fields can be appended.
        newline: the line end that the block uses; CRLF where it has none.
    """

    start: int
    fields: tuple[Field, ...]
    end: int
    complete: bool
    newline: bytes

    def named(self, name: str) -> Iterator[Field]:
        """The fields of that name, in lower case."""
        return (field for field in self.fields if field.lname == name)

    def appended(self, lines: bytes) -> Edit:
        """The edit that puts whole lines behind the last field of a complete block."""
        return Edit(self.end, self.end, lines)


def scan(raw: bytes, start: int = 0) -> HeaderBlock:
    """Finds the header block at `start`, which is the start of the message or of a part.

    QUIRK: an mbox `From ` line (or an escaped `>From `) before the first field is stepped over, as mail stored by Unix mailers begins so.
    QUIRK: a line that is neither a field nor folded ends the block, and leaves it incomplete. Programs differ over what follows, be it more
    fields or a body without the empty line that RFC 5322 section 2.1 wants.
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
    """The first line end of the block, or else of the empty line behind it."""
    found = _LINE_END.search(raw, start, end + 2)
    return found[0] if found else b"\r\n"
