"""Applies the changes that a policy wants to a message, with a fallback if they cannot be applied or written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from mailhooks.actions import Action, ActionType
from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.errors import CannotChangeSafely, Misconfigured, PermanentError
from mailhooks.mime.edits import Edit, compose, splice
from mailhooks.mime.message import Message
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedChange
from mailhooks.policy.rules.rule import (
    AddDisclaimer,
    ChangeHeaders,
    ContentChange,
    NoDisclaimer,
    RuleErrorPolicy,
    StripAttachments,
    TagSubject,
)

if TYPE_CHECKING:
    from mailhooks.core.prepared_change import PreparedChange
    from mailhooks.platform import Platform

_BOUNCE: Final = "This message cannot be sent: {why}."

_INDEPENDENT: Final = frozenset({TagSubject, ChangeHeaders, StripAttachments})
"""Kinds of changes that edit different places. Two changes of one kind may edit the same place."""


@dataclass(frozen=True)
class AppliedChanges:
    """The wanted changes of a message as one change, and those that cannot be applied, with the reasons."""

    message: Message
    change: Change
    """Edits, in offsets of the received message."""
    applied: tuple[WantedChange, ...] = ()
    refused: tuple[tuple[WantedChange, CannotChangeSafely], ...] = ()

    @cached_property
    def content(self) -> bytes:
        """The changed message."""
        return splice(self.message.raw, self.change.edits)


class ChangedContent(NamedTuple):
    """An outcome after its changes were applied as far as possible.

    Attributes:
        outcome: with a failure for each change that was not applied, and without the deliveries that its rule then refuses.
        change: None to leave the message unchanged.
        applied: the wanted changes that `change` consists of.
        error: why the message stays unchanged although a change was wanted.
    """

    outcome: Outcome
    change: "PreparedChange | None" = None
    applied: tuple[WantedChange, ...] = ()
    error: PermanentError | Misconfigured | None = None


def apply_changes(message: Message, changes: Sequence[WantedChange], values: Mapping[str, str], *, wrap: bool = False) -> AppliedChanges:
    """Apply changes in their order. A change that cannot be applied is refused, and the others are applied.

    Args:
        values: of the variables of texts, names in lower case.
        wrap: whether a disclaimer with `on_unmodifiable: wrap` wraps the message in any case.
    """
    edits: list[Edit] = []
    applied: list[WantedChange] = []
    refused: list[tuple[WantedChange, CannotChangeSafely]] = []
    added_parts, wraps, current = 0, False, message
    pending: list[Edit] = []
    for batch in _independent_batches(changes):
        # Not after the last batch: it would copy a large message for nothing.
        current, pending = (Message(splice(current.raw, pending)) if pending else current), []
        for wanted in batch:
            try:
                change = _apply(wanted.change, current, values, wrap=wrap)
            except CannotChangeSafely as error:
                refused.append((wanted, error))
                continue
            if change.edits:
                pending += change.edits
                applied.append(wanted)
                added_parts, wraps = added_parts + change.added_parts, wraps or change.wraps
        if pending:
            edits = compose(edits, pending) if edits else pending
    return AppliedChanges(message, Change(edits, added_parts, wraps), tuple(applied), tuple(refused))


def change_content(message: Message, outcome: Outcome, values: Mapping[str, str], platform: "Platform") -> ChangedContent:
    """Apply the changes of an outcome, or those that the platform would accept. A rule may refuse delivery if its change is not applied.

    Args:
        values: of the variables of texts, names in lower case.
    """
    # Late for the cold start: a policy that changes nothing needs no such module.
    from mailhooks.core.prepared_change import rejection_text

    wanted_changes = apply_changes(message, outcome.changes, values)
    for wanted, error in wanted_changes.refused:
        outcome = outcome.with_failures(_failure(wanted, error))
        if not (isinstance(error, NoDisclaimer) and error.allows_delivery):
            outcome = _refuse_delivery(outcome, wanted, getattr(error, "obstacle", "an attachment is not allowed"))
    skipped = None
    if wanted_changes.refused and len(wanted_changes.refused) == len(outcome.changes):
        skipped = CannotChangeSafely(str(wanted_changes.refused[0][1]))
    prepared = platform.prepare_change(message, wanted_changes.change).limit_size(platform.max_message_octets)
    if not prepared.rejections:
        return ChangedContent(outcome, prepared, wanted_changes.applied, skipped)
    rejected = CannotChangeSafely(rejection_text(prepared.rejections, platform.title))
    code = prepared.rejections[0].code
    before = any(rejection.before for rejection in prepared.rejections)
    if candidates := _fallback_changes(wanted_changes.applied, before=before):
        fallback = apply_changes(message, candidates, values, wrap=before)
        prepared = platform.prepare_change(message, fallback.change).limit_size(platform.max_message_octets)
        if prepared.edits and not prepared.rejections:
            given_up = [wanted for wanted in wanted_changes.applied if wanted not in fallback.applied]
            outcome = _give_up_changes(outcome, given_up, rejected, code, before=before)
            return ChangedContent(outcome, prepared, fallback.applied, skipped)
    return ChangedContent(_give_up_changes(outcome, wanted_changes.applied, rejected, code, before=before), error=rejected)


def skip_changes(outcome: Outcome, error: PermanentError | Misconfigured) -> ChangedContent:
    """Return the outcome of a message whose content cannot be read: its verdicts stay, its changes fail.

    Raises:
        RuleFailed: the `on_error` of a change's rule is retry.
    """
    for wanted in outcome.changes:
        if wanted.rule.on_error is RuleErrorPolicy.RETRY:
            raise _rule_failed(wanted, error)
        outcome = outcome.with_failures(_failure(wanted, error))
    return ChangedContent(outcome, error=error)


def undo_changes(content: ChangedContent, error: PermanentError | Misconfigured, platform: "Platform") -> ChangedContent:
    """Return the outcome of a message whose change cannot be written. A rule may refuse delivery of the unchanged message.

    If the error is in the set-up and not in the message, only an attachment that was to be removed is a reason to refuse delivery.

    Raises:
        RuleFailed: the error is in the set-up, and the `on_error` of a change's rule is retry.
    """
    outcome = content.outcome
    for wanted in content.applied:
        if isinstance(error, Misconfigured):
            if wanted.rule.on_error is RuleErrorPolicy.RETRY:
                raise _rule_failed(wanted, error)
            if not isinstance(wanted.change, StripAttachments):
                continue
        outcome = outcome.with_failures(_failure(wanted, error))
        outcome = _refuse_delivery(outcome, wanted, f"{platform.title} rejects changes of this message")
    return ChangedContent(outcome, error=error)


def _independent_batches(changes: Sequence[WantedChange]) -> Iterator[list[WantedChange]]:
    """Yield the changes in their order. The changes of a batch edit different places: one scan of the message is enough for them."""
    batch: list[WantedChange] = []
    kinds: set[type] = set()
    for wanted in changes:
        kind = type(wanted.change)
        if kind in kinds or not kinds | {kind} <= _INDEPENDENT:
            yield batch
            batch, kinds = [], set()
        batch.append(wanted)
        kinds.add(kind)
    yield batch


def _apply(change: ContentChange, message: Message, values: Mapping[str, str], *, wrap: bool) -> Change:
    if wrap and isinstance(change, AddDisclaimer) and change.on_unmodifiable is OnUnmodifiable.WRAP:
        return change.wrap(message, values)
    return change.change(message, values)


def _fallback_changes(applied: Sequence[WantedChange], *, before: bool) -> list[WantedChange]:
    """Return the changes to try if the platform would reject all of them together.

    If it would reject the received message too (`before`), wrap it: a wrapped message stays as it is. Otherwise only remove attachments:
    their removal must not fail because a disclaimer makes the message too long.
    """
    if before:
        return [wanted for wanted in applied if wanted.change.on_unmodifiable is OnUnmodifiable.WRAP]
    strips = [wanted for wanted in applied if isinstance(wanted.change, StripAttachments)]
    return strips if len(strips) < len(applied) else []


def _give_up_changes(outcome: Outcome, changes: Sequence[WantedChange], error: CannotChangeSafely, code: str, *, before: bool) -> Outcome:
    """Add the failures of changes that the platform would reject.

    Never refuse delivery because our own text causes the rejection. An attachment that was to be removed is a reason.
    """
    for wanted in changes:
        outcome = outcome.with_failures(_failure(wanted, error))
        if before or isinstance(wanted.change, StripAttachments):
            outcome = _refuse_delivery(outcome, wanted, code)
    return outcome


def _refuse_delivery(outcome: Outcome, wanted: WantedChange, why: str) -> Outcome:
    """Bounce or drop the message for the recipients of a rule, if the `on_unmodifiable` of its change is that."""
    match wanted.change.on_unmodifiable:
        case OnUnmodifiable.BOUNCE:
            action = Action(ActionType.BOUNCE, _BOUNCE.format(why=why))
        case OnUnmodifiable.DROP:
            action = Action(ActionType.DROP)
        case _:
            return outcome
    return outcome.refuse_delivery(wanted.recipients, action)


def _failure(wanted: WantedChange, error: PermanentError | Misconfigured) -> Failure:
    kind = CannotChangeSafely if isinstance(error, CannotChangeSafely) else type(error)
    return Failure(wanted.rule.name, wanted.change.name, kind.__name__, str(error))


def _rule_failed(wanted: WantedChange, error: Exception) -> RuleFailed:
    return RuleFailed(f'rule "{wanted.rule.name}": {wanted.change.name}: {type(error).__name__}')
