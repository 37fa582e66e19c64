"""The texts of a message that programs read differently, if all of them find the same text."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailhooks.mime.charset import is_ascii_superset
from mailhooks.mime.dialect import BrokenLine
from mailhooks.mime.edits import CannotEdit
from mailhooks.mime.message import Message, Part
from mailhooks.mime.transfer_encoding import IDENTITY, decode

_SEALED: Final = frozenset({"multipart/signed", "multipart/encrypted", "multipart/report"})

_NOT_DISPLAYED: Final = ("decode_multiparts", "white_line_ends")
"""Choices of a dialect that no program is known to make that displays mail.

A hostile message may count on them, but they do not hide a text that is displayed.
"""


class Disagreement(Exception):
    """Programs find different texts."""


@dataclass(frozen=True, slots=True)
class AgreedPart:
    """A text part that all programs find.

    Attributes:
        part: in the reading with the latest start.
        same_start: whether all programs find the same start. If not, some display lines of a broken header before the text.
        same_header: whether all programs find the same Content- fields, which may then be edited.
        same_charset: whether they find the same charset. If not, the text is ASCII, and all decode it alike.
        same_encoding: whether they decode it alike, also what is added.
        is_flowed: whether a program reads it as format=flowed.
    """

    part: Part
    same_start: bool
    same_header: bool
    same_charset: bool
    same_encoding: bool
    is_flowed: bool


def find_readings(message: Message) -> list[Message]:
    """Return the readings whose texts have to agree.

    Without those of programs that display nothing (`_NOT_DISPLAYED`), and without NULs inside of bodies, which hide no part. Python's
    parser displays all of a multipart as text below a line in the header that is no field: any place in it is right. The first of two
    dispositions counts, as in all programs that display mail.

    Raises:
        Disagreement: the readings cannot be enumerated, or NULs hide parts.
    """
    if message.readings is None:
        raise Disagreement
    likely = [each for each in message.readings if not any(getattr(each.dialect, name) for name in _NOT_DISPLAYED)]
    kept = [each for each in likely if not each.dialect.remove_nul]
    shapes = {_shape(each) for each in kept}
    if any(each.dialect.remove_nul and _shape(each) not in shapes for each in likely):
        raise Disagreement
    shown = [each for each in kept if not _displays_source(each)]
    if any(each.structure.root.maintype == "multipart" for each in shown):
        if len(shown) < len(kept) and any(map(_has_broken_text, shown)):
            raise Disagreement
        kept = shown
    in_first = {_describe(each) for each in kept if not each.dialect.last_field}
    return [each for each in kept if not (each.dialect.last_field and _describe(each) in in_first)]


def _displays_source(reading: Message) -> bool:
    """Return whether a line that is no field ends the header of the message, so that it is no multipart."""
    ended = reading.dialect.broken_line is BrokenLine.END and any(name == "broken_line" for name, _ in reading.header.options)
    return ended and reading.structure.root.maintype != "multipart"


def _has_broken_text(reading: Message) -> bool:
    parts = (part for part in reading.structure.root.walk() if part.maintype == "text")
    return any(name == "broken_line" for part in parts for name, _ in part.header.options)


def _describe(reading: Message) -> tuple[object, ...]:
    """Return what programs display of the parts, apart from their dispositions."""
    return tuple(
        (part.start, part.body, part.end, part.content_type, part.encoding, tuple(sorted(part.params.items())), _find_fields(part))
        for part in reading.structure.root.walk()
    )


def _find_fields(part: Part) -> tuple[int, ...]:
    return tuple(each.start for each in part.header.fields if each.lname in {"content-type", "content-transfer-encoding"})


def find_agreed(raw: bytes, readings: Sequence[Message], ends: Collection[int]) -> list[AgreedPart]:
    """Return the text parts that end at some offsets, in the order of the message.

    Each of them is, in every reading, a text of the same type, encoding and charset that is neither attached nor signed.

    Raises:
        Disagreement: a program reads one of the parts otherwise.
    """
    found = [{part.end: part for part in _find_texts(reading.raw, reading.structure.root)} for reading in readings]
    try:
        return [_agree(raw, [texts[end] for texts in found]) for end in sorted(ends)]
    except KeyError:
        raise Disagreement from None


def _agree(raw: bytes, found: Sequence[Part]) -> AgreedPart:
    """Return a part that every reading has. Raise `Disagreement` if it is another text in one of them."""
    latest = max(found, key=lambda part: (part.body, len(part.header.fields)))
    if len({part.content_type for part in found}) > 1:
        raise Disagreement
    same_charset = len({part.charset for part in found}) == 1
    if not (same_charset or _is_ascii(raw, found)):
        raise Disagreement
    same_start = not any(raw[part.body : latest.body].strip() for part in found)
    if not same_start and latest.encoding not in IDENTITY:
        raise Disagreement
    # Where RFC 5322 names the start, a program that finds another one is wrong.
    same_start = same_start or (found[0].header.complete and found[0].body == latest.body)
    same_header = _have_same_fields(found, latest)
    encodings = {part.encoding for part in found}
    same_encoding = len(encodings) == 1 or encodings <= IDENTITY
    if not (same_encoding or (same_header and same_start and _is_plain(raw, found))):
        raise Disagreement
    is_flowed = any(part.params.get("format", "").strip().lower() == "flowed" for part in found)
    return AgreedPart(latest, same_start, same_header, same_charset, same_encoding, is_flowed)


def _have_same_fields(found: Sequence[Part], latest: Part) -> bool:
    """Return whether an edit of all Content- fields of a part is right for all programs, also for those that read the last one only."""
    written = {each.start: each.lname for each in latest.header.fields if each.lname.startswith("content-")}
    charsets: dict[frozenset[int], str] = {}
    for part in found:
        fields = {each.start: each.lname for each in part.header.fields if each.lname.startswith("content-")}
        if not fields.items() <= written.items() or set(fields.values()) != set(written.values()):
            return False
        if charsets.setdefault(frozenset(fields), part.charset) != part.charset:
            return False
    return True


def _is_plain(raw: bytes, found: Sequence[Part]) -> bool:
    """Return whether a text is the same ASCII text in any of its encodings: the identity ones, and quoted-printable."""
    if not {part.encoding for part in found} <= IDENTITY | {"quoted-printable"}:
        return False
    return len({decode(raw[part.body : part.end], part.encoding) for part in found}) == 1 and _is_ascii(raw, found)


def _is_ascii(raw: bytes, found: Sequence[Part]) -> bool:
    """Return whether a text is ASCII in any of its charsets."""
    try:
        octets = decode(raw[found[0].body : found[0].end], found[0].encoding)
    except CannotEdit:
        return False
    return octets.isascii() and all(is_ascii_superset(part.charset) for part in found)


def _find_texts(raw: bytes, root: Part) -> Iterator[Part]:
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.content_type in {"text/plain", "text/html"} and part.header.disposition(raw) != "attachment":
            yield part
        elif part.maintype == "multipart" and part.content_type not in _SEALED:
            waiting.extend(part.children)


def _shape(reading: Message) -> tuple[object, ...]:
    parts = reading.structure.root.walk()
    return tuple(
        (len(part.children), part.content_type, part.encoding, part.charset, part.header.disposition(reading.raw)) for part in parts
    )
