"""The differences of two versions of a message, when only the two are known and not the function that changed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from local.viewer.diff import Line, LineDiff
from local.viewer.part_changes import Mark, PartRow, describe_changes, find_origins
from local.viewer.rendered import mark_headers, mark_texts
from mailhooks.mime.edits import Edit
from mailhooks.mime.filenames import find_filename
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Part


@dataclass(frozen=True)
class Comparison:
    """A message before and after a change. An unchanged message is the same object twice."""

    before: Message
    after: Message

    @classmethod
    def of(cls, before: bytes, after: bytes) -> Self:
        """Compare two messages. Each difference is computed when it is first read: with a large message that takes time."""
        message = Message(before)
        return cls(message, message if before == after else Message(after))

    @cached_property
    def _diff(self) -> LineDiff:
        return LineDiff(self.before.raw, self.after.raw)

    @cached_property
    def edits(self) -> Sequence[Edit]:
        """Edits of whole lines that turn `before` into `after`."""
        return self._diff.edits()

    @property
    def changed(self) -> bool:
        return self.after is not self.before

    def rows(self) -> tuple[list[PartRow], list[PartRow]]:
        """Return the parts of both messages. The first list marks removed parts, the second added parts, both mark changed parts."""
        if not self.changed:
            rows = [PartRow(number, part, Mark.KEPT, self._named(part)) for number, part in self.before.structure.numbered()]
            return rows, rows
        rows_after = describe_changes(self.before, self.after, self.edits)
        origins = find_origins(self.before, self.after, self.edits)
        marks = {id(origins[id(row.part)]): row.mark for row in rows_after if id(row.part) in origins}
        rows_before = [
            PartRow(number, part, marks.get(id(part), Mark.REMOVED), self._named(part)) for number, part in self.before.structure.numbered()
        ]
        return rows_before, rows_after

    def texts(self, limit: int) -> tuple[list[list[Line]], list[list[Line]]]:
        """Return at most `limit` plain texts of each message; see `rendered.mark_texts`."""
        return mark_texts(self.before, self.after, self.rows()[1], limit)

    def headers(self) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str, bool]]]:
        """Return the header fields of both messages; see `rendered.mark_headers`."""
        return mark_headers(self.before, self.after)

    def diff(self) -> list[Line]:
        """Return the unified diff of the sources."""
        return self._diff.unified()

    def _named(self, part: Part) -> tuple[str, ...]:
        name = find_filename(self.before.raw, part)
        return (f'"{name}"',) if name else ()
