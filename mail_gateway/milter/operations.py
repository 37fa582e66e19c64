"""The changes of a message as operations of the milter protocol: the fewest header operations, and a body only if it changed.

The operations are in an order in which all MTAs apply them alike:

1. Insertions, from the last place to the first, so that none moves the place of another. Places count from the MTA's own Received field.
2. Changes and deletions, from the last field to the first: Sendmail still counts a deleted field, Postfix does not.
3. Additions at the end, in their order.
4. The body: Postfix needs its chunks without other operations between them.

QUIRK: Postfix's action PREPEND adds fields above its Received field and shows them to the milter. A field that is inserted among these is
one place lower than in the changed message. In Sendmail, its own fields move an inserted field likewise.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from mail_gateway.milter.difference import find_difference
from mail_gateway.milter.protocol import CHUNK_OCTETS, Packet, add_header, change_header, insert_header, replace_body
from mailhooks.errors import PermanentError

_FIELD: Final = re.compile(rb"[!-9;-~]+:")
"""The start of a field (RFC 5322 section 2.2)."""

_FIELD_START: Final = re.compile(rb"(?<=\r\n)(?![ \t])")

_NOT_IN_VALUE: Final = re.compile(rb"\0|(?<!\r)\n|\r\r\n")
"""A value ends at NUL, and the MTA writes CRLF for each LF. Sendmail forbids a CR before it."""


class CannotExpress(PermanentError):
    """The milter protocol has no operation for a change. Nothing was sent: the message can pass unchanged."""


class Line(NamedTuple):
    """A header field: its name as it is written, and all its octets with the line end."""

    name: bytes
    octets: bytes

    @property
    def value(self) -> bytes:
        """The octets after the colon, with LF as line end, as operations have them."""
        return self.octets[len(self.name) + 1 : -2].replace(b"\r\n", b"\n")


class Operations(NamedTuple):
    """The operations that make the changed message out of the received one.

    Attributes:
        header: packets, in their order.
        body: the new body; None if it stays as it is.
    """

    header: list[Packet]
    body: list[memoryview] | None

    def packets(self) -> Iterator[Packet]:
        """Yield all packets. Those of the body are made when they are needed."""
        yield from self.header
        if self.body is not None:
            yield from map(replace_body, _cut_chunks(self.body))


def plan_operations(
    fields: Sequence[tuple[bytes, bytes]], content: bytes, pieces: Iterable[bytes | memoryview], *, leading_space: bool = True
) -> Operations:
    """Return the operations that change a message.

    Args:
        fields: of the received message, as in `MilterMessage`.
        content: the received message.
        pieces: the changed message.
        leading_space: whether `Option.LEADING_SPACE` was negotiated. If not, the MTA writes one space after each colon.

    Raises:
        CannotExpress: the changed message has no header that an MTA can make by operations.
    """
    header, body = _split(pieces)
    old = [Line(*field) for field in fields]
    packets = _plan_header(old, _read_lines(header), leading_space=leading_space)
    start = sum(len(line.octets) for line in old) + len(b"\r\n")
    return Operations(packets, None if _is_same(body, memoryview(content)[start:]) else body)


def _split(pieces: Iterable[bytes | memoryview]) -> tuple[bytes, list[memoryview]]:
    """Split a message at its first empty line, which belongs to neither part. Only the header is copied."""
    views = [memoryview(piece) for piece in pieces]
    # With a line end in front, so that an empty line is also found where there is no header.
    head = bytearray(b"\r\n")
    for number, view in enumerate(views):
        for start in range(0, len(view), CHUNK_OCTETS):
            before = len(head)
            head += view[start : start + CHUNK_OCTETS]
            end = head.find(b"\r\n\r\n", max(before - 3, 0))
            if end >= 0:
                return bytes(head[2 : end + 2]), [view[start + end + 4 - before :], *views[number + 1 :]]
    raise CannotExpress("the changed message has no empty line after its header")


def _read_lines(header: bytes) -> list[Line]:
    """Return the fields of a header that ends in CRLF, with their folds."""
    return [Line(octets.partition(b":")[0], octets) for octets in _FIELD_START.split(header) if octets]


def _plan_header(old: Sequence[Line], new: Sequence[Line], *, leading_space: bool) -> list[Packet]:
    def write_value(line: Line) -> bytes:
        return line.value if leading_space else line.value.removeprefix(b" ")

    def can_change(before: Line, after: Line) -> bool:
        # Sendmail keeps the name, and an empty value deletes the field.
        return before.name == after.name and write_value(after) != b""

    difference = find_difference(old, new, can_change)
    added = [(place, _check(new[index])) for place, index in difference.inserted]
    inserted = [(place, line) for place, line in added if place < len(old)]
    occurrences = _count_occurrences(old, inserted)
    changed = [
        change_header(occurrences[at], old[at].name, b"" if index is None else write_value(_check(new[index])))
        for at, index in difference.replaced
    ]
    return [
        *(insert_header(place + 1, line.name, write_value(line)) for place, line in reversed(inserted)),
        *reversed(changed),
        *(add_header(line.name, write_value(line)) for place, line in added if place == len(old)),
    ]


def _check(line: Line) -> Line:
    """Return a line if it is a field that an operation can write. Raises CannotExpress."""
    if not _FIELD.match(line.octets):
        raise CannotExpress("the changed message has a line in its header that is no field")
    if _NOT_IN_VALUE.search(line.octets):
        raise CannotExpress("a changed header field has a line end that is not CRLF, or a NUL")
    return line


def _count_occurrences(old: Sequence[Line], inserted: Iterable[tuple[int, Line]]) -> list[int]:
    """Return for each old field its number among the fields with its name, after the insertions."""
    names: list[list[bytes]] = [[] for _ in old]
    for place, line in inserted:
        names[place].append(line.name.lower())
    counts: Counter[bytes] = Counter()
    found = []
    for before, line in zip(names, old, strict=True):
        counts.update([*before, line.name.lower()])
        found.append(counts[line.name.lower()])
    return found


def _is_same(pieces: Iterable[memoryview], original: memoryview) -> bool:
    """Return whether the pieces have the original's octets. Compares them in chunks, without a copy of all."""
    at = 0
    for chunk in _cut_chunks(pieces):
        if original[at : at + len(chunk)].tobytes() != chunk:
            return False
        at += len(chunk)
    return at == len(original)


def _cut_chunks(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """Yield the octets in chunks of the greatest size that a packet may have; one empty chunk if there are none."""
    chunk = bytearray()
    is_empty = True
    for piece in pieces:
        for start in range(0, len(piece), CHUNK_OCTETS):
            chunk += piece[start : start + CHUNK_OCTETS]
            if len(chunk) >= CHUNK_OCTETS:
                yield bytes(chunk[:CHUNK_OCTETS])
                del chunk[:CHUNK_OCTETS]
                is_empty = False
    if chunk or is_empty:
        yield bytes(chunk)
