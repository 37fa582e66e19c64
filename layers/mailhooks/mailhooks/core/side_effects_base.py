"""The interfaces of side effects and holds, for policies without such actions: it imports no AWS service."""

from collections.abc import Sequence
from typing import Protocol

from mailhooks.core.mail import Mail
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, TransientError
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.outcome import Failure, Outcome
from mailhooks.policy.rules.rule import Archive, Hold, Notify, Rule, RuleErrorPolicy


class SideEffects:
    """Carries out the actions that concern neither verdict nor content. Each method here raises Misconfigured."""

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:  # noqa: ARG002 - for subclasses
        """Store a copy of the message. Raises TransientError, Misconfigured."""
        raise Misconfigured("this function has no side effects")

    def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:  # noqa: ARG002 - for subclasses
        """Send a notification of the message with the types of its verdicts. Raises TransientError, Misconfigured."""
        raise Misconfigured("this function has no side effects")


class Holds(Protocol):
    """Records holds, asks their approvers, and finds their decisions."""

    def resolve(self, mail: Mail, outcome: Outcome) -> Outcome:
        """Return the outcome after the decisions on its holds.

        A hold without recipients counts only if an earlier attempt of this invocation has recorded it. Each decision is applied by
        `Outcome.with_decision`. If a hold cannot be recorded, or its approvers cannot be asked, `fail_action` decides by its rule.

        Raises:
            StillHeld: a hold has no decision yet, and its time is not over.
            TransientError: the `on_error` of a failed hold's rule is retry, or the table does not answer now.
        """
        ...


def fail_action(rule: Rule, action: Archive | Notify | Hold, error: Exception) -> Failure:
    """Return the failure of a side effect or a hold.

    Raises:
        TransientError: the `on_error` of its rule is retry.
    """
    failure = Failure.of(rule.name, action.name, error)
    if rule.on_error is not RuleErrorPolicy.RETRY:
        return failure
    if isinstance(error, TransientError):
        raise error
    raise RuleFailed(f'rule "{rule.name}": {failure.what}: {failure.error}: {failure.detail}'.rstrip(": ")) from None
