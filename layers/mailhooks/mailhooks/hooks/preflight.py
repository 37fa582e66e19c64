"""Looks at a changed message as PutRawMessageContent will, before it is put: what would be refused goes on unchanged, with the reason.

What the service refuses is in part published (well-formed multiparts, lines, attachments that Amazon SES supports, sizes) and in part not
(which headers). A rule that is only assumed refuses what our own change brought in; of what was there before it merely warns, since a Put
that is refused after all does no harm, while one that is not even tried does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from mailhooks.content.change import Change
from mailhooks.contract.limits import (
    IMMUTABLE_HEADERS,
    MAX_ATTACHMENTS,
    MAX_LINE_OCTETS,
    MAX_MESSAGE_BYTES,
    REQUIRED_HEADERS,
    SES_SINGLE_HEADERS,
    SES_UNSUPPORTED_EXTENSIONS,
    UNIQUE_HEADERS,
)
from mailhooks.mime import filenames
from mailhooks.mime.edits import Edit, pieces, splice
from mailhooks.mime.filenames import disposition
from mailhooks.mime.message import Message
from mailhooks.mime.structure import AMBIGUOUS, Defect
from mailhooks.mime.text.closing_delimiters import close_multiparts

_CRLF: Final = b"\r\n"

_SHORT: Final = 4096  # octets of a body, not worth leaving out of a sketch

_Stretch = tuple[bytes, int, int]
"""Bytes, and from where to where of them."""

_BLOCK: Final = 65536
"""Octets that are compared at once."""


class Code(StrEnum):
    """What is refused."""

    TOO_LARGE = "the message is larger than 40 MB"
    LONG_LINE = "a line has more than 998 octets and its CRLF"
    BARE_LF = "a line ends in LF without CR"
    EIGHT_BIT_HEADER = "a header has octets outside of ASCII"
    MISSING_HEADER = "a required header is missing"
    REPEATED_HEADER = "a header that may be there once is there again"
    REPEATED_SES_HEADER = "a header that Amazon SES takes once is there again"
    CHANGED_HEADER = "an immutable header was changed"
    MALFORMED = "the structure is not well-formed"
    PART_COUNT = "the number of parts is another than it should be"
    TOO_MANY_ATTACHMENTS = "there are more than 500 attachments"
    UNSUPPORTED_ATTACHMENT = "an attachment has an ending that Amazon SES does not support"
    UNSUPPORTED_FORWARDED = "a forwarded message has an attachment with an ending that Amazon SES does not support"


ASSUMED: Final = frozenset({Code.BARE_LF, Code.EIGHT_BIT_HEADER, Code.REPEATED_SES_HEADER, Code.UNSUPPORTED_FORWARDED})
"""Rules that no source states of WorkMail."""

_OF_A_HEADER: Final = frozenset(
    {Code.EIGHT_BIT_HEADER, Code.MISSING_HEADER, Code.REPEATED_HEADER, Code.REPEATED_SES_HEADER, Code.CHANGED_HEADER}
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One thing for which a Put would be refused. Has nothing of the message's content.

    Attributes:
        code: what is the matter.
        place: a header's name, `line 17`, `part 2.1`, a defect of the structure; `""` for the message as a whole.
        before: whether the message that arrived has the like.
    """

    code: Code
    place: str = ""
    before: bool = False

    @property
    def warning(self) -> bool:
        """Whether this is no reason to hold the Put back."""
        return self.before and self.code in ASSUMED

    def __str__(self) -> str:
        text = f"{self.code} ({self.place})" if self.place else str(self.code)
        return f"{text}, as was there before" if self.before else text


def rejections(original: bytes, changed: bytes, *, added_parts: int = 0) -> list[Rejection]:
    """Why `changed` would not be taken as the new content of the message that arrived as `original`; warnings included.

    Args:
        added_parts: how many parts the change is meant to have added; a multipart is a part too.
    """
    start, end = _common_ends(original, changed)
    # With the octet at either side, as a line end may lie half in the change and half beside it.
    start, end = max(start - 1, 0), max(end - 1, 0)
    old, new = (original, start, len(original) - end), (changed, start, len(changed) - end)
    found = [*_size(original, len(changed)), *_long_line(original, [(changed, 0, len(changed))]), *_bare_lf(old, new)]
    return found + _of_structure(Message(original), changed, added_parts)


def rejections_of_edits(message: Message, edits: Iterable[Edit], *, added_parts: int = 0) -> list[Rejection]:
    """As `rejections`, for a change that is not carried out yet: faster, and without a second copy of the message."""
    original = message.raw
    edits = sorted(edits, key=lambda edit: (edit.start, edit.end))
    size = len(original) + sum(len(edit.new) - (edit.end - edit.start) for edit in edits)
    found = [*_size(original, size), *_long_line(original, list(_stretches(original, edits)))]
    for edit in edits:
        # A line end may lie half in the edit and half beside it.
        start, end = max(edit.start - 1, 0), min(edit.end + 1, len(original))
        new = original[start : edit.start] + edit.new + original[edit.end : end]
        found += _bare_lf((original, start, end), (new, 0, len(new)))
    return found + _of_structure(message, _sketch(message, edits), added_parts)


def blocking(found: Iterable[Rejection]) -> tuple[Rejection, ...]:
    """Those for which the message has to go on unchanged: all but the warnings. If each is `before`, our change is not to blame."""
    return tuple(refusal for refusal in found if not refusal.warning)


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A change of one message in the form in which it is written.

    Attributes:
        message: as it was received.
        edits: of `message`, with the closing delimiters that it lacks. Empty: nothing changes.
        rejections: why WorkMail would reject the change, without warnings.
    """

    message: Message
    edits: tuple[Edit, ...]
    rejections: tuple[Rejection, ...] = ()

    @property
    def size(self) -> int:
        """The size of the changed message in octets."""
        return len(self.message.raw) + sum(len(edit.new) - (edit.end - edit.start) for edit in self.edits)

    def pieces(self) -> list[bytes | memoryview]:
        """Return the changed message, not joined: a second copy of a large message may not fit into the function's memory."""
        return pieces(self.message.raw, self.edits)

    def with_edit(self, edit: Edit) -> Self:
        """Return the change with one more edit, before insertions at the same place. The edit is not checked."""
        return replace(self, edits=(edit, *self.edits))


def rejection_text(rejections: Sequence[Rejection]) -> str:
    """Return a sentence with the first rejections, for an error."""
    return f"WorkMail would reject the changed message: {'; '.join(map(str, rejections[:5]))}"


def prepare_change(message: Message, change: Change | PreparedChange) -> PreparedChange:
    """Add the closing delimiters that the message lacks to a change, and check it; once only."""
    if isinstance(change, PreparedChange):
        return change
    edits = [edit for edit in change.edits if message.raw[edit.start : edit.end] != edit.new]
    if not edits:
        return PreparedChange(message, ())
    if not change.wraps and Defect.NOT_CLOSED in message.structure.defects:
        edits = close_multiparts(message, edits)
    return PreparedChange(message, tuple(edits), blocking(rejections_of_edits(message, edits, added_parts=change.added_parts)))


def _of_structure(message: Message, changed: bytes, added_parts: int) -> list[Rejection]:
    """What header fields and parts are refused for. `changed` may lack bodies."""
    after = Message(changed)
    found = [*_changed_headers(_values(message), _values(after)), *_part_count(message, after, added_parts)]
    in_changed = list(_of_message(after))
    there_before = set(map(_likeness, _of_message(message))) if in_changed else set()
    return found + [Rejection(refusal.code, refusal.place, _likeness(refusal) in there_before) for refusal in in_changed]


def _common_ends(one: bytes, other: bytes) -> tuple[int, int]:
    """How many octets both begin with, and with how many of the rest both end."""
    longest = min(len(one), len(other))
    start = _leap(longest, lambda at, step: other.startswith(one[at : at + step], at))
    ones, others = len(one), len(other)
    end = _leap(longest - start, lambda at, step: other.endswith(one[ones - at - step : ones - at], 0, others - at))
    return start, end


def _leap(longest: int, same: Callable[[int, int], bool]) -> int:
    """How far `same(at, step)` goes on being true, up to `longest`: in steps of a block, then in halves of it."""
    at, step = 0, _BLOCK
    while at < longest and step:
        step = min(step, longest - at)
        if same(at, step):
            at += step
        else:
            step //= 2
    return at


def _sketch(message: Message, edits: Sequence[Edit]) -> bytes:
    """The changed message without the bodies of the parts that are not edited: the same header fields, parts and delimiters.

    In an ambiguous structure a body may hide parts: nothing is left out. A boundary that an edit brings in is taken to be new.
    """
    original, structure = message.raw, message.structure
    if structure.ambiguous:
        return splice(original, edits)
    left_out: list[Edit] = []
    upcoming = iter([*edits, Edit(len(original) + 1, len(original) + 1, b"")])
    edit = next(upcoming)
    for part in structure.root.walk():
        if part.children or part.end - part.body < _SHORT:
            continue
        while edit.end < part.start:
            edit = next(upcoming)
        if edit.start > part.end:
            left_out.append(Edit(part.body, part.end, b""))
    return splice(original, [*edits, *left_out])


def _size(original: bytes, size: int) -> Iterator[Rejection]:
    if size > MAX_MESSAGE_BYTES:
        yield Rejection(Code.TOO_LARGE, before=len(original) > MAX_MESSAGE_BYTES)


def _stretches(original: bytes, edits: Iterable[Edit]) -> Iterator[_Stretch]:
    """What the changed message consists of."""
    done = 0
    for edit in edits:
        yield original, done, edit.start
        yield edit.new, 0, len(edit.new)
        done = edit.end
    yield original, done, len(original)


def _long_line(original: bytes, changed: Sequence[_Stretch]) -> Iterator[Rejection]:
    """Only the first: a message whose lines are too long has often thousands of them."""
    number = _first_long_line(changed)
    if number:
        yield Rejection(Code.LONG_LINE, f"line {number}", before=_first_long_line([(original, 0, len(original))]) > 0)


def _first_long_line(stretches: Sequence[_Stretch]) -> int:
    """The number of the first line that is too long, 0 if none is. Lines are what CRLF separates (RFC 5321 section 2.3.8).

    From a line's start it leaps to the last CRLF that a line of legal length could end in, over all the short lines between: so a message
    takes about as many leaps as it has thousands of octets.
    """
    begun = 0
    last = b""
    for index, (octets, start, end) in enumerate(stretches):
        if start == end:
            continue
        line = start - begun
        if last == b"\r" and octets.startswith(b"\n", start):
            line = start + 1
        while (found := octets.rfind(_CRLF, max(line, start), min(line + MAX_LINE_OCTETS, end))) >= 0:
            line = found + 2
        last = octets[end - 1 : end]
        if end - line - (last == b"\r") > MAX_LINE_OCTETS - 2:
            return _line_ends([*stretches[:index], (octets, start, max(line, start))]) + 1
        begun = end - line
    return 0


def _line_ends(stretches: Iterable[_Stretch]) -> int:
    count = 0
    last = b""
    for octets, start, end in stretches:
        if start < end:
            count += octets.count(_CRLF, start, end) + (last == b"\r" and octets.startswith(b"\n", start))
            last = octets[end - 1 : end]
    return count


def _bare_lf(before: _Stretch, after: _Stretch) -> Iterator[Rejection]:
    """Only where the change brought more of them; what it adds to a message with such lines has to be like them."""
    if _bare_lfs(*after) > _bare_lfs(*before):
        yield Rejection(Code.BARE_LF, before=_bare_lfs(before[0], 0, len(before[0])) > 0)


def _bare_lfs(octets: bytes, start: int, end: int) -> int:
    return octets.count(b"\n", start, end) - octets.count(_CRLF, start, end)


def _values(message: Message) -> dict[str, list[bytes]]:
    values: dict[str, list[bytes]] = {}
    for field in message.structure.root.header.fields:
        values.setdefault(field.lname, []).append(field.value(message.raw))
    return values


def _changed_headers(before: dict[str, list[bytes]], after: dict[str, list[bytes]]) -> Iterator[Rejection]:
    for name in sorted(IMMUTABLE_HEADERS):
        if before.get(name) != after.get(name):
            yield Rejection(Code.CHANGED_HEADER, name)


def _part_count(before: Message, after: Message, added: int) -> Iterator[Rejection]:
    """Without what is in forwarded messages: whether such a one stays whole is not seen by counting."""
    counts = [sum(not part.embedded for part in message.structure.root.walk()) for message in (before, after)]
    if counts[0] + added != counts[1]:
        yield Rejection(Code.PART_COUNT, f"{counts[0]} before, {counts[1]} after, {added} added on purpose")


def _likeness(refusal: Rejection) -> tuple[Code, str]:
    """Equal for what is wrong in the same way, though parts may have another number now."""
    return refusal.code, refusal.place if refusal.code in _OF_A_HEADER or refusal.code is Code.MALFORMED else ""


def _of_message(message: Message) -> Iterator[Rejection]:
    """What is refused of a message whatever it was before."""
    values = _values(message)
    for name in sorted(REQUIRED_HEADERS - values.keys()):
        yield Rejection(Code.MISSING_HEADER, name)
    for name, occurrences in values.items():
        if len(occurrences) > 1 and name in UNIQUE_HEADERS:
            yield Rejection(Code.REPEATED_HEADER, name)
        elif len(occurrences) > 1 and name in SES_SINGLE_HEADERS:
            yield Rejection(Code.REPEATED_SES_HEADER, name)
        if not all(map(bytes.isascii, occurrences)):
            yield Rejection(Code.EIGHT_BIT_HEADER, name)
    for defect in sorted(message.structure.defects & (AMBIGUOUS | {Defect.NOT_CLOSED})):
        yield Rejection(Code.MALFORMED, str(defect))
    yield from _of_attachments(message)


def _of_attachments(message: Message) -> Iterator[Rejection]:
    raw, count = message.raw, 0
    for place, part in message.structure.numbered():
        given = filenames.all_filenames(raw, part)
        if any(filenames.extensions(name).last & SES_UNSUPPORTED_EXTENSIONS for name in given):
            yield Rejection(Code.UNSUPPORTED_FORWARDED if part.embedded else Code.UNSUPPORTED_ATTACHMENT, f"part {place or 0}")
        count += not part.embedded and (bool(given) or disposition(raw, part) == "attachment")
    if count > MAX_ATTACHMENTS:
        yield Rejection(Code.TOO_MANY_ATTACHMENTS)
