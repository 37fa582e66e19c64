"""Makes the changes that rules want of one message, one after the other, and says them as edits of the message as it came."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.edits import Edit, compose, splice
from mailhooks.mime.message import Message
from mailhooks.policy.evaluation.outcome import WantedChange
from mailhooks.policy.rules.actions import AddDisclaimer, ChangeHeaders, ContentChange, StripAttachments, TagSubject

_APART: Final = frozenset({TagSubject, ChangeHeaders, StripAttachments})
"""Changes of different places: the subject, other fields, attachments. Two of one kind may be about the same place."""


@dataclass(frozen=True)
class Applied:
    """The changes together.

    Attributes:
        raw: the message as it came.
        edits: in offsets of `raw`.
        added_parts, wraps: see `mailhooks.hooks.invocation.Mail.edit`.
        made: the changes that were made.
        refusals: the changes that were not, and why.
    """

    raw: bytes
    edits: tuple[Edit, ...] = ()
    added_parts: int = 0
    wraps: bool = False
    made: tuple[WantedChange, ...] = ()
    refusals: tuple[tuple[WantedChange, CannotChangeSafely], ...] = ()

    @cached_property
    def content(self) -> bytes:
        """The changed message."""
        return splice(self.raw, self.edits)


def apply_changes(message: Message, changes: Sequence[WantedChange], values: Mapping[str, str], *, wrap: bool = False) -> Applied:
    """Makes the changes in their order. One that cannot be made stands in `refusals`, and the others are made.

    Args:
        values: of the templates' variables, names in lower case.
        wrap: whether disclaimers that would wrap a message that is not to be changed do so now.
    """
    edits: list[Edit] = []
    made: list[WantedChange] = []
    refusals: list[tuple[WantedChange, CannotChangeSafely]] = []
    added_parts, wraps, content = 0, False, message
    together: list[Edit] = []
    for batch in _batches(changes):
        # Not after the last one: of a large message that would be a copy for nobody.
        content, together = (Message(splice(content.raw, together)) if together else content), []
        for wanted in batch:
            try:
                changed = _changed(wanted.change, content, values, wrap)
            except CannotChangeSafely as trouble:
                refusals.append((wanted, trouble))
                continue
            if changed.edits:
                together += changed.edits
                made.append(wanted)
                added_parts, wraps = added_parts + changed.added_parts, wraps or changed.wraps
        if together:
            edits = compose(edits, together) if edits else together
    return Applied(message.raw, tuple(edits), added_parts, wraps, tuple(made), tuple(refusals))


def _batches(changes: Sequence[WantedChange]) -> Iterator[list[WantedChange]]:
    """The changes in their order, those together that do not see one another: for them the message is neither copied nor read again."""
    batch: list[WantedChange] = []
    kinds: set[type] = set()
    for wanted in changes:
        kind = type(wanted.change)
        if kind in kinds or not kinds | {kind} <= _APART:
            yield batch
            batch, kinds = [], set()
        batch.append(wanted)
        kinds.add(kind)
    yield batch


def _changed(change: ContentChange, message: Message, values: Mapping[str, str], wrap: bool) -> Change:
    if wrap and isinstance(change, AddDisclaimer) and change.on_unmodifiable is OnUnmodifiable.WRAP:
        return change.wrap(message, values)
    return change.change(message, values)
