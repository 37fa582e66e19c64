"""The content of one part for a page: text in its charset, a table, a picture, a calendar, or the message inside."""

import base64
import csv
import json
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.mime.displayed_text import read_text
from mailhooks.mime.message import Message, Part
from workmail_local.viewer.diff import Line
from workmail_local.viewer.excerpt import Excerpt, describe_cut
from workmail_local.viewer.html.pictures import MAX_CHARACTERS, find_picture_type
from workmail_local.viewer.parts.attachments import FileRow, View, describe_file, find_part, read_content
from workmail_local.viewer.parts.calendar import MAX_OCTETS, CalendarView, read_calendar
from workmail_local.viewer.rendered import mark_headers, mark_texts, read_shown_text

_MAX_TEXT: Final = 300_000
_MAX_ROWS: Final = 500
_MAX_COLUMNS: Final = 50
_MAX_CELL: Final = 1000
_CALENDARS: Final = frozenset({"text/calendar", "application/ics"})
_MAX_CALENDARS: Final = 10
_MAX_TEXTS: Final = 12
_SEPARATORS: Final = ",;\t|"


class InnerMessage(NamedTuple):
    """A message inside of a message: its own header fields and its plain texts."""

    fields: Sequence[tuple[str, str, bool]]
    texts: Sequence[list[Line]]


class PartView(NamedTuple):
    """One part as a page shows it. `file.view` decides which of the other attributes has the content.

    Attributes:
        text: for a text, and for JSON with indents.
        rows: of a table.
    """

    file: FileRow
    text: str = ""
    rows: Sequence[Sequence[str]] = ()
    calendar: CalendarView | None = None
    message: InnerMessage | None = None
    notes: tuple[str, ...] = ()


def show_part(message: Message, number: str) -> PartView | None:
    """Return the content of a part; None if the message has no part of this number."""
    part = find_part(message, number)
    if part is None:
        return None
    file = describe_file(message, number, part)
    match file.view:
        case View.CALENDAR:
            return PartView(file, calendar=_read_calendar_part(message, part))
        case View.MESSAGE:
            return _show_message(message, part, file)
        case View.TABLE:
            return _show_table(read_shown_text(message, part), file)
        case View.TEXT | View.JSON:
            text = read_shown_text(message, part)
            note = describe_cut(_MAX_TEXT, len(text), "characters")
            shown = _indent(text) if file.view is View.JSON and not note else text[:_MAX_TEXT]
            return PartView(file, shown, notes=(note,) if note else ())
    return PartView(file)


def show_calendars(message: Message) -> Excerpt[CalendarView]:
    """Return the calendar parts of a message, also those that are an alternative of its text."""
    found = find_calendars(message)
    shown = [_read_calendar_part(message, part) for part in found[:_MAX_CALENDARS]]
    note = describe_cut(len(shown), len(found), "calendars")
    return Excerpt(shown, (note,) if note else ())


def find_calendars(message: Message) -> list[Part]:
    """Return the parts whose type is a calendar's, each content once: mailers often attach the same one again."""
    parts = [part for part in message.structure.root.walk() if part.content_type in _CALENDARS and not part.embedded]
    found: dict[bytes, Part] = {}
    for part in parts[:_MAX_CALENDARS] if len(parts) > 1 else ():
        found.setdefault(read_content(message.raw, part)[:MAX_OCTETS], part)
    return [*found.values(), *parts[_MAX_CALENDARS:]] or parts


def embed_picture(message: Message, number: str) -> str | None:
    """Return the `data:` address of a picture; None if the part is no picture that a browser shows, or is too large for a page."""
    part = find_part(message, number)
    content_type = "" if part is None else find_picture_type(message.raw, part)
    if part is None or not content_type or (part.end - part.body) > MAX_CHARACTERS:
        return None
    return f"data:{content_type};base64,{base64.b64encode(read_content(message.raw, part)).decode('ascii')}"


def _read_calendar_part(message: Message, part: Part) -> CalendarView:
    return read_calendar(read_text(message.raw, part, 4 * MAX_OCTETS).encode("utf-8", "replace"))


def _show_message(message: Message, part: Part, file: FileRow) -> PartView:
    inner = Message(read_content(message.raw, part))
    fields, texts = mark_headers(inner, inner)[0], mark_texts(inner, inner, _MAX_TEXTS)[0]
    return PartView(file, message=InnerMessage(fields.items, texts.items), notes=(*fields.notes, *texts.notes))


def _show_table(text: str, file: FileRow) -> PartView:
    lines = text.splitlines()
    separator = max(_SEPARATORS, key=lines[0].count) if lines else ","
    try:
        rows = list(islice(csv.reader(lines, delimiter=separator), _MAX_ROWS))
    except csv.Error:  # a cell that is too long
        return PartView(file._replace(view=View.TEXT), text[:_MAX_TEXT], notes=("it cannot be read as a table",))
    widest = max(map(len, rows), default=0)
    notes = describe_cut(min(_MAX_ROWS, len(lines)), len(lines), "lines"), describe_cut(min(_MAX_COLUMNS, widest), widest, "columns")
    shown = [[cell[:_MAX_CELL] for cell in row[:_MAX_COLUMNS]] for row in rows]
    return PartView(file, rows=shown, notes=tuple(filter(None, notes)))


def _indent(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)[:_MAX_TEXT]
    except (ValueError, RecursionError):
        return text
