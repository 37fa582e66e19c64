"""The source of a message, line by line: header fields, delimiters and bodies with their kinds, and long bodies cut."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.mime.message import Message
from workmail_local.console.text_columns import escape_controls
from workmail_local.viewer.excerpt import Excerpt, describe_cut

_MAX_LINES: Final = 5000
_MAX_COLUMNS: Final = 2000
_MAX_BODY: Final = 500
"""Lines of one body."""

_MAX_ENCODED: Final = 12
"""Lines of one body in base64, which has no words to read."""


class SourceKind(StrEnum):
    """The kinds of lines in a message's source."""

    FIELD = "field"
    DELIMITER = "delimiter"
    BODY = "body"
    CUT = "cut"


class SourceLine(NamedTuple):
    """A line of the source without control characters; for `CUT`, the number of lines left out in words."""

    kind: SourceKind
    text: str


class _Stretch(NamedTuple):
    """The lines from one offset to the next stretch.

    Attributes:
        limit: how many of them are shown.
    """

    start: int
    kind: SourceKind
    limit: int


def list_source(message: Message) -> Excerpt[SourceLine]:
    """Return the source: every header and delimiter, and the beginning of each body, of at most five thousand lines."""
    raw = message.raw
    lines = list(islice(_list_lines(message), _MAX_LINES + 1))
    notes = []
    if len(lines) > _MAX_LINES:
        notes.append(f"{_MAX_LINES:,} lines shown")
    elif any(line.kind is SourceKind.CUT for line in lines):
        total = raw.count(b"\n") + (not raw.endswith(b"\n"))
        notes.append(describe_cut(sum(line.kind is not SourceKind.CUT for line in lines), total, "lines"))
    if any(line.text.endswith("…") and len(line.text) > _MAX_COLUMNS for line in lines):
        notes.append(f"{_MAX_COLUMNS:,} octets of each longer line shown")
    return Excerpt(lines[:_MAX_LINES], tuple(filter(None, notes)))


def _list_lines(message: Message) -> Iterator[SourceLine]:
    raw = message.raw
    stretches = _find_stretches(message)
    for stretch, following in zip(stretches, [*stretches[1:], _Stretch(len(raw), SourceKind.BODY, 0)], strict=True):
        position, end, shown = stretch.start, following.start, 0
        while position < end and shown < stretch.limit:
            after = raw.find(b"\n", position, end) + 1 or end
            yield SourceLine(stretch.kind, _write_line(raw, position, after))
            position, shown = after, shown + 1
        if position < end:
            count = raw.count(b"\n", position, end) + (not raw.endswith(b"\n", position, end))
            yield SourceLine(SourceKind.CUT, f"{count:,} more lines")


def _find_stretches(message: Message) -> list[_Stretch]:
    """Return the headers, bodies and delimiters, in order. Text between two parts belongs to the delimiter before it."""
    found: dict[int, _Stretch] = {}
    for part in message.structure.root.walk():
        body_limit = _MAX_ENCODED if part.encoding == "base64" else _MAX_BODY
        found[part.start] = _Stretch(part.start, SourceKind.FIELD, _MAX_LINES)
        found[part.body] = _Stretch(part.body, SourceKind.BODY, body_limit)
    for part in message.structure.root.walk():
        for child in part.children if part.maintype == "multipart" else ():
            for start in (message.raw.rfind(b"\n", 0, max(child.start - 1, 0)) + 1, _find_delimiter_after(message.raw, child.end)):
                if start not in found or found[start].kind is SourceKind.BODY:
                    found[start] = _Stretch(start, SourceKind.DELIMITER, _MAX_BODY)
    return [found[start] for start in sorted(found)]


def _find_delimiter_after(raw: bytes, end: int) -> int:
    """Return where the delimiter behind a part begins. The line end before it belongs to it, but an empty part may have none."""
    return end if raw.startswith(b"--", end) and raw.endswith(b"\n", 0, end) else raw.find(b"\n", end) + 1 or len(raw)


def _write_line(raw: bytes, start: int, end: int) -> str:
    cut = raw[start : min(end, start + _MAX_COLUMNS)]
    text = escape_controls(cut.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace"))
    return f"{text}…" if end - start > _MAX_COLUMNS + 2 else text
