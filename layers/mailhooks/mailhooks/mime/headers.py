"""The header of a message or part: its fields (RFC 5322 section 2.2) and their parameters (RFC 2045 section 5.1).

No function raises: every byte string has a header, perhaps an empty one. Time is linear in its size, and the body is not read. The standard
library parses the parameters; its input is bounded.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from mailhooks.mime import encoded_words
from mailhooks.mime.dialect import STANDARD, BrokenLine, Dialect, Option
from mailhooks.mime.edits import Edit
from mailhooks.patterns import compile_late

if TYPE_CHECKING:
    from email.message import Message

CONTENT_FIELDS: Final = frozenset({"content-type", "content-transfer-encoding", "content-disposition"})
"""Fields of a part that programs read differently if they are repeated."""

_LINE_END: Final = re.compile(rb"\r?\n")
"""QUIRK: Unix tools write bare LF. A bare CR is part of the line (RFC 5321 section 2.3.8)."""

_NAME: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
"""A field name (RFC 5322 section 2.2: printable US-ASCII without colon). White space before the colon is obsolete syntax (section 4.5)."""

_BARE_CR: Final = re.compile(rb"\r(?!\n)")

_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")

_DISPLAYED_FOLD: Final = compile_late(rb"(?<![ \t])[ \t]*+(?:\r?\n[ \t]++)++")

_LONGEST_VALUE: Final = 8192
"""Octets of a field that are parsed: the time of the standard library grows with the square of hostile parameters."""

_MOST_PARAMETERS: Final = 50
"""Semicolons in a field that is parsed, for the same reason: each part of a message may have such a field."""

_WRITTEN: Final = compile_late(rb"(?:;|\A)\s*+([^\s;=\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)|([^\s;(]*+))", re.DOTALL)
_PLAIN_PARAMETER: Final = rb";[ \t]*+([0-9A-Za-z_.-]++)[ \t]*+=[ \t]*+(?:\"([ !#-:=-\[\]-~]*+)\"|([!#-'*-:=-\[\]-~]++))[ \t]*+"
_EACH_PLAIN: Final = re.compile(_PLAIN_PARAMETER)
_ALL_PLAIN: Final = re.compile(
    rb"[ \t]*+(?!boundary[ \t]*+;)[0-9A-Za-z.+/-]++[ \t]*+(?:" + _PLAIN_PARAMETER.replace(b"([", b"(?:[") + rb")*+", re.IGNORECASE
)
"""A type, and parameters that are tokens or strings, without escapes and without `<`. For the standard library, `boundary` is no type.

No group is in the repeated part, because CPython may lose count of groups in a possessive repetition (issue 101955 of CPython).
"""

_LONGEST_PLAIN: Final = 500
"""Octets of a field that may be in the usual form: the standard library alone is faster for long fields in another form."""

_QUOTED_PAIR: Final = compile_late(rb"\\(.)", re.DOTALL)

_LOOSE_NAME: Final = compile_late(rb"[ \t\r\v\f\0\xa0\xc2]*+([!-9;-~]+)[ \t\r\v\f\0\x85\xa0\xc2]*+(?:\r?\n[ \t]++)?+:")
"""A field name with white space around it, also no-break spaces, or a fold after it."""

_BELOW_BLANK: Final = re.compile(
    rb"(?:(?:From [^\n]*+\n)?[ \t\r]*+\n)++(?=(?:[ \t][^\n]*+\n|[!-9;-~]++[ \t]*+:[^\n]*+\n)*?content-)", re.IGNORECASE
)
"""Empty lines, perhaps with an mbox line, and fields below them, one of them about the content."""

_ODD_NAME: Final = re.compile(rb"[=\"]")
"""In a field name: an unindented parameter with a colon in its value looks like a field."""

UNDISPUTED: Final = re.compile(rb"[^;=\"(]*+(?:;\s*+(?:[^\s;=\"(]++\s*+=\s*+(?:\"[^\"\\]*+\"|[^\s;\"(]++)\s*+)?+)*+")
"""A field that all programs read alike if no parameter is repeated: without comments, quoted pairs and text after quotes."""

_OTHER_WAYS: Final = (1, 2, 3, 4, 5)

_SAFE_BOUNDARY: Final = re.compile(
    rb"boundary\s*+=\s*+(?:\"(?![^\"]*=\?)[!#-~](?:[ !#-~]*[!#-~])?\"|[!#$&+.^_`{|}~0-9A-Za-z-]++(?=[\s;]|\Z))", re.IGNORECASE
)
"""A boundary that is a token or a quoted string: no program cuts or decodes it."""

_WRITTEN_BOUNDARY: Final = compile_late(rb"boundary\s*+=\s*+((?:\"(?:[^\"\\]|\\.)*+\"|[^;\"]|\")*+)", re.IGNORECASE | re.DOTALL)
_LAST_BOUNDARY: Final = compile_late(rb"boundary\s*+=\s*+[\"']?([^\"';()\0\r\n]*)", re.IGNORECASE)
_EXTENDED_BOUNDARY: Final = compile_late(rb"boundary\*(?:0\*)?\s*+=\s*+\"?[^';]*'[^';]*'([^\";\s]*)", re.IGNORECASE)
_TOKEN: Final = compile_late(rb"[!#$%&'*+.^_`{|}~0-9A-Za-z-]*")
_CONTROLS: Final = compile_late(rb"[\0-\x1f\x7f]+")

_PLAIN_FORM: Final = compile_late(rb"(;\s*)(boundary|charset)(\s*=)", re.IGNORECASE)

_ANYWHERE: Final = compile_late(rb"\b(boundary|charset)\s*=\s*[\"']?([^\"';\0\r\n]*)", re.IGNORECASE)

_UNCOMMENTED: Final = compile_late(rb"((?:[^\"(]|\"(?:[^\"\\]|\\.)*+\"?+)*+)(?:\((?:[^()\\]|\\.)*+\))*+", re.DOTALL)
"""Text and quoted strings, and the comments after them that contain no other comments."""

_NEXT_DEPTH: Final = compile_late(rb"(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\\?+(\(++|\)*+)", re.DOTALL)
"""The content of a comment up to a nested comment, and the parentheses after it; none at the end of the field."""


class Field(NamedTuple):
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

    def displayed_value(self, raw: bytes) -> bytes:
        """Return the body of the field as `value`, but with one space for a fold and the white space around it, as programs display it."""
        body = raw[self.body : self.end].strip(b" \t\r\n")
        return _DISPLAYED_FOLD.sub(b" ", body) if b"\n" in body else body


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields of a header, in their order.

    Attributes:
        start: offset of the first line.
        fields: all fields, repeated ones too.
        end: offset after the last line: of the empty line, of a body without an empty line before it, or of the message's end.
        body: offset of the body, after the empty line.
        complete: whether all programs find the same end: an empty line or a delimiter follows, or a line end and the message's end. A bare
            CR, which some programs read as a line end, makes the header incomplete.
        newline: the line end of most lines; CRLF if there is none.
        options: choices of other programs that may read the header differently.
    """

    start: int
    fields: tuple[Field, ...]
    end: int
    body: int
    complete: bool
    newline: bytes
    options: frozenset[Option] = frozenset()

    def named(self, name: str) -> Iterator[Field]:
        """Return the fields with a name, given in lower case."""
        return (field for field in self.fields if field.lname == name)

    def content_values(self, raw: bytes) -> dict[str, list[bytes]]:
        """Return the values of the Content-Type, Content-Transfer-Encoding and Content-Disposition fields, with names in lower case."""
        found: dict[str, list[bytes]] = {}
        for field in self.fields:
            if (name := field.lname) in CONTENT_FIELDS:
                found.setdefault(name, []).append(field.value(raw))
        return found

    def without_repetitions(self) -> "HeaderBlock":
        """Return the header with the last one only of the same fields, as some programs read it."""
        last = {field.lname: field for field in self.fields}
        return replace(self, fields=tuple(each for each in self.fields if each.lname not in CONTENT_FIELDS or last[each.lname] is each))

    def disposition(self, raw: bytes) -> str:
        """Return the disposition type (RFC 2183) in lower case, such as `attachment` or `inline`; `""` if there is none."""
        found = next(self.named("content-disposition"), None)
        return "" if found is None else encoded_words.decode(remove_comments(found.value(raw))).partition(";")[0].strip().lower()

    def values_with_name(self, raw: bytes) -> list[bytes]:
        """Return the values of Content-Disposition and Content-Type fields that may have a file name. Most parts have none."""
        values = [field.value(raw) for field in self.fields if field.lname in {"content-disposition", "content-type"}]
        return [value for value in values if b"name" in value.lower()]

    def appended(self, lines: bytes) -> Edit:
        """Return the edit that adds lines after the last field, or before the first one if programs find different ends of the header."""
        if self.complete and not self.options:
            return Edit(self.end, self.end, lines)
        return self.prepended(lines)

    def prepended(self, lines: bytes) -> Edit:
        """Return the edit that adds lines before the first field."""
        first = self.fields[0] if self.fields else None
        # QUIRK: programs read `From : ada@example.com` as an mbox line.
        at = self.start if first is None else first.end if first.name == "From" and first.body - first.start > 5 else first.start
        return Edit(at, at, lines)


def _no_delimiter(_start: int, _end: int) -> bool:
    return False


def scan(raw: bytes, start: int = 0, dialect: Dialect = STANDARD, is_delimiter: Callable[[int, int], bool] = _no_delimiter) -> HeaderBlock:
    """Scan the header at `start`, the offset of a message or part.

    QUIRK: an mbox `From ` line is skipped: mail from Unix mailboxes has one. So is an escaped `>From ` line before the first field, and a
    line that begins with a colon. All programs skip these.
    QUIRK: a line that is not a field and not folded ends the header and makes it incomplete. For some programs more fields follow, for
    others a body without the empty line of RFC 5322 section 2.1.

    Args:
        is_delimiter: whether the line from one offset to another, which begins with two hyphens, is a delimiter. Every program ends the
            header there.
    """
    below_blank = _BELOW_BLANK.match(raw, start)
    position = below_blank.end() if below_blank and dialect.skip_blank else start
    lines = _Lines(raw, position, dialect, is_delimiter)
    if below_blank:
        lines.options.add(("skip_blank", True))
    length = len(raw)
    blank = None
    while position < length and (blank := _LINE_END.match(raw, position)) is None:
        after = raw.find(b"\n", position) + 1 or length
        if not lines.read(position, after):
            break
        position = after
    body = blank.end() if blank else max(lines.body, position)
    bare_cr = _BARE_CR.search(raw, start, position) is not None
    if bare_cr:
        lines.options.add(("cr_ends_line", True))
    complete = not (lines.broken or bare_cr) and (position == start or raw.endswith(b"\n", start, position))
    # With the empty line.
    crlfs, line_feeds = raw.count(b"\r\n", start, position + 2), raw.count(b"\n", start, position + 2)
    newline = b"\r\n" if 2 * crlfs >= line_feeds else b"\n"
    return HeaderBlock(start, lines.fields(), position, body, complete, newline, frozenset(lines.options))


class _Lines:
    """The lines of a header up to one of them.

    Attributes:
        options: choices of other programs.
        broken: whether a broken line ends the header.
        body: offset of the body after a line of white space that ends the header.
    """

    def __init__(self, raw: bytes, start: int, dialect: Dialect, is_delimiter: Callable[[int, int], bool]) -> None:
        self._raw = raw
        self._start = start
        self._dialect = dialect
        self._is_delimiter = is_delimiter
        self._names: list[re.Match[bytes]] = []
        self._ends: list[int] = []
        self._skipped = True
        self.options: set[Option] = set()
        self.broken = False
        self.body = start

    def fields(self) -> tuple[Field, ...]:
        return tuple(
            Field(name[1].decode("ascii"), name.start(), name.end(), end) for name, end in zip(self._names, self._ends, strict=True)
        )

    def read(self, position: int, after: int) -> bool:
        """Read the line from one offset to another. Return whether it is part of the header."""
        raw = self._raw
        if raw[position] in b" \t" and position > self._start:
            return self._read_indented(position, after)
        if raw.startswith(b"--", position):
            return not self._is_delimiter(position, after) and self._read_broken(after)
        if name := _NAME.match(raw, position, after):
            return self._read_field(name, after)
        if _is_skipped(raw, self._start, position, after):
            self._skipped = True
            return True
        if name := _LOOSE_NAME.match(raw, position):
            self.options.add(("loose_names", True))
            if self._dialect.loose_names:
                return self._read_field(name, after)
        return self._read_broken(after)

    def _read_field(self, name: re.Match[bytes], after: int) -> bool:
        if name.end() - name.end(1) > 1 or _ODD_NAME.search(name[1]):
            self.options.add(("strict_names", True))
            if self._dialect.strict_names:
                return self._read_broken(after)
        self._names.append(name)
        self._ends.append(after)
        self._skipped = False
        return True

    def _read_indented(self, position: int, after: int) -> bool:
        if self._raw[position:after].isspace():
            self.options.add(("white_line_ends", True))
            if self._dialect.white_line_ends:
                self.body = after
                return False
        if not self._skipped:
            self._ends[-1] = after
        elif self._names:
            # Perhaps a fold of the field before the line that is skipped.
            self.options.add(("broken_line", BrokenLine.FOLD))
            if self._dialect.broken_line is BrokenLine.FOLD:
                self._ends[-1] = after
        return True

    def _read_broken(self, after: int) -> bool:
        self.options.update(("broken_line", choice) for choice in BrokenLine)
        self._skipped = True
        match self._dialect.broken_line:
            case BrokenLine.END:
                self.broken = True
            case BrokenLine.FOLD if self._names:
                self._ends[-1] = after
                self._skipped = False
        return not self.broken


def _is_skipped(raw: bytes, start: int, position: int, after: int) -> bool:
    """Return whether a line that is not a field is skipped by all programs."""
    if raw.startswith(b":", position):
        return True
    if position == start:
        return raw.startswith((b"From ", b">From "), position)
    # Directly before the body, Python's parser reads it as the first line of the body.
    return raw.startswith(b"From ", position) and after < len(raw) and not _LINE_END.match(raw, after)


def is_bounded(value: bytes) -> bool:
    """Return whether a field is short enough to be parsed as a whole."""
    return len(value) <= _LONGEST_VALUE and value.count(b";") <= _MOST_PARAMETERS


def parse_parameters(value: bytes, way: int = 0) -> dict[str, str]:
    """Return the parameters of a field, decoded (RFC 2231; QUIRK: encoded words too), names in lower case.

    QUIRK: a comment is part of the value: file names that end in `(1)` are common, and comments are not.

    Args:
        way: a way of another program, of `find_other_ways`.
    """
    if value.count(b";") > _MOST_PARAMETERS:
        return {}
    if not way and (plain := _parse_plain(value)) is not None:
        return plain
    if way in _OTHER_WAYS:
        return {name.decode("latin-1"): encoded_words.decode(text) for name, text in _read_in_other_way(value, way).items()}
    try:
        found = _parse_by_email(value).get_params(failobj=[])
        return {name.lower(): _decode_parameter(text) for name, text in reversed(found[1:])}
    except Exception:  # noqa: BLE001 - the standard library raises several errors for hostile parameters, such as ValueError and TypeError
        return {name.decode("latin-1"): encoded_words.decode(text) for name, text in _read_first_values(value).items()}


def parse_boundary(value: bytes, way: int = 0) -> bytes:
    """Return the boundary parameter as octets, as some mailers write more than ASCII; empty if there is none."""
    if way > len(_OTHER_WAYS):
        return find_rare_boundaries(value).get(way) or parse_boundary(value)
    if way:
        return _read_in_other_way(value, way).get(b"boundary", b"").rstrip(b" \t\r\n")
    if (plain := _parse_plain(value)) is not None:
        return plain.get("boundary", "").encode("ascii").rstrip(b" ")
    try:
        found = _parse_by_email(value).get_boundary("").encode("latin-1", "replace")
    except Exception:  # noqa: BLE001 - as above
        found = _read_first_values(value).get(b"boundary", b"")
    return found.rstrip(b" \t\r\n")


def find_other_ways(value: bytes, name: str) -> list[int]:
    """Return the ways to read a field that is not `UNDISPUTED` in which the parameter `boundary` or `charset` differs from ours."""
    if not is_bounded(value):
        return []
    if name == "boundary":
        own = parse_boundary(value)
        # A program that finds none, because it does not know RFC 2231, finds no other parts.
        return [way for way in _OTHER_WAYS if parse_boundary(value, way) not in {own, b""}]
    found = parse_parameters(value).get(name, "")
    return [way for way in _OTHER_WAYS if parse_parameters(value, way).get(name, "") != found]


def find_rare_boundaries(value: bytes) -> dict[int, bytes]:
    """Return the boundaries that few programs read in a field, by the number of the way. They matter only if there are such delimiters.

    The ways: a token cut where RFC 2045 ends it (MIME::Parser); encoded words decoded (GMime); the last boundary, also in a comment or
    another parameter's quotes (Ruby mail); without backslashes (mailparser); with them; without quotes (reformime); the last one in the
    extended form (Email::MIME); without control characters (GMime); without characters around it that are no ASCII (mailparser); cut
    where RFC 2231 ends an attribute (Python). The values are empty for ways that do not apply.
    """
    if not is_bounded(value) or (value.lower().count(b"boundary") == 1 and UNDISPUTED.fullmatch(value) and _SAFE_BOUNDARY.search(value)):
        return {}
    found = _WRITTEN_BOUNDARY.search(value)
    written = found[1].strip() if found else b""
    bare = written.strip(b'"')
    last, extended = _LAST_BOUNDARY.findall(value)[-1:], _EXTENDED_BOUNDARY.findall(value)[-1:]
    own, printable = parse_boundary(value), _CONTROLS.sub(b"", value)
    ways = (
        (_TOKEN.match(bare) or [b""])[0],
        encoded_words.decode(bare).encode("latin-1", "replace") if b"=?" in bare else b"",
        last[0].rstrip() if last else b"",
        bare.replace(b"\\", b""),
        bare,
        written.replace(b'"', b""),
        unquote_to_bytes(extended[0]) if extended else b"",
        parse_boundary(printable) if printable != value else b"",
        re.sub(rb"\A[^!-~]+|[^!-~]+\Z", b"", own),
        re.split(rb"[*'%]", bare)[0],
    )
    return {way: boundary for way, boundary in enumerate(ways, start=len(_OTHER_WAYS) + 1) if boundary != own}


def _read_in_other_way(value: bytes, way: int) -> dict[bytes, bytes]:
    """Return parameters as another program reads them.

    The ways: the first or the last of repeated parameters, without RFC 2231; the extended form (RFC 2231 section 4) before the plain one;
    comments left out; anything after the name, with quotes that do not match.
    """
    strict = list(parse_strictly(value[:_LONGEST_VALUE]))
    match way:
        case 1:
            return dict(reversed(strict))
        case 2:
            return {name: text.strip(b'"') for name, text in strict}
        case 3:
            return dict(reversed(strict)) | _encode(parse_parameters(_PLAIN_FORM.sub(rb"\1x-\2\3", value)))
        case 4:
            uncommented = remove_comments(value)
            return _encode(parse_parameters(uncommented) | {"boundary": parse_boundary(uncommented).decode("latin-1")})
    return {match[1].lower(): match[2].strip() for match in reversed(list(_ANYWHERE.finditer(value[:_LONGEST_VALUE])))}


def _encode(parameters: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode("latin-1", "replace"): text.encode("latin-1", "replace") for name, text in parameters.items()}


def parse_strictly(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parameters by the strict grammar, not decoded: names in lower case, values without quotes and text after them.

    QUIRK: Thunderbird reads fields like this. A value without quotes ends at the first white space, and the type may be missing.
    """
    for name, quoted, token in _WRITTEN.findall(value):
        yield name.lower(), _QUOTED_PAIR.sub(rb"\1", quoted) or token


def _read_first_values(value: bytes) -> dict[bytes, bytes]:
    return dict(reversed(list(parse_strictly(value[:_LONGEST_VALUE]))))


def _parse_plain(value: bytes) -> dict[str, str] | None:
    """Return the parameters of a field in the usual form as the standard library does, in a tenth of its time; None for other forms."""
    if len(value) > _LONGEST_PLAIN or b"=?" in value or not _ALL_PLAIN.fullmatch(value):
        return None
    # The first of two parameters with the same name counts.
    return {name.decode("ascii").lower(): (quoted or token).decode("ascii") for name, quoted, token in reversed(_EACH_PLAIN.findall(value))}


def _parse_by_email(value: bytes) -> "Message":
    # Late for the cold start: a hook that reads no parts does not need the email package.
    from email.message import Message

    message = Message()
    # In Latin-1 every octet is one character until the parameters are split.
    message["Content-Type"] = value[:_LONGEST_VALUE].decode("latin-1")
    return message


def _decode_parameter(text: str | tuple[str | None, str | None, str]) -> str:
    if isinstance(text, tuple):
        # Late for the cold start: few parameters are extended. The standard library would accept any codec of Python as a charset.
        from mailhooks.mime import displayed_charset

        return displayed_charset.decode(text[2].encode("latin-1", "replace"), text[0] or "")
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
