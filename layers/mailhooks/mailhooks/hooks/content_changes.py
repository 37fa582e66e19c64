"""Sets the changes of the content that a policy wants, and says what becomes of a message that cannot be changed as it should be."""

from collections.abc import Mapping, Sequence
from typing import Final

from mailhooks import contract
from mailhooks.content.change import OnUnmodifiable
from mailhooks.contract import ActionType
from mailhooks.errors import CannotChangeSafely, Misconfigured, PermanentError
from mailhooks.hooks.invocation import Mail
from mailhooks.mime.message import Message
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.apply_changes import Applied, apply_changes
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedChange
from mailhooks.policy.rules.actions import NoDisclaimer, StripAttachments
from mailhooks.policy.rules.rule import RuleErrorPolicy

_BOUNCE: Final = "This message cannot be sent: {why}."


def change(mail: Mail, message: Message, outcome: Outcome, values: Mapping[str, str]) -> tuple[Outcome, tuple[WantedChange, ...]]:
    """Set the changes that can be made; return them, and the outcome with the failures and verdicts of those that cannot.

    Args:
        values: of the variables of texts, names in lower case.
    """
    applied = apply_changes(message, outcome.changes, values)
    for wanted, trouble in applied.refusals:
        outcome = _fail(outcome, wanted, str(trouble))
        if not (isinstance(trouble, NoDisclaimer) and trouble.may_go_on):
            outcome = turn_away(outcome, wanted, getattr(trouble, "obstacle", "an attachment is not let through"))
    if applied.refusals and len(applied.refusals) == len(outcome.changes):
        mail.unchanged_because = CannotChangeSafely(str(applied.refusals[0][1]))
    _set(mail, applied)
    refused = mail.refusals()
    if not refused:
        return outcome, applied.made
    why = f"WorkMail would refuse the changed message: {'; '.join(map(str, refused[:5]))}"
    before = any(refusal.before for refusal in refused)
    if fewer := _less_of_it(applied.made, before=before):
        again = apply_changes(message, fewer, values, wrap=before)
        _set(mail, again)
        if mail.changed and not mail.refusals():
            given_up = [wanted for wanted in applied.made if wanted not in again.made]
            return _give_up(outcome, given_up, why, refused[0].code, before=before), again.made
    mail.discard()
    mail.unchanged_because = CannotChangeSafely(why)
    return _give_up(outcome, applied.made, why, refused[0].code, before=before), ()


def not_taken(outcome: Outcome, made: Sequence[WantedChange], trouble: PermanentError | Misconfigured) -> Outcome:
    """What follows when the changed message cannot be put: rules may say that it is not to go on as it is. Where that is for how something
    is set up, and no matter of the message, only what must not get through does not.

    Raises:
        RuleFailed: it is for how something is set up, and a rule whose change it was says retry.
    """
    for wanted in made:
        if isinstance(trouble, Misconfigured):
            if wanted.rule.on_error is RuleErrorPolicy.RETRY:
                raise RuleFailed(f'rule "{wanted.rule.name}": {wanted.change.name}: {type(trouble).__name__}') from None
            if not isinstance(wanted.change, StripAttachments):
                continue
        outcome = _fail(outcome, wanted, str(trouble), type(trouble).__name__)
        outcome = turn_away(outcome, wanted, "WorkMail lets nobody change it")
    return outcome


def turn_away(outcome: Outcome, wanted: WantedChange, why: str) -> Outcome:
    """Bounces or drops the message for those for whom the rule wanted it changed, if the rule says so."""
    match wanted.change.on_unmodifiable:
        case OnUnmodifiable.BOUNCE:
            action = contract.Action(ActionType.BOUNCE, _BOUNCE.format(why=why))
        case OnUnmodifiable.DROP:
            action = contract.Action(ActionType.DROP)
        case _:
            return outcome
    return outcome.refuse_delivery(wanted.recipients, action)


def _less_of_it(made: Sequence[WantedChange], *, before: bool) -> list[WantedChange]:
    """What to try where all of it together would be refused: for mail that was such before, to wrap it, as what is wrapped stays as it is;
    else only to take away what must not get through: that is not to fail for a disclaimer that makes the message too long.
    """
    if before:
        return [wanted for wanted in made if wanted.change.on_unmodifiable is OnUnmodifiable.WRAP]
    strips = [wanted for wanted in made if isinstance(wanted.change, StripAttachments)]
    return strips if len(strips) < len(made) else []


def _give_up(outcome: Outcome, changes: Sequence[WantedChange], why: str, code: str, *, before: bool) -> Outcome:
    """What our own text is to blame for is nobody's reason to send mail back. An attachment that is not let through is."""
    for wanted in changes:
        outcome = _fail(outcome, wanted, why)
        if before or isinstance(wanted.change, StripAttachments):
            outcome = turn_away(outcome, wanted, code)
    return outcome


def _fail(outcome: Outcome, wanted: WantedChange, why: str, kind: str = CannotChangeSafely.__name__) -> Outcome:
    return outcome.with_failures(Failure(wanted.rule.name, wanted.change.name, kind, why))


def _set(mail: Mail, applied: Applied) -> None:
    mail.edit(applied.edits, added_parts=applied.added_parts, wraps=applied.wraps)
