"""Checks a changed message before the Put, by the rules of WorkMail. A message that WorkMail would reject stays unchanged.

Some rules are published (well-formed multiparts, lines, attachments that Amazon SES supports, sizes), others are not (which header fields).
An assumed rule rejects only a defect that our change causes. It warns of a defect in the received message: a rejected Put does no harm,
and a Put that is not attempted leaves the message unchanged without need.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mailhooks.content.change import Change
from mailhooks.contract.limits import (
    IMMUTABLE_HEADERS,
    MAX_ATTACHMENTS,
    MAX_CONTENT_BYTES,
    MAX_LINE_OCTETS,
    MAX_MESSAGE_BYTES,
    REQUIRED_HEADERS,
    SES_SINGLE_HEADERS,
)
from mailhooks.core.prepared_change import PreparedChange
from mailhooks.core.prepared_change import prepare_change as complete_change
from mailhooks.mail_limits import SES_UNSUPPORTED_EXTENSIONS, UNIQUE_HEADERS
from mailhooks.mime import filenames
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.headers import HeaderBlock
from mailhooks.mime.headers import scan as scan_header
from mailhooks.mime.message import AMBIGUOUS, Defect, Message, Part

_CRLF: Final = b"\r\n"

_SHORT: Final = 4096
"""Octets. A shorter body stays in the sketch."""

_Slice = tuple[bytes, int, int]
"""Bytes, and the start and the end of a slice of them."""


class Code(StrEnum):
    """A reason for a rejection."""

    TOO_LARGE = "the message is larger than 40 MB"
    TOO_MUCH_CONTENT = "the parts of the message are larger than 29 MB before they are encoded"
    LONG_LINE = "a line has more than 998 octets before its CRLF"
    BARE_LF = "a line ends in LF without CR"
    EIGHT_BIT_HEADER = "a header field has octets that are not ASCII"
    MISSING_HEADER = "a required header field is missing"
    REPEATED_HEADER = "a header field occurs twice"
    REPEATED_SES_HEADER = "a header field occurs twice, and Amazon SES accepts it once"
    CHANGED_HEADER = "an immutable header field was changed"
    MALFORMED = "the structure is not well-formed"
    PART_COUNT = "the number of parts is wrong"
    TOO_MANY_ATTACHMENTS = "there are more than 500 attachments"
    UNSUPPORTED_ATTACHMENT = "Amazon SES does not support the file name extension of an attachment"
    UNSUPPORTED_FORWARDED = "Amazon SES does not support the file name extension of an attachment in a forwarded message"


ASSUMED: Final = frozenset(
    {Code.TOO_MUCH_CONTENT, Code.BARE_LF, Code.EIGHT_BIT_HEADER, Code.REPEATED_SES_HEADER, Code.UNSUPPORTED_FORWARDED}
)
"""Rules that no source states for WorkMail, or whose measure no source defines: a message that WorkMail accepted may break them."""

_PUBLISHED: Final = frozenset({Defect.NOT_CLOSED, Defect.TOO_DEEP, Defect.TOO_MANY})
"""Defects that make a multipart "not well-formed" (API reference, PutRawMessageContent) in any sense. Others are assumed."""

_OF_A_HEADER: Final = frozenset(
    {Code.EIGHT_BIT_HEADER, Code.MISSING_HEADER, Code.REPEATED_HEADER, Code.REPEATED_SES_HEADER, Code.CHANGED_HEADER}
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One reason why WorkMail would reject a Put. Quotes no content.

    Attributes:
        code: the reason.
        place: the name of a header field, `line 17`, `part 2.1`, a defect of the structure; `""` for the whole message.
        before: whether the received message has the same defect.
    """

    code: Code
    place: str = ""
    before: bool = False

    @property
    def warning(self) -> bool:
        """Whether the Put is attempted in spite of this."""
        return self.before and (self.code in ASSUMED or (self.code is Code.MALFORMED and self.place not in _PUBLISHED))

    def __str__(self) -> str:
        text = f"{self.code} ({self.place})" if self.place else str(self.code)
        return f"{text}, also before the change" if self.before else text


def rejections(original: bytes, changed: bytes, *, added_parts: int = 0) -> list[Rejection]:
    """Return why WorkMail would reject `changed` as the new content of `original`, with warnings.

    Args:
        added_parts: how many parts the change adds on purpose. A multipart is a part too.
    """
    return rejections_of_edits(Message(original), [Edit(0, len(original), changed)], added_parts=added_parts)


def rejections_of_edits(message: Message, edits: Iterable[Edit], *, added_parts: int = 0) -> list[Rejection]:
    """Return the same for edits that are not applied yet: faster, and without a second copy of the message."""
    original = message.raw
    edits = sorted(edits, key=lambda edit: (edit.start, edit.end))
    # Not by `size_after`: a call into another module more, in the path of each message.
    size = len(original) + sum(len(edit.new) - (edit.end - edit.start) for edit in edits)
    found = [Rejection(Code.TOO_LARGE, before=len(original) > MAX_MESSAGE_BYTES)] if size > MAX_MESSAGE_BYTES else []
    # The first long line alone: such a message often has thousands of them.
    if number := _first_long_line(list(_slices(original, edits))):
        found.append(Rejection(Code.LONG_LINE, f"line {number}", before=_first_long_line([(original, 0, len(original))]) > 0))
    for edit in edits:
        # A line end may be half inside the edit.
        start, end = max(edit.start - 1, 0), min(edit.end + 1, len(original))
        new = original[start : edit.start] + edit.new + original[edit.end : end]
        found += _check_line_ends((original, start, end), (new, 0, len(new)))
    values = _header_values(message.raw, message.structure.root.header)
    new_values, after, omitted = _read_changed(message, edits)
    # Decoded content is never larger than the message.
    if size > MAX_CONTENT_BYTES:
        found += _check_content(message, after, omitted)
    found += [Rejection(Code.CHANGED_HEADER, name) for name in sorted(IMMUTABLE_HEADERS) if values.get(name) != new_values.get(name)]
    counts, new_counts = _count_parts(message), _count_parts(after)
    if counts[0] + added_parts != new_counts[0] or not {count - added_parts for count in new_counts} <= set(counts):
        found.append(Rejection(Code.PART_COUNT, f"{counts[0]} before, {new_counts[0]} after, {added_parts} added on purpose"))
    in_changed = [*_check_header(new_values), *_check_parts(after)]
    there_before = {_defect_of(each) for each in (*_check_header(values), *_check_parts(message))} if in_changed else set()
    return found + [Rejection(rejection.code, rejection.place, _defect_of(rejection) in there_before) for rejection in in_changed]


def blocking(found: Iterable[Rejection]) -> tuple[Rejection, ...]:
    """Return the rejections that prevent the Put: all but the warnings."""
    return tuple(rejection for rejection in found if not rejection.warning)


def prepare_change(message: Message, change: Change | PreparedChange) -> PreparedChange:
    """Add the closing delimiters that the message lacks to a change, and check it; once only."""
    if isinstance(change, PreparedChange):
        return change
    prepared = complete_change(message, change)
    if not prepared.edits:
        return prepared
    return replace(prepared, rejections=blocking(rejections_of_edits(message, prepared.edits, added_parts=change.added_parts)))


def _read_changed(message: Message, edits: Sequence[Edit]) -> tuple[dict[str, list[bytes]], Message, list[Part]]:
    """Read the changed message without a copy of all of it.

    Returns:
        Its header fields; a message with its parts, which is the received one if the parts stay as they are; and the parts of the received
        message whose bodies are left out of it.
    """
    if (header := _change_only_header(message, edits)) is not None:
        return header, message, []
    sketch, omitted = _sketch(message, edits)
    after = Message(sketch)
    return _header_values(after.raw, after.structure.root.header), after, omitted


def _change_only_header(message: Message, edits: Sequence[Edit]) -> dict[str, list[bytes]] | None:
    """Return the changed header fields if the rest of the message is certain to be read as before; else None.

    What programs read of a body depends on its octets and on the Content- fields. So the changed header alone is read again. In a message
    that can be read in two ways, the whole message is.
    """
    raw, structure = message.raw, message.structure
    root, before = structure.root, structure.root.header
    if not (before.complete and structure.enumerable) or structure.options:
        return None
    # Without an empty line after the header, a new line may join the body. An edit of the body may add or hide a part.
    if before.end == root.body or not edits or edits[-1].end > before.end:
        return None
    changed = splice(raw[: root.body], edits)
    after = scan_header(changed)
    # The same empty line has to end the header: an edit may add one, or a line that programs read in different ways.
    same_end = after.complete and not after.options and after.body == len(changed) and after.body - after.end == root.body - before.end
    # A NUL gives the whole message another reading: some programs delete it.
    if not same_end or b"\0" in changed or _content_fields(changed, after) != _content_fields(raw, before):
        return None
    return _header_values(changed, after)


def _content_fields(raw: bytes, header: HeaderBlock) -> list[bytes]:
    """Return the Content- fields as they are written, also with their folds."""
    return [raw[field.start : field.end] for field in header.fields if field.lname.startswith("content-")]


def _sketch(message: Message, edits: Sequence[Edit]) -> tuple[bytes, list[Part]]:
    """Return the changed message without the bodies of parts that are not edited, and these parts: it has the same fields and delimiters.

    In an ambiguous structure a body may hide parts, so all bodies stay. A boundary that an edit adds is assumed to be new.
    """
    original, structure = message.raw, message.structure
    if structure.options or structure.ambiguous:
        return splice(original, edits), []
    omitted: list[Part] = []
    upcoming = iter([*edits, Edit(len(original) + 1, len(original) + 1, b"")])
    edit = next(upcoming)
    for part in structure.root.walk():
        if part.children or part.end - part.body < _SHORT:
            continue
        while edit.end < part.start:
            edit = next(upcoming)
        if edit.start > part.end:
            omitted.append(part)
    return splice(original, [*edits, *(Edit(part.body, part.end, b"") for part in omitted)]), omitted


def _slices(original: bytes, edits: Iterable[Edit]) -> Iterator[_Slice]:
    """Yield the slices of the changed message."""
    done = 0
    for edit in edits:
        yield original, done, edit.start
        yield edit.new, 0, len(edit.new)
        done = edit.end
    yield original, done, len(original)


def _check_content(message: Message, after: Message, omitted: Sequence[Part]) -> Iterator[Rejection]:
    # Late for the cold start: few messages are so large.
    from mailhooks.mime.part_content import size, total_size

    if total_size(after) + sum(size(message.raw, part) for part in omitted) > MAX_CONTENT_BYTES:
        yield Rejection(Code.TOO_MUCH_CONTENT, before=total_size(message) > MAX_CONTENT_BYTES)


def _first_long_line(slices: Sequence[_Slice]) -> int:
    """Return the number of the first line that is too long, 0 if there is none. CRLF ends a line (RFC 5321 section 2.3.8).

    From the start of a line, search back from the last place where a line of legal length may end: that skips all short lines in between,
    and a message needs about one search for each thousand octets.
    """
    begun = 0
    last = b""
    for index, (octets, start, end) in enumerate(slices):
        if start == end:
            continue
        line = start - begun
        if last == b"\r" and octets.startswith(b"\n", start):
            line = start + 1
        while (found := octets.rfind(_CRLF, max(line, start), min(line + MAX_LINE_OCTETS, end))) >= 0:
            line = found + 2
        last = octets[end - 1 : end]
        if end - line - (last == b"\r") > MAX_LINE_OCTETS - 2:
            return _line_ends([*slices[:index], (octets, start, max(line, start))]) + 1
        begun = end - line
    return 0


def _line_ends(slices: Iterable[_Slice]) -> int:
    count = 0
    last = b""
    for octets, start, end in slices:
        if start < end:
            count += octets.count(_CRLF, start, end) + (last == b"\r" and octets.startswith(b"\n", start))
            last = octets[end - 1 : end]
    return count


def _check_line_ends(before: _Slice, after: _Slice) -> Iterator[Rejection]:
    """Yield a rejection if the change adds bare LFs. In a message that has them, added lines end in the same way."""
    if _bare_lfs(*after) > _bare_lfs(*before):
        yield Rejection(Code.BARE_LF, before=_bare_lfs(before[0], 0, len(before[0])) > 0)


def _bare_lfs(octets: bytes, start: int, end: int) -> int:
    return octets.count(b"\n", start, end) - octets.count(_CRLF, start, end)


def _header_values(raw: bytes, header: HeaderBlock) -> dict[str, list[bytes]]:
    values: dict[str, list[bytes]] = {}
    for field in header.fields:
        values.setdefault(field.lname, []).append(field.value(raw))
    return values


def _count_parts(message: Message) -> list[int]:
    """Count the parts in each reading, without those in forwarded messages: a count does not show whether these stay whole."""
    readings = message.readings if message.structure.options else None
    return [sum(not part.embedded for part in reading.structure.root.walk()) for reading in readings or [message]]


def _defect_of(rejection: Rejection) -> tuple[Code, str]:
    """Return a value that is equal for the same defect before and after a change, as parts may have other numbers."""
    return rejection.code, rejection.place if rejection.code in _OF_A_HEADER or rejection.code is Code.MALFORMED else ""


def _check_header(values: Mapping[str, Sequence[bytes]]) -> Iterator[Rejection]:
    """Check the header of a message without regard to an earlier form."""
    for name in sorted(REQUIRED_HEADERS - values.keys()):
        yield Rejection(Code.MISSING_HEADER, name)
    for name, occurrences in values.items():
        if len(occurrences) > 1 and name in UNIQUE_HEADERS:
            yield Rejection(Code.REPEATED_HEADER, name)
        elif len(occurrences) > 1 and name in SES_SINGLE_HEADERS:
            yield Rejection(Code.REPEATED_SES_HEADER, name)
        if not all(map(bytes.isascii, occurrences)):
            yield Rejection(Code.EIGHT_BIT_HEADER, name)


def _check_parts(message: Message) -> Iterator[Rejection]:
    """Check the parts of a message without regard to an earlier form."""
    for defect in sorted(message.structure.defects & (AMBIGUOUS | {Defect.NOT_CLOSED})):
        yield Rejection(Code.MALFORMED, str(defect))
    yield from _check_attachments(message)


def _check_attachments(message: Message) -> Iterator[Rejection]:
    raw, count = message.raw, 0
    for place, part in message.structure.numbered():
        given = filenames.find_all_filenames(raw, part) if part.header.values_with_name(raw) else ()
        if any(filenames.find_extensions(name).last & SES_UNSUPPORTED_EXTENSIONS for name in given):
            yield Rejection(Code.UNSUPPORTED_FORWARDED if part.embedded else Code.UNSUPPORTED_ATTACHMENT, f"part {place or 0}")
        count += not part.embedded and (bool(given) or part.header.disposition(raw) == "attachment")
    if count > MAX_ATTACHMENTS:
        yield Rejection(Code.TOO_MANY_ATTACHMENTS)
