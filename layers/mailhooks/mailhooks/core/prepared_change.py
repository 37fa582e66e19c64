"""A change of one message in the form in which it is written, with the reasons for which a platform would reject it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

from mailhooks.content.change import Change
from mailhooks.mime.edits import Edit, size_after, splice_pieces
from mailhooks.mime.message import Defect, Message
from mailhooks.mime.text.wrapping import close_multiparts


class Rejection(Protocol):
    """One reason why a platform would reject a changed message. Its text quotes no content.

    Attributes:
        code: the kind of the reason, as a bounce text gives it.
        before: whether the received message has the same defect.
    """

    @property
    def code(self) -> str: ...

    @property
    def before(self) -> bool: ...


class TooLarge(NamedTuple):
    """The changed message would be larger than a platform accepts."""

    limit: int
    before: bool

    @property
    def code(self) -> str:
        return f"the message is larger than {self.limit} octets"

    def __str__(self) -> str:
        return f"{self.code}, also before the change" if self.before else self.code


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A change of one message in the form in which it is written.

    Attributes:
        message: as it was received.
        edits: of `message`, with the closing delimiters that it lacks. Empty: nothing changes.
        rejections: why the platform would reject the change, without warnings.
    """

    message: Message
    edits: tuple[Edit, ...]
    rejections: tuple[Rejection, ...] = ()

    @property
    def size(self) -> int:
        """The size of the changed message in octets."""
        return size_after(self.message.raw, self.edits)

    def pieces(self) -> list[bytes | memoryview]:
        """Return the changed message, not joined: a second copy of a large message may not fit into the function's memory."""
        return splice_pieces(self.message.raw, self.edits)

    def limit_size(self, octets: int | None) -> Self:
        """Return the change, rejected if the changed message is larger than a platform's limit; None: any size."""
        if octets is None or not self.edits or self.rejections or self.size <= octets:
            return self
        return replace(self, rejections=(TooLarge(octets, before=len(self.message.raw) > octets),))

    def with_edit(self, edit: Edit) -> Self:
        """Return the change with one more edit, before insertions at the same place. The edit is not checked."""
        return replace(self, edits=(edit, *self.edits))


def prepare_change(message: Message, change: Change | PreparedChange) -> PreparedChange:
    """Add the closing delimiters that the message lacks to a change, without a check by a platform's rules; once only."""
    if isinstance(change, PreparedChange):
        return change
    edits = [edit for edit in change.edits if message.raw[edit.start : edit.end] != edit.new]
    if edits and not change.wraps and Defect.NOT_CLOSED in message.structure.defects and _is_cut_alike(message):
        edits = close_multiparts(message, edits)
    return PreparedChange(message, tuple(edits))


def _is_cut_alike(message: Message) -> bool:
    """Return whether the same closing delimiters are missing in every reading."""
    missing = close_multiparts(message, [])
    return message.readings is not None and all(close_multiparts(reading, []) == missing for reading in message.readings)


def rejection_text(rejections: Sequence[Rejection], title: str) -> str:
    """Return a sentence with the first rejections, for an error.

    Args:
        title: of the platform.
    """
    return f"{title} would reject the changed message: {'; '.join(map(str, rejections[:5]))}"
