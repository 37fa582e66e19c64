"""A message before and after, when nothing is known of how the one became the other: what a function of anybody's did to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from local.viewer.diff import Line, LineDiff, diff_messages
from local.viewer.part_changes import Mark, Row, Side, done, origins
from local.viewer.rendered import headers, texts
from mailhooks.mime.edits import Edit
from mailhooks.mime.filenames import filename
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Part


@dataclass(frozen=True)
class Comparison:
    """Two sides; the same one twice when nothing was changed."""

    before: Side
    after: Side

    @classmethod
    def of(cls, before: bytes, after: bytes) -> Self:
        """Looks where the parts lie. What differs is found when it is asked for: with a large message that takes its time."""
        side = Side(Message(before))
        return cls(side, side if before == after else Side(Message(after)))

    @cached_property
    def _diff(self) -> LineDiff:
        return diff_messages(self.before.raw, self.after.raw)

    @cached_property
    def edits(self) -> Sequence[Edit]:
        """Edits of whole lines that make the second side of the first."""
        return self._diff.edits()

    @property
    def changed(self) -> bool:
        """Whether there is any difference."""
        return self.after is not self.before

    def rows(self) -> tuple[list[Row], list[Row]]:
        """The parts of both sides: what is gone is marked in the first, what was added in the second, what was changed in both."""
        if not self.changed:
            rows = [Row(place, depth, part, Mark.KEPT, self._named(part)) for place, depth, part in self.before.placed()]
            return rows, rows
        rows_after = done(self.before, self.after, self.edits)
        marks = {id(row.part): row.mark for row in rows_after}
        came_of = {id(origin): marks[after_id] for after_id, origin in origins(self.before, self.after, self.edits).items()}
        rows_before = [
            Row(place, depth, part, came_of.get(id(part), Mark.GONE), self._named(part)) for place, depth, part in self.before.placed()
        ]
        return rows_before, rows_after

    def texts(self, most: int) -> tuple[list[list[Line]], list[list[Line]]]:
        """The plain texts of both sides, at most so many; see `rendered.texts`."""
        added = frozenset(id(row.part) for row in self.rows()[1] if row.mark is Mark.ADDED)
        return texts(self.before, self.after, added, most)

    def headers(self) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str, bool]]]:
        """The header fields of both sides; see `rendered.headers`."""
        return headers(self.before, self.after)

    def diff(self) -> list[Line]:
        """The source, as a unified diff."""
        return self._diff.unified()

    def _named(self, part: Part) -> tuple[str, ...]:
        name = filename(self.before.raw, part)
        return (f'"{name}"',) if name else ()
