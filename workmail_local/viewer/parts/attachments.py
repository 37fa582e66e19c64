"""The files of a message: a list of them, their names for a download, and how each can be shown."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from mailhooks.content import filetypes
from mailhooks.mime import part_content
from mailhooks.mime.displayed_text import find_text_parts
from mailhooks.mime.filenames import find_extensions, find_filename, make_printable
from mailhooks.mime.message import Message, Part
from workmail_local.viewer.excerpt import Excerpt
from workmail_local.viewer.html.pictures import find_picture_type

MAX_FILES: Final = 300

_MESSAGES: Final = frozenset({"message/rfc822", "message/global"})
_CONTROLS: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16, a text with NULs."""

_RESERVED: Final = re.compile(r"[\\/:*?\"<>|%;]+")
"""Characters that a file system or a program gives a meaning to."""

_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.IGNORECASE)
"""Names that Windows never opens as a file."""


class View(StrEnum):
    """The ways to show a file. Others can only be saved."""

    TEXT = "text"
    JSON = "json"
    TABLE = "table"
    PICTURE = "picture"
    CALENDAR = "calendar"
    MESSAGE = "message"
    NONE = ""


class FileRow(NamedTuple):
    """A file of a message.

    Attributes:
        number: of its part; see `Structure.numbered`. "0" is the body of a message without parts.
        name: as the sender wrote it, for reading only; "" if it has none.
        size: of the decoded content in bytes.
        disposition: `attachment`, `inline` or another; "" if the sender gave none.
        embedded: whether it belongs to a message inside of this one.
        view: how it can be shown.
        differs: whether the other side of a changed message lacks it.
    """

    number: str
    name: str
    content_type: str
    size: int
    disposition: str
    embedded: bool
    view: View
    differs: bool = False


def compare_files(before: Message, after: Message) -> tuple[Excerpt[FileRow], Excerpt[FileRow]]:
    """Return the files of both versions of a message, with those that the other version lacks."""
    if before is after:
        rows = _list_files(before)
        return rows, rows
    keys = [Counter(_make_key(message, part) for _, part in find_files(message)) for message in (before, after)]
    return _list_files(before, keys[1]), _list_files(after, keys[0])


def _list_files(message: Message, others: Counter[tuple[str, str, bytes]] | None = None) -> Excerpt[FileRow]:
    """Return the files of a message. With those of the other version, compare them."""
    files = Excerpt.first(list(find_files(message)), MAX_FILES, "files")
    rows = []
    for number, part in files.items:
        key = _make_key(message, part) if others is not None else None
        differs = key is not None and others is not None and not others[key]
        if key is not None and others is not None:
            others[key] -= 1
        rows.append(describe_file(message, number, part, differs=differs))
    return Excerpt(rows, files.notes)


def describe_file(message: Message, number: str, part: Part, *, differs: bool = False) -> FileRow:
    """Return one part as a row of a list."""
    raw = message.raw
    name = make_printable(find_filename(raw, part))
    disposition = part.header.disposition(raw)
    return FileRow(
        number or "0", name, part.content_type, part_content.size(raw, part), disposition, part.embedded, find_view(raw, part), differs
    )


def find_files(message: Message) -> Iterator[tuple[str, Part]]:
    """Yield the parts that are no multiparts and no displayed texts, those of the messages inside too, with their numbers."""
    shown = {id(part) for part in find_text_parts(message)}
    for number, part in message.structure.numbered():
        if part.maintype == "multipart" or id(part) in shown or (part.embedded and _is_text_of_message(message.raw, part)):
            continue
        if part is not message.structure.root or not part.children:
            yield number, part


def find_part(message: Message, number: str) -> Part | None:
    """Return the part of a number as `FileRow` has it; None if there is no such part, or it is a multipart."""
    wanted = "" if number == "0" else number
    part = next((part for each, part in message.structure.numbered() if each == wanted), None)
    return None if part is None or part.maintype == "multipart" else part


def read_content(raw: bytes, part: Part) -> bytes:
    """Return the decoded content of a part, byte for byte."""
    return part_content.Content(raw, part.body, part.end, part.encoding).octets()


def make_file_name(message: Message, number: str, part: Part) -> str:
    """Return a name for a download: one that no file system reads as a path, a device or a hidden file.

    The extension stays, so that the right program opens the file.
    """
    name = _RESERVED.sub("_", make_printable(find_filename(message.raw, part))).strip(" .")
    if not name.strip("_"):
        return f"part-{number or '0'}{'.eml' if part.content_type in _MESSAGES else ''}"
    # Programs read a name that begins with a hyphen as an option.
    return f"_{name}" if name.startswith("-") or _DEVICES.fullmatch(name) else name


def find_view(raw: bytes, part: Part) -> View:
    """Return how a part can be shown, by its type, its name and its first octets."""
    extensions = find_extensions(find_filename(raw, part)).last
    if part.content_type in _MESSAGES or ".eml" in extensions:
        return View.MESSAGE
    if find_picture_type(raw, part):
        return View.PICTURE
    beginning = part_content.prefix(raw, part, filetypes.PREFIX_OCTETS)
    if not beginning.strip() or filetypes.is_binary(beginning, is_wide=True):
        return View.NONE
    if _CONTROLS.search(beginning) and not (beginning.startswith(_WIDE) or "utf-16" in part.charset):
        return View.NONE
    subtype = part.subtype
    if subtype == "calendar" or ".ics" in extensions or beginning.lstrip()[:15].upper() == b"BEGIN:VCALENDAR":
        return View.CALENDAR
    if subtype in {"csv", "tab-separated-values"} or extensions & {".csv", ".tsv"}:
        return View.TABLE
    if subtype == "json" or subtype.endswith("+json") or ".json" in extensions:
        return View.JSON
    return View.TEXT


def _is_text_of_message(raw: bytes, part: Part) -> bool:
    is_text = part.maintype == "text" and part.subtype in {"plain", "html"}
    return is_text and part.header.disposition(raw) != "attachment" and not find_filename(raw, part)


def _make_key(message: Message, part: Part) -> tuple[str, str, bytes]:
    """Return a key in which equal files are equal. The encoded content is compared: decoding all of it would be slow."""
    content = message.raw[part.body : part.end].rstrip(b"\r\n")
    return part.content_type, find_filename(message.raw, part), hashlib.sha256(content).digest()
