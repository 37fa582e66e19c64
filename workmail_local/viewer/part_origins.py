"""The part of the original message from which each part of a changed message comes."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from mailhooks.mime import part_content
from mailhooks.mime.edits import Edit
from mailhooks.mime.message import Message, Part


def find_origins(before: Message, after: Message, edits: Sequence[Edit]) -> dict[int, Part]:
    """Return the original part of each changed part, by the changed part's `id`. Added parts have none.

    Edits change neither the order of parts nor their types; another program may.
    """
    by_body: dict[int, Part] = {}
    for part in after.structure.root.walk():
        by_body.setdefault(part.body, part)
    numbered = list(before.structure.numbered())
    by_number = dict(after.structure.numbered())
    free = {id(part): part for part in by_number.values()}
    found: dict[int, Part] = {}
    # First parts at the same place with the same content, then those with the same content elsewhere: a program may write the whole message
    # again, with other boundaries, encodings and another order. Then changed parts: at the same place, or with the same number.
    rounds: tuple[Callable[[str, Part], Iterable[Part]], ...] = (
        lambda _, part: (each for each in _list_at(by_body, part, edits) if _has_same_body(before.raw, part, after.raw, each)),
        _EqualContents(before.raw, after.raw, free).find,
        lambda _, part: _list_at(by_body, part, edits),
        lambda number, _: (by_number[number],) if number in by_number else (),
    )
    for find_candidates in rounds:
        lost = []
        for number, part in numbered:
            candidates = (each for each in find_candidates(number, part) if id(each) in free and each.content_type == part.content_type)
            candidate = next(candidates, None)
            if candidate is None:
                lost.append((number, part))
            else:
                found[id(candidate)] = part
                del free[id(candidate)]
        numbered = lost
    return found


def _list_at(by_body: Mapping[int, Part], part: Part, edits: Sequence[Edit]) -> Iterator[Part]:
    """Yield the new parts at the place of an old one."""
    low, high = _moved(part.body, edits)
    # An insertion where a body begins is a header or an enclosing part (the body begins behind it), or new text in the body.
    yield from (by_body[offset] for offset in (high, low) if offset in by_body)


def _has_same_body(raw: bytes, part: Part, raw_after: bytes, other: Part) -> bool:
    return bool(part.children) or raw[part.body : part.end] == raw_after[other.body : other.end]


class _EqualContents:
    """Finds the new parts with the decoded content of an old one."""

    def __init__(self, raw: bytes, raw_after: bytes, free: Mapping[int, Part]) -> None:
        self._raw = raw
        self._raw_after = raw_after
        self._free = free

    @cached_property
    def _by_digest(self) -> dict[tuple[str, bytes], deque[Part]]:
        """The new parts that have no origin when the first old part is searched."""
        found: dict[tuple[str, bytes], deque[Part]] = {}
        for part in self._free.values():
            if not part.children:
                found.setdefault(_digest_content(self._raw_after, part), deque()).append(part)
        return found

    def find(self, _: str, part: Part) -> Iterator[Part]:
        """Yield the next new part with the content, which is then the old part's."""
        queue = None if part.children else self._by_digest.get(_digest_content(self._raw, part))
        if queue:
            yield queue.popleft()


def _digest_content(raw: bytes, part: Part) -> tuple[str, bytes]:
    content = part_content.read_leniently(raw, part)
    # Encoding a text again may change its last line end.
    text = content.replace(b"\r\n", b"\n").rstrip(b"\n") if part.maintype == "text" else content
    return part.content_type, hashlib.sha256(text).digest()


def _moved(offset: int, edits: Sequence[Edit]) -> tuple[int, int]:
    """Return an offset after the edits: before and behind the text that is inserted at this offset."""
    low = offset + sum(len(new) - (end - start) for start, end, new in edits if end <= offset and start < offset)
    return low, low + sum(len(new) for start, end, new in edits if start == end == offset)
