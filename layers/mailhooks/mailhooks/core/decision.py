"""The decision on one message: who gets it, its change, and what an adapter logs and counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from mailhooks.core.content_changes import ChangedContent, undo_changes
from mailhooks.core.mail import Mail
from mailhooks.core.side_effects_base import SideEffects, fail_action
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, PermanentError
from mailhooks.platform import Platform
from mailhooks.policy.evaluation.outcome import Failure, Outcome, Trace
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Count, Notify, Rule
from mailhooks.report_names import HoldState, LogKey, Metric

if TYPE_CHECKING:
    from mailhooks.core.prepared_change import PreparedChange

_MOST_FAILURES: Final = 20
"""Failures in one log line."""


class Decision(NamedTuple):
    """The decision of a policy on one message. The message is archived and no hold is open; the rest is the adapter's work, in this order.

    1. Write the change, or pass the changed message on. If the change cannot be written, continue with `without_change`.
    2. When the verdicts are final, call `notify`, and report `log` and `counts` of the decision that it returns.

    Attributes:
        content: the outcome, with its changes applied as far as possible.
        side_effects: sends the notifications.
        is_rejected: whether the newest version of the policy is invalid, so that an older one decided.
        trace: of the evaluation, if the setting LOG_DECISION is true.
        explanation: log fields with the rules and their conditions in words; empty without a trace.
    """

    mail: Mail
    policy: Policy
    platform: Platform
    side_effects: SideEffects
    content: ChangedContent
    is_rejected: bool = False
    trace: Trace | None = None
    explanation: Mapping[str, object] = MappingProxyType({})

    @property
    def outcome(self) -> Outcome:
        """The verdicts, the added recipients, the states of holds, failures and notes."""
        return self.content.outcome

    @property
    def change(self) -> "PreparedChange | None":
        """The change of the message; None, or one without edits, to leave the message unchanged."""
        return self.content.change

    @property
    def error(self) -> PermanentError | Misconfigured | None:
        """Why the message stays unchanged although a change was wanted."""
        return self.content.error

    @property
    def notifications(self) -> list[tuple[Rule, Notify]]:
        """The notifications to send, with their rules."""
        return [(wanted.rule, wanted.effect) for wanted in self.outcome.effects if isinstance(wanted.effect, Notify)]

    @property
    def log(self) -> dict[str, object]:
        """The fields for the log line. They name rules, which the administrator chose, and kinds; the message only with a trace."""
        return make_log_fields(self.policy, self.outcome, is_rejected=self.is_rejected) | dict(self.explanation)

    @property
    def counts(self) -> dict[str, int]:
        """The values for the metrics."""
        outcome = self.outcome
        counts: dict[str, int] = {
            Metric.POLICY_REFUSED: int(self.is_rejected),
            **Counter(wanted.effect.metric for wanted in outcome.effects if isinstance(wanted.effect, Count)),
            Metric.RULES_MATCHED: len(outcome.matched),
            Metric.RULES_REPORTED: len(outcome.reported),
            Metric.CONTENT_MIXED: len(outcome.mixed),
            Metric.RULE_FAILURES: len(outcome.failures),
            Metric.HOLDS_TIMED_OUT: sum(state is HoldState.TIMED_OUT for state in outcome.hold_states.values()),
        }
        return {key: value for key, value in counts.items() if value}

    def explain(self) -> "Decision":
        """Return this decision with the explanation of its trace, if there is one."""
        return self._replace(explanation=explain(self.policy, self.trace, self.content, self.error))

    def notify(self) -> "Decision":
        """Send the notifications, and return this decision with the failures.

        Raises:
            TransientError: one failed, and the `on_error` of its rule is retry.
        """
        if not (wanted := self.notifications):
            return self
        failures = send_notifications(self.side_effects, self.mail, wanted, self.outcome.verdict_types)
        return self._replace(content=self.content._replace(outcome=self.outcome.with_failures(*failures)))

    def without_change(self, error: PermanentError | Misconfigured) -> "Decision":
        """Return the decision if the change cannot be written. A rule may refuse delivery of the unchanged message.

        Raises:
            RuleFailed: the error is in the set-up, and the `on_error` of a change's rule is retry.
        """
        return self._replace(content=undo_changes(self.content, error, self.platform)).explain()


def send_notifications(
    side_effects: SideEffects, mail: Mail, wanted: Iterable[tuple[Rule, Notify]], verdicts: Sequence[str]
) -> Iterator[Failure]:
    """Send notifications of the final verdicts and yield the failures.

    Args:
        verdicts: the types of the verdicts.

    Raises:
        TransientError: one failed, and the `on_error` of its rule is retry.
    """
    for rule, effect in wanted:
        try:
            side_effects.notify(effect, mail, rule.name, verdicts, half_of_remaining_time(mail))
        except Exception as error:  # noqa: BLE001 - the rule decides
            yield fail_action(rule, effect, error)


def make_log_fields(policy: Policy, outcome: Outcome, *, is_rejected: bool) -> dict[str, object]:
    """Return the log fields of an outcome that have a value."""
    fields: dict[str, object] = {
        LogKey.POLICY_REFUSED: is_rejected,
        LogKey.POLICY: policy.digest,
        LogKey.RULES: list(outcome.matched),
        LogKey.REPORTED: list(outcome.reported),
        LogKey.MIXED: list(outcome.mixed),
        LogKey.FAILURES: list_failures(outcome.failures),
        LogKey.NOTES: list(outcome.notes),
        LogKey.HOLDS: [{"rule": name, "state": str(state)} for name, state in outcome.hold_states.items()],
    }
    return {key: value for key, value in fields.items() if value}


def list_failures(failures: Sequence[Failure]) -> list[dict[str, str]]:
    """Return failures for the log."""
    return [{"rule": each.rule, "what": each.what, "error": each.error, "detail": each.detail} for each in failures[:_MOST_FAILURES]]


def explain(policy: Policy, trace: Trace | None, content: ChangedContent, error: Exception | None) -> dict[str, object]:
    """Return the log field with the rules and their conditions in words; none without a trace."""
    if trace is None:
        return {}
    # Late for the cold start: no deployed function needs it, unless LOG_DECISION is set.
    from mailhooks.policy.evaluation.explanation import explain_rules

    try:
        rules = explain_rules(policy.rules, trace, content.outcome, content.applied, error)
    except Exception:  # noqa: BLE001 - a failing log must change no message
        return {LogKey.DECISION: []}
    return {LogKey.DECISION: [rule._asdict() | {"conditions": [each._asdict() for each in rule.conditions]} for rule in rules]}


def half_of_remaining_time(mail: Mail) -> Deadline:
    """Return a deadline for optional work: the rest of the time is for the change and the response."""
    return Deadline.after(mail.time_left() / 2)
