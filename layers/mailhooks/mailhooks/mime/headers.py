"""The header of a message or part: its fields (RFC 5322 section 2.2) and their parameters (RFC 2045 section 5.1).

No function raises: every byte string has a header, perhaps an empty one. Time is linear in its size, and the body is not read. The standard
library parses the parameters; its input is bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mailhooks.mime import charset, encoded_words
from mailhooks.mime.edits import Edit

if TYPE_CHECKING:
    from email.message import Message

_LINE_END: Final = re.compile(rb"\r?\n")
"""QUIRK: Unix tools write bare LF. A bare CR is part of the line (RFC 5321 section 2.3.8)."""

_NAME: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
"""A field name (RFC 5322 section 2.2: printable US-ASCII without colon). White space before the colon is obsolete syntax (section 4.5)."""

_BARE_CR: Final = re.compile(rb"\r(?!\n)")

_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")

_LONGEST_VALUE: Final = 8192
"""Octets of a field that are parsed: the time of the standard library grows with the square of hostile parameters."""

_MOST_PARAMETERS: Final = 50
"""Semicolons in a field that is parsed, for the same reason: each part of a message may have such a field."""

_WRITTEN: Final = re.compile(rb"(?:;|\A)\s*+([^\s;=\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)|([^\s;(]*+))", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)

_UNCOMMENTED: Final = re.compile(rb"((?:[^\"(]|\"(?:[^\"\\]|\\.)*+\"?+)*+)(?:\((?:[^()\\]|\\.)*+\))*+", re.DOTALL)
"""Text and quoted strings, and the comments after them that contain no other comments."""

_NEXT_DEPTH: Final = re.compile(rb"(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\\?+(\(++|\)*+)", re.DOTALL)
"""The content of a comment up to a nested comment, and the parentheses after it; none at the end of the field."""


@dataclass(frozen=True, slots=True)
class Field:
    """A header field, its name as written.

    Offsets are octets from the start of the message: of the name, after the colon, and after the last line and its line end.
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

    def disposition(self, raw: bytes) -> str:
        """Return the disposition type (RFC 2183) in lower case, such as `attachment` or `inline`; `""` if there is none."""
        found = next(self.named("content-disposition"), None)
        return "" if found is None else encoded_words.decode(remove_comments(found.value(raw))).partition(";")[0].strip().lower()

    def values_with_name(self, raw: bytes) -> list[bytes]:
        """Return the values of Content-Disposition and Content-Type fields that may have a file name. Most parts have none."""
        values = [field.value(raw) for field in self.fields if field.lname in {"content-disposition", "content-type"}]
        return [value for value in values if b"name" in value.lower()]

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
    first = _LINE_END.search(raw, start, position + 2)  # perhaps that of the empty line
    return HeaderBlock(start, fields, position, complete, first[0] if first else b"\r\n")


def is_bounded(value: bytes) -> bool:
    """Return whether a field is short enough to be parsed as a whole."""
    return len(value) <= _LONGEST_VALUE and value.count(b";") <= _MOST_PARAMETERS


def parse_parameters(value: bytes) -> dict[str, str]:
    """Return the parameters of a field, decoded (RFC 2231; QUIRK: encoded words too), names in lower case.

    QUIRK: a comment is part of the value: file names that end in `(1)` are common, and comments are not.
    """
    if value.count(b";") > _MOST_PARAMETERS:
        return {}
    try:
        found = _parse_by_email(value).get_params(failobj=[])
        return {name.lower(): _decode_parameter(text) for name, text in reversed(found[1:])}
    except Exception:  # noqa: BLE001 - the standard library raises several errors for hostile parameters, such as ValueError and TypeError
        return {name.decode("latin-1"): encoded_words.decode(text) for name, text in _read_first_values(value).items()}


def parse_boundary(value: bytes) -> bytes:
    """Return the boundary parameter as octets, as some mailers write more than ASCII; empty if there is none."""
    try:
        found = _parse_by_email(value).get_boundary("").encode("latin-1", "replace")
    except Exception:  # noqa: BLE001 - as above
        found = _read_first_values(value).get(b"boundary", b"")
    return found.rstrip(b" \t\r\n")


def parse_strictly(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parameters by the strict grammar, not decoded: names in lower case, values without quotes and text after them.

    QUIRK: Thunderbird reads fields like this. A value without quotes ends at the first white space, and the type may be missing.
    """
    for name, quoted, token in _WRITTEN.findall(value):
        yield name.lower(), _QUOTED_PAIR.sub(rb"\1", quoted) or token


def _read_first_values(value: bytes) -> dict[bytes, bytes]:
    return dict(reversed(list(parse_strictly(value[:_LONGEST_VALUE]))))


def _parse_by_email(value: bytes) -> "Message":
    # Late for the cold start: a hook that reads no parts does not need the email package.
    from email.message import Message

    message = Message()
    # In Latin-1 every octet is one character until the parameters are split.
    message["Content-Type"] = value[:_LONGEST_VALUE].decode("latin-1")
    return message


def _decode_parameter(text: str | tuple[str | None, str | None, str]) -> str:
    if isinstance(text, tuple):
        # The standard library would accept any codec of Python as a charset.
        return charset.decode_loosely(text[2].encode("latin-1", "replace"), (text[0] or "us-ascii").lower())
    return text if text.isascii() and "=?" not in text else encoded_words.decode(text.encode("latin-1", "replace"))


def remove_comments(value: bytes) -> bytes:
    """Return a field without its comments (RFC 5322 section 3.2.2), which may be nested. A comment without end extends to the end.

    >>> remove_comments(b'attachment (see (the) list); filename="(1).exe" (x; y)')
    b'attachment ; filename="(1).exe" '
    """
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    position = 0
    while position < len(value) and (text := _UNCOMMENTED.match(value, position)):
        kept.append(text[1])
        position = text.end()
        if value.startswith(b"(", position):
            position = _find_comment_end(value, position)
    return b"".join(kept)


def _find_comment_end(value: bytes, position: int) -> int:
    depth = 0
    while position < len(value) and (inside := _NEXT_DEPTH.match(value, position)):
        parentheses = inside[1]
        if parentheses.startswith(b"("):
            depth += len(parentheses)
        elif depth > len(parentheses) > 0:
            depth -= len(parentheses)
        else:
            return inside.start(1) + depth if parentheses else len(value)
        position = inside.end()
    return position
