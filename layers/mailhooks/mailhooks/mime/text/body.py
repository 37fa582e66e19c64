"""The displayed text parts of a message, or the obstacle to changing them."""

import re
from dataclasses import replace
from enum import StrEnum
from typing import Final

from mailhooks.mime.edits import CannotEdit
from mailhooks.mime.filenames import find_filename
from mailhooks.mime.headers import is_bounded
from mailhooks.mime.message import Defect, Message, Part
from mailhooks.mime.quotes.attribution import Level
from mailhooks.mime.quotes.html_lines import read_lines
from mailhooks.mime.text.part import TextPart
from mailhooks.mime.text.sealed_parts import OPAQUE_NAME, RIGHTS_MANAGED, is_opaque, is_rights_managed
from mailhooks.patterns import compile_late


class Obstacle(StrEnum):
    """A reason not to change the text of a message."""

    SIGNED = "it is signed"
    ENCRYPTED = "it is encrypted"
    OPAQUE = "it is an S/MIME message whose text is inside of a signature or an encryption"
    RIGHTS_MANAGED = "it is rights-managed"
    INLINE_PGP = "its text is a PGP message"
    REPORT = "it is a delivery report or another report that programs read"
    AMBIGUOUS = "its structure is broken, and programs read it differently"
    NO_TEXT = "it has no displayed text"
    UNREADABLE = "the charset or encoding of its text is unknown or wrong"
    NO_WORDS = "it has only plain text, and the disclaimer is only an image"
    NO_PLACE = "its text has no place for more text, such as a frameset"


_PGP_VERSION: Final = "application/pgp-encrypted"
_PGP_NAME: Final = "encrypted.asc"
_PGP: Final = compile_late(rb"(?:^|\A\xef\xbb\xbf)-----BEGIN PGP (?:SIGNED )?MESSAGE(?:, PART [0-9/]++)?-----[ \t]*\r?$", re.MULTILINE)
_PGP_IN_HTML: Final = compile_late(r"-----BEGIN PGP (?:SIGNED )?MESSAGE(?:, PART [0-9/]++)?-----")

_CONTENT_FIELD: Final = compile_late(rb"\ncontent-", re.IGNORECASE)
_MANY_BOUNDARIES: Final = 10

_DISPLAYED: Final = frozenset({"", "inline"})
"""Dispositions of displayed text."""

_IMAGE: Final = compile_late(rb"<(?:img|svg|image|hr|object|video|input|iframe|v:|picture|canvas)\b|background|url\(", re.IGNORECASE)
_INVISIBLE: Final = compile_late("[\\s\0\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2800\u3164\ufeff\uffa0]+")
"""White space, and characters without a glyph."""

_CUTS_TEXT: Final = compile_late(rb"apple|ipad|ipod", re.IGNORECASE)
_PROGRAM: Final = frozenset({"mime-version", "x-mailer", "x-user-agent"})


class Blocked(Exception):
    """The text of a message must not be changed, because of an `obstacle`."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(str(obstacle))
        self.obstacle = obstacle


def find_displayed(message: Message) -> list[TextPart]:
    """Return the text parts that a mail program displays.

    They are all forms of an alternative, the root of related parts, and the first text of mixed parts that is not blank. Texts in
    attachments, forwarded messages, calendar entries and reports are not among them.

    Raises:
        Blocked: there is no such part, or it must not be changed.
    """
    if not message.structure.options and message.structure.enumerable:
        texts = _open(message, _find_displayed_in(message))
    else:
        texts = _open_agreed(message)
    # QUIRK: programs and gateways put an empty text before an S/MIME message, or before a PGP/MIME message without its version.
    if not any(text.octets.strip() for text in texts):
        names = {find_filename(message.raw, part).lower() for part in message.structure.root.walk() if not part.embedded}
        if _PGP_NAME in names:
            raise Blocked(Obstacle.ENCRYPTED)
        if OPAQUE_NAME in names:
            raise Blocked(Obstacle.OPAQUE)
    return texts


def _find_displayed_in(reading: Message) -> list[Part]:
    root = reading.structure.root
    for part in root.walk():
        kind = part.content_type
        if kind == RIGHTS_MANAGED and is_rights_managed(reading.raw, part):
            raise Blocked(Obstacle.RIGHTS_MANAGED)
        if kind == _PGP_VERSION and _is_pgp_version(reading.raw, part):
            raise Blocked(Obstacle.ENCRYPTED)
    parts = _find_displayed(reading.raw, root) or _find_only_text(reading.raw, root)
    if not parts:
        raise Blocked(Obstacle.AMBIGUOUS if reading.structure.ambiguous else Obstacle.NO_TEXT)
    return parts


def _open_agreed(message: Message) -> list[TextPart]:
    """Return the texts of a message that programs read differently: every text that one of them displays, if all find the same text."""
    # Late for the cold start: few messages can be read in two ways.
    from mailhooks.mime.text.agreement import Disagreement, find_agreed, find_readings

    try:
        readings = find_readings(message)
    except Disagreement:
        _find_displayed_in(message)
        raise Blocked(Obstacle.AMBIGUOUS) from None
    first = _find_displayed_in(readings[0])
    try:
        displayed = [first, *(_find_displayed_in(reading) for reading in readings[1:])]
        agreed = find_agreed(message.raw, readings, {part.end for parts in displayed for part in parts})
    except Disagreement:
        raise Blocked(Obstacle.AMBIGUOUS) from None
    except Blocked as blocked:
        raise Blocked(Obstacle.AMBIGUOUS if blocked.obstacle is Obstacle.NO_TEXT else blocked.obstacle) from None
    if readings[0].raw != message.raw:
        raise Blocked(Obstacle.AMBIGUOUS)
    texts = _open(readings[0], [each.part for each in agreed])
    return [
        replace(
            text,
            same_start=each.same_start,
            same_header=each.same_header,
            same_encoding=each.same_encoding,
            any_flowed=each.is_flowed,
            charset=text.charset if each.same_charset else "us-ascii",
        )
        for text, each in zip(texts, agreed, strict=True)
    ]


def find_pieces(message: Message, text: TextPart) -> list[TextPart]:
    """Return a displayed text, and the parts that continue it below an attachment, in their order. Most texts have none.

    QUIRK: Apple's programs split a text at an attachment; the piece before it may be blank. Outlook recognizes them by these header fields
    and displays the parts as one text ([MS-OXCMAIL] section 2.2.3.3.2.2), as other programs do for all mail. A later text of another
    program is an attachment for Outlook, and so is the footer of a mailing list.

    Raises:
        Blocked: one of the parts must not be changed.
    """
    raw, root = message.raw, message.structure.root
    mixed = next((part for part in root.walk() if text.part in part.children), None)
    if mixed is None or mixed.content_type != "multipart/mixed":
        return [text]
    fields = root.header.fields
    apple = any(field.lname in _PROGRAM and _CUTS_TEXT.search(field.value(raw)) for field in fields)
    if not apple or any(field.lname.startswith("list-") for field in fields):
        return [text]
    at = mixed.children.index(text.part)
    earlier, later = (
        [part for part in parts if part.content_type == text.part.content_type and _find_displayed(raw, part, named=False)]
        for parts in (mixed.children[:at], mixed.children[at + 1 :])
    )
    if (earlier or later) and (message.structure.options or not message.structure.enumerable):
        raise Blocked(Obstacle.AMBIGUOUS)
    return [*_open(message, earlier), text, *_open(message, later)]


def _open(message: Message, parts: list[Part]) -> list[TextPart]:
    raw = message.raw
    if any(_has_delimiter(message, part) for part in parts):
        raise Blocked(Obstacle.AMBIGUOUS)
    if Defect.LONG_FIELD in message.structure.defects and not all(
        is_bounded(value) for part in parts for value in part.values(raw, "content-type")
    ):
        raise Blocked(Obstacle.AMBIGUOUS)
    try:
        texts = [TextPart.open(raw, part) for part in parts]
    except CannotEdit:
        raise Blocked(Obstacle.UNREADABLE) from None
    if any(map(_begins_pgp, texts)):
        raise Blocked(Obstacle.INLINE_PGP)
    return texts


def _has_delimiter(message: Message, text: Part) -> bool:
    """Return whether a line of a text has a delimiter of a multipart around it, and fields follow: mblaze starts a part there."""
    raw = message.raw
    multiparts = [part for part in message.structure.root.walk() if part.boundary and part.body <= text.start and text.end <= part.end]
    # In deep nesting, one search for a field is faster than a search for each boundary.
    if len(multiparts) > _MANY_BOUNDARIES and _CONTENT_FIELD.search(raw, text.body, text.end) is None:
        return False
    found = [at for part in multiparts if (at := raw.find(b"--" + part.boundary, text.body, text.end)) >= 0]
    return bool(found) and _CONTENT_FIELD.search(raw, min(found), text.end) is not None


def _begins_pgp(text: TextPart) -> bool:
    """Return whether a line of the text, outside of quotes, begins a PGP message (RFC 9580 sections 6.2 and 7)."""
    if b"BEGIN" not in text.octets or b"PGP" not in text.octets:
        return False
    if not text.is_html:
        return _PGP.search(text.octets) is not None
    # A style such as `white-space: pre-wrap` displays the line ends of the source.
    begins_line = _PGP.search(text.octets) is not None
    lines = [line for line in read_lines(text.view(), text.decode) if _PGP_IN_HTML.search(line.text)]
    if not lines:
        # It is after the lines that are read, or is not displayed.
        return begins_line
    return any(line.level is not Level.CITED and (begins_line or _PGP_IN_HTML.match(line.text)) for line in lines)


def _find_displayed(raw: bytes, part: Part, *, named: bool = True) -> list[Part]:
    """Return the displayed text parts in a part. Where no attachment is possible, a text that is `named` like a file is displayed too."""
    match part.content_type:
        case "text/plain" | "text/html":
            if part.body == part.header.end and (part.header.complete or part.body == part.end):
                return []  # there is no empty line after the header
            disposition = part.header.disposition(raw)
            # A disposition that is unknown is an attachment (RFC 2183 section 2.8). QUIRK: programs display a message that is only a text.
            attached = disposition == "attachment" or (not named and (disposition not in _DISPLAYED or find_filename(raw, part) != ""))
            return [] if attached else [part]
        case "multipart/signed":
            raise Blocked(Obstacle.SIGNED)
        case "multipart/encrypted":
            raise Blocked(Obstacle.ENCRYPTED)
        case "multipart/report":
            raise Blocked(Obstacle.REPORT)
        case "multipart/alternative":
            return [text for child in part.children for text in _find_displayed(raw, child)]
        case "multipart/related":
            # QUIRK: some programs write the images, or an attachment, before the text. All programs display the text.
            texts = _find_displayed(raw, _related_root(raw, part)) if part.children else []
            return texts or next((texts for child in part.children if (texts := _find_displayed(raw, child, named=False))), [])
    if part.maintype == "application" and is_opaque(raw, part):
        raise Blocked(Obstacle.OPAQUE)
    return _find_first(raw, part) if part.maintype == "multipart" else []


def _find_first(raw: bytes, mixed: Part) -> list[Part]:
    """Return the first text of mixed parts that is not blank, or else the first one.

    QUIRK: some programs write an empty text before the attachments and the text.
    """
    first: list[Part] = []
    for index, child in enumerate(mixed.children, start=1):
        texts = _find_displayed(raw, child, named=False)
        first = first or texts
        if texts and not (any(map(_may_be_text, mixed.children[index:])) and all(_is_blank(raw, text) for text in texts)):
            return texts
    return first


def _may_be_text(part: Part) -> bool:
    return part.maintype in {"text", "multipart"}


def _is_blank(raw: bytes, part: Part) -> bool:
    """Return whether a text displays nothing: only white space, and in HTML no image."""
    try:
        text = TextPart.open(raw, part)
    except CannotEdit:
        return False
    if text.is_html and _IMAGE.search(text.octets):
        return False
    words = text.decode(text.view())
    if text.is_html:
        # Late for the cold start: most parts that are tested for this are plain text.
        from mailhooks.mime.html_text import extract_visible_text

        words = extract_visible_text(words)
    return not _INVISIBLE.sub("", words)


def _find_only_text(raw: bytes, root: Part) -> list[Part]:
    """Return the one text of mixed parts, which is displayed although it is named like a file; nothing if there are two."""
    if root.maintype != "multipart" or root.content_type == "multipart/related":
        return []
    texts = [child for child in root.children if child.maintype == "text"]
    if len(texts) != 1 or len(list(texts[0].header.named("content-disposition"))) > 1:
        return []
    return _find_displayed(raw, texts[0]) if texts[0].header.disposition(raw) in _DISPLAYED else []


def _is_pgp_version(raw: bytes, part: Part) -> bool:
    """Return whether a part is the first one of a PGP/MIME message (RFC 3156 section 4), and not an encrypted file that is attached.

    QUIRK: Exchange makes such a message a multipart/mixed. Programs know that form, and decrypt it.
    """
    # Late for the cold start.
    from mailhooks.mime import part_content

    return not part.embedded and part_content.prefix(raw, part, 100).lstrip().lower().startswith(b"version:")


def _related_root(raw: bytes, part: Part) -> Part:
    """Return the part whose Content-ID is in `start`, or else the first part (RFC 2387 section 3.2)."""
    start = part.params.get("start", "").strip().encode("latin-1", "replace")
    return next((child for child in part.children if start and next(child.values(raw, "content-id"), None) == start), part.children[0])
