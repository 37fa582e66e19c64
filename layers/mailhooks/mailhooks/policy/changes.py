"""Makes the changes that rules want of one message, one after the other, and says them as edits of the message as it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import CannotChangeSafely
from ..mime.edit import Edit, compose, splice
from .actions import Change, Changed, Disclaim, Unmodifiable
from .outcome import WantedChange


@dataclass(frozen=True)
class Applied:
    """The changes together.

    Attributes:
        raw: the message as it came.
        edits: in offsets of `raw`.
        added_parts, encloses: see `mailhooks.mail.Mail.edit`.
        made: the changes that were made.
        refusals: the changes that were not, and why.
    """

    raw: bytes
    edits: tuple[Edit, ...] = ()
    added_parts: int = 0
    encloses: bool = False
    made: tuple[WantedChange, ...] = ()
    refusals: tuple[tuple[WantedChange, CannotChangeSafely], ...] = ()

    @cached_property
    def content(self) -> bytes:
        """The changed message."""
        return splice(self.raw, self.edits)


def apply_changes(raw: bytes, changes: Sequence[WantedChange], values: Mapping[str, str], *, wrap: bool = False) -> Applied:
    """Makes the changes in their order. One that cannot be made stands in `refusals`, and the others are made.

    Args:
        values: of the templates' variables, names in lower case.
        wrap: whether disclaimers that would wrap a message that is not to be changed do so now.
    """
    applied = Applied(raw)
    for wanted in changes:
        try:
            changed = _changed(wanted.change, applied.content, values, wrap)
        except CannotChangeSafely as trouble:
            applied = _with(applied, refusals=(*applied.refusals, (wanted, trouble)))
            continue
        if changed.edits:
            edits = compose(applied.edits, changed.edits) if applied.edits else changed.edits
            applied = Applied(
                raw,
                tuple(edits),
                applied.added_parts + changed.added_parts,
                applied.encloses or changed.encloses,
                (*applied.made, wanted),
                applied.refusals,
            )
    return applied


def _changed(change: Change, raw: bytes, values: Mapping[str, str], wrap: bool) -> Changed:
    if wrap and isinstance(change, Disclaim) and change.on_unmodifiable is Unmodifiable.WRAP:
        return change.wrapped(raw, values)
    return change.change(raw, values)


def _with(applied: Applied, *, refusals: tuple[tuple[WantedChange, CannotChangeSafely], ...]) -> Applied:
    return Applied(applied.raw, applied.edits, applied.added_parts, applied.encloses, applied.made, refusals)
