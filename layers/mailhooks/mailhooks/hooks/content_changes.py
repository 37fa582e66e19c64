"""Applies the changes that a policy wants to a message, and decides what follows if they cannot be applied or written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailhooks import contract
from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.contract import ActionType
from mailhooks.errors import CannotChangeSafely, Misconfigured, PermanentError
from mailhooks.hooks.preflight import PreparedChange, prepare_change, rejection_text
from mailhooks.mime.message import Message
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.apply_changes import Applied, apply_changes
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedChange
from mailhooks.policy.rules.actions import NoDisclaimer, StripAttachments
from mailhooks.policy.rules.rule import RuleErrorPolicy

_BOUNCE: Final = "This message cannot be sent: {why}."


@dataclass(frozen=True, slots=True)
class ChangedContent:
    """An outcome after its changes were applied as far as possible.

    Attributes:
        outcome: with a failure for each change that was not applied, and without the deliveries that its rule then refuses.
        change: None to leave the message unchanged.
        made: the wanted changes that `change` consists of.
        error: why the message stays unchanged although a change was wanted.
    """

    outcome: Outcome
    change: PreparedChange | None = None
    made: tuple[WantedChange, ...] = ()
    error: PermanentError | Misconfigured | None = None


def change_content(message: Message, outcome: Outcome, values: Mapping[str, str]) -> ChangedContent:
    """Apply the changes of an outcome, or those that WorkMail would accept. A rule may refuse delivery if its change is not applied.

    Args:
        values: of the variables of texts, names in lower case.
    """
    applied = apply_changes(message, outcome.changes, values)
    for wanted, error in applied.refusals:
        outcome = outcome.with_failures(_failure(wanted, error))
        if not (isinstance(error, NoDisclaimer) and error.may_go_on):
            outcome = _refuse_delivery(outcome, wanted, getattr(error, "obstacle", "an attachment is not let through"))
    skipped = None
    if applied.refusals and len(applied.refusals) == len(outcome.changes):
        skipped = CannotChangeSafely(str(applied.refusals[0][1]))
    prepared = _prepare(message, applied)
    if not prepared.rejections:
        return ChangedContent(outcome, prepared, applied.made, skipped)
    rejected = CannotChangeSafely(rejection_text(prepared.rejections))
    code = prepared.rejections[0].code
    before = any(rejection.before for rejection in prepared.rejections)
    if fallback := _fallback_changes(applied.made, before=before):
        applied_again = apply_changes(message, fallback, values, wrap=before)
        prepared = _prepare(message, applied_again)
        if prepared.edits and not prepared.rejections:
            given_up = [wanted for wanted in applied.made if wanted not in applied_again.made]
            outcome = _give_up(outcome, given_up, rejected, code, before=before)
            return ChangedContent(outcome, prepared, applied_again.made, skipped)
    return ChangedContent(_give_up(outcome, applied.made, rejected, code, before=before), error=rejected)


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


def undo_changes(content: ChangedContent, error: PermanentError | Misconfigured) -> ChangedContent:
    """Return the outcome of a message whose change cannot be written. A rule may refuse delivery of the unchanged message.

    If the error is in the set-up and not in the message, only an attachment that was to be removed is a reason to refuse delivery.

    Raises:
        RuleFailed: the error is in the set-up, and the `on_error` of a change's rule is retry.
    """
    outcome = content.outcome
    for wanted in content.made:
        if isinstance(error, Misconfigured):
            if wanted.rule.on_error is RuleErrorPolicy.RETRY:
                raise _rule_failed(wanted, error)
            if not isinstance(wanted.change, StripAttachments):
                continue
        outcome = outcome.with_failures(_failure(wanted, error))
        outcome = _refuse_delivery(outcome, wanted, "WorkMail does not allow to change it")
    return ChangedContent(outcome, error=error)


def _prepare(message: Message, applied: Applied) -> PreparedChange:
    return prepare_change(message, Change(list(applied.edits), applied.added_parts, applied.wraps))


def _fallback_changes(made: Sequence[WantedChange], *, before: bool) -> list[WantedChange]:
    """Return the changes to try if WorkMail would reject all of them together.

    If it would reject the received message too (`before`), wrap it: a wrapped message stays as it is. Otherwise only remove attachments:
    their removal must not fail because a disclaimer makes the message too long.
    """
    if before:
        return [wanted for wanted in made if wanted.change.on_unmodifiable is OnUnmodifiable.WRAP]
    strips = [wanted for wanted in made if isinstance(wanted.change, StripAttachments)]
    return strips if len(strips) < len(made) else []


def _give_up(outcome: Outcome, changes: Sequence[WantedChange], error: CannotChangeSafely, code: str, *, before: bool) -> Outcome:
    """Add the failures of changes that WorkMail would reject.

    Never refuse delivery because our own text causes the rejection. An attachment that was to be removed is a reason.
    """
    for wanted in changes:
        outcome = outcome.with_failures(_failure(wanted, error))
        if before or isinstance(wanted.change, StripAttachments):
            outcome = _refuse_delivery(outcome, wanted, code)
    return outcome


def _refuse_delivery(outcome: Outcome, wanted: WantedChange, why: str) -> Outcome:
    """Bounce or drop the message for the recipients of a rule, if its change says so."""
    match wanted.change.on_unmodifiable:
        case OnUnmodifiable.BOUNCE:
            action = contract.Action(ActionType.BOUNCE, _BOUNCE.format(why=why))
        case OnUnmodifiable.DROP:
            action = contract.Action(ActionType.DROP)
        case _:
            return outcome
    return outcome.refuse_delivery(wanted.recipients, action)


def _failure(wanted: WantedChange, error: PermanentError | Misconfigured) -> Failure:
    kind = CannotChangeSafely if isinstance(error, CannotChangeSafely) else type(error)
    return Failure(wanted.rule.name, wanted.change.name, kind.__name__, str(error))


def _rule_failed(wanted: WantedChange, error: Exception) -> RuleFailed:
    return RuleFailed(f'rule "{wanted.rule.name}": {wanted.change.name}: {type(error).__name__}')
