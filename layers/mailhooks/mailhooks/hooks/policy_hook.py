"""The hook that runs a policy: one evaluation, one read and at most one write of a message.

    +---------+    +------------------+    +--------------+    +-----------------+
    | runtime |--->| earlier decision |--->|  evaluation  |--->| content changes |
    +---------+    +------------------+    +--------------+    +-----------------+
       |   ^                | a retry                                   |
       v   |                v                                           v
      Put  |           +---------+       +-------+     +---------+  +------------+
       |   +-----------|  reply  |<------| stamp |<----| archive |<-| pre-flight |
       v               +---------+       +-------+     +---------+  +------------+
     notify

The functions disclaimer, rewrite and bounce run this hook too: with the policy in their folder, or else with one made from their setting.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, Final, Self

from mailhooks.contract import Verdict
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, PermanentError, StillHeld
from mailhooks.hooks.content_changes import ChangedContent, change_content, skip_changes, undo_changes
from mailhooks.hooks.earlier_decision import load_earlier_decision, store_decision
from mailhooks.hooks.invocation import Mail, Reply
from mailhooks.hooks.side_effects_base import Holds, SideEffects, fail_action
from mailhooks.policy.evaluation.evaluate import bounce_values
from mailhooks.policy.evaluation.outcome import Failure, Outcome, Trace, WantedHold
from mailhooks.policy.facts.recipients import NO_RECIPIENTS
from mailhooks.policy.facts.services import Services
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Archive, Count, Hold, Notify, Rule, RuleErrorPolicy
from mailhooks.report_names import HoldState, LogKey, Metric
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.hooks.policy_source import PolicySource

_STAMP_OCTETS: Final = 100

_LOST_DECISION: Final = "an earlier attempt changed the message, and its decision is missing: the rules decided again and changed nothing"


@dataclass
class FixedPolicy:
    """A policy that never changes."""

    policy: Policy
    rejected: ClassVar[bool] = False

    def current(self) -> Policy:
        return self.policy


class _Traits:
    """Facts about a policy that do not depend on the message."""

    def __init__(self, policy: Policy, *, asks_domains: bool) -> None:
        self.policy = policy
        self._asks_domains = asks_domains

    @cached_property
    def holding_rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.policy.rules if rule.holds and rule.enabled and not rule.report)

    @cached_property
    def has_changes(self) -> bool:
        return any(rule.changes for rule in self.policy.rules if rule.enabled and not rule.report)

    @cached_property
    def varies(self) -> bool:
        """Whether a retry may have another outcome than the first attempt."""
        # Late for the cold start: the functions whose policies are made from settings do not need it.
        from mailhooks.policy.analysis.rule_conditions import depends_on_time

        return depends_on_time(self.policy, asks_domains=self._asks_domains)


class PolicyHook:
    """Evaluates a policy for each message and carries out its outcome.

    Args:
        policies: the source of the policy.
        side_effects: carries out `archive` and `notify`.
        services: for the conditions that need counts or a directory.
        make_holds: makes the object that carries out `hold`, at the first message that a rule may hold.
    """

    name = "mailflow"

    def __init__(
        self,
        policies: "FixedPolicy | PolicySource",
        side_effects: SideEffects | None = None,
        services: Services | None = None,
        make_holds: Callable[[], Holds] | None = None,
    ) -> None:
        self._policies = policies
        self._services = services or Services()
        self._side_effects = side_effects or SideEffects()
        self._make_holds = make_holds
        self._holds: Holds | None = None
        self._traits: _Traits | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: a setting is invalid.
        PolicyError: there is no valid policy.
        """
        # Late for the cold start: the functions whose policies are made from settings need neither YAML nor AWS.
        from mailhooks.hooks.policy_source import PolicySource
        from mailhooks.hooks.side_effects import AwsSideEffects, make_services

        def make_holds() -> Holds:
            from mailhooks.hooks.holds import AwsHolds

            return AwsHolds(settings)

        return cls(PolicySource.from_settings(settings), AwsSideEffects(), make_services(settings), make_holds)

    def __call__(self, mail: Mail) -> Reply:
        policy, rejected = self._policies.current(), self._policies.rejected
        traits = self._traits_of(policy)
        trace = Trace() if mail.logs_decision else None
        evaluation = policy.start_evaluation(
            mail.event,
            lambda: mail.message,
            services=self._services,
            domains=mail.organization_domains,
            deadline=_half_of_remaining_time(mail),
            trace=trace,
        )
        earlier = load_earlier_decision(mail) if self._may_be_changed(traits, evaluation.outcome_by_event()) else None
        if earlier and earlier.verdict:
            return self._to_earlier_reply(mail, policy, earlier.verdict, earlier.notifying_rules, rejected=rejected)
        outcome = evaluation.outcome(partial(self._resolve_holds, mail, traits, trace) if traits.holding_rules else None)
        if earlier:
            outcome = replace(outcome, changes=(), notes=(*outcome.notes, _LOST_DECISION))
        content = self._archive(mail, self._change_content(mail, outcome))
        if content.change and content.change.edits:
            content = _stamp(mail, content)
        return self._to_reply(mail, policy, content, trace, rejected=rejected)

    def _may_be_changed(self, traits: "_Traits", by_event: Outcome | None) -> bool:
        """Return whether an earlier attempt may have changed the message, and the outcome depends on that.

        If no rule reads or changes the content now, the message is not fetched just for this question, with two exceptions: before a side
        effect, and if the policy changes messages depending on the time, counts or the directory.
        """
        if by_event is None or by_event.changes:
            return True
        if any(not isinstance(wanted.effect, Count) for wanted in by_event.effects):
            return True
        return traits.has_changes and traits.varies

    def _traits_of(self, policy: Policy) -> "_Traits":
        if self._traits is None or self._traits.policy is not policy:
            self._traits = _Traits(policy, asks_domains=self._services.directory is not None)
        return self._traits

    def _resolve_holds(self, mail: Mail, traits: "_Traits", trace: Trace | None, outcome: Outcome) -> Outcome:
        """Return the outcome after the decisions on its holds, before any change and any side effect.

        Raises:
            StillHeld: a hold has no decision yet.
            TransientError: a hold cannot be recorded or looked up, and the `on_error` of its rule is retry.
        """
        holding, holds = traits.holding_rules, outcome.holds
        if traits.varies:
            # An earlier attempt may have held the message for a rule that does not apply now.
            wanting = {wanted.rule.name for wanted in holds}
            others = [
                (rule, action) for rule in holding for action in rule.actions if isinstance(action, Hold) and rule.name not in wanting
            ]
            holds += tuple(WantedHold(rule, hold, NO_RECIPIENTS, bounce_values(mail.event, rule)) for rule, hold in others)
        if not holds:
            return outcome
        if self._make_holds is None or not mail.is_writable:
            why = "an asynchronous rule" if self._make_holds else "this function"
            error = Misconfigured(f"{why} cannot hold messages")
            return outcome.with_failures(*(fail_action(wanted.rule, wanted.hold, error) for wanted in outcome.holds))
        if self._holds is None:
            self._holds = self._make_holds()
        try:
            return self._holds.resolve(mail, replace(outcome, holds=holds))
        except StillHeld as held:
            explanation = {LogKey.DECISION: _explain(traits.policy, trace, ChangedContent(outcome), held)} if trace else {}
            held.log = _log_fields(traits.policy, outcome, rejected=self._policies.rejected) | explanation
            held.failures = [*_list_failures(outcome.failures), *held.failures]
            raise

    def _change_content(self, mail: Mail, outcome: Outcome) -> ChangedContent:
        if not outcome.changes:
            return ChangedContent(outcome)
        try:
            message = mail.message
        except (PermanentError, Misconfigured) as error:
            return skip_changes(outcome, error)
        values: dict[str, str] = {}
        if any(wanted.change.variables for wanted in outcome.changes):
            # Late for the cold start: only texts with variables need it.
            from mailhooks.content.template import read_values

            values = read_values(message, mail.event.mail_from)
        return change_content(message, outcome, values)

    def _archive(self, mail: Mail, content: ChangedContent) -> ChangedContent:
        """Archive the received message and return the content with the failures in its outcome.

        Raises:
            TransientError: it failed, and the `on_error` of its rule is retry.
        """
        for wanted in content.outcome.effects:
            if isinstance(wanted.effect, Archive):
                required = wanted.rule.on_error is RuleErrorPolicy.RETRY
                try:
                    self._side_effects.archive(wanted.effect, mail, mail.deadline if required else _half_of_remaining_time(mail))
                except Exception as error:  # noqa: BLE001 - the rule decides
                    failure = fail_action(wanted.rule, wanted.effect, error)
                    content = replace(content, outcome=content.outcome.with_failures(failure))
        return content

    def _notify(self, mail: Mail, wanted: Iterable[tuple[Rule, Notify]], verdict: Verdict) -> Iterator[Failure]:
        """Send notifications of the final verdict and yield the failures. Raises as `_archive`."""
        for rule, effect in wanted:
            try:
                self._side_effects.notify(effect, mail, rule.name, verdict, _half_of_remaining_time(mail))
            except Exception as error:  # noqa: BLE001 - the rule decides
                yield fail_action(rule, effect, error)

    def _to_reply(self, mail: Mail, policy: Policy, content: ChangedContent, trace: Trace | None, *, rejected: bool) -> Reply:
        """Return the reply. Its log fields name rules, which the administrator chose, and kinds; the message only with a trace."""
        outcome, error = content.outcome, content.error
        verdict = outcome.verdict(mail.organization_domains)
        notifications = _list_notifications(outcome)
        explanation = {LogKey.DECISION: _explain(policy, trace, content, error)} if trace else {}

        def notify() -> Reply:
            return reply_for(outcome.with_failures(*self._notify(mail, notifications, verdict)))

        def reply_for(outcome: Outcome) -> Reply:
            return Reply(
                verdict,
                content.change,
                _log_fields(policy, outcome, rejected=rejected) | explanation,
                _counts(outcome, rejected=rejected),
                error if isinstance(error, PermanentError) else None,
                error if isinstance(error, Misconfigured) else None,
                lambda put_error: self._to_reply(mail, policy, undo_changes(content, put_error), trace, rejected=rejected),
                notify if notifications else None,
            )

        return reply_for(outcome)

    def _to_earlier_reply(self, mail: Mail, policy: Policy, verdict: Verdict, notifying_rules: Sequence[str], *, rejected: bool) -> Reply:
        """Return the reply of an earlier attempt. It notifies again, with the same keys, as that attempt may have ended before."""
        log: dict[str, object] = {LogKey.DECIDED_BEFORE: True}
        if rejected:
            log[LogKey.POLICY_REFUSED] = True
        counts: dict[str, int] = {Metric.POLICY_REFUSED: 1} if rejected else {}
        rules = [rule for rule in policy.rules if rule.name in notifying_rules]
        if missing := set(notifying_rules) - {rule.name for rule in rules}:
            log[LogKey.NOTES] = [f'rule "{name}": not notified again, as the policy has no such rule now' for name in sorted(missing)]

        def notify() -> Reply:
            wanted = [(rule, action) for rule in rules for action in rule.actions if isinstance(action, Notify)]
            failures = _list_failures(list(self._notify(mail, wanted, verdict)))
            if not failures:
                return Reply(log=log, counts=counts)
            return Reply(log=log | {LogKey.FAILURES: failures}, counts=counts | {Metric.RULE_FAILURES: len(failures)})

        return Reply(verdict, log=log, counts=counts, after_write=notify)


def _list_notifications(outcome: Outcome) -> list[tuple[Rule, Notify]]:
    return [(wanted.rule, wanted.effect) for wanted in outcome.effects if isinstance(wanted.effect, Notify)]


def _stamp(mail: Mail, content: ChangedContent) -> ChangedContent:
    """Store the verdict for retries and add its stamp to the change, if the message is delivered.

    If the verdict cannot be stored, the message is left unchanged.
    """
    assert content.change is not None
    verdict = content.outcome.verdict(mail.organization_domains)
    if not verdict.delivers:
        return content
    # A stamp must not make the message too long for its change; it matters only if this attempt is not the last.
    if not mail.message.header.complete or content.change.size + _STAMP_OCTETS > MAX_MESSAGE_BYTES:
        return content
    try:
        stamp = store_decision(mail, verdict, [rule.name for rule, _ in _list_notifications(content.outcome)])
    except (PermanentError, Misconfigured) as error:
        return undo_changes(content, error)
    return replace(content, change=content.change.with_edit(stamp))


def _log_fields(policy: Policy, outcome: Outcome, *, rejected: bool) -> dict[str, object]:
    fields: dict[str, object] = {
        LogKey.POLICY_REFUSED: rejected,
        LogKey.POLICY: policy.digest,
        LogKey.RULES: list(outcome.matched),
        LogKey.REPORTED: list(outcome.reported),
        LogKey.MIXED: list(outcome.mixed),
        LogKey.FAILURES: _list_failures(outcome.failures),
        LogKey.NOTES: list(outcome.notes),
        LogKey.HOLDS: [{"rule": name, "state": str(state)} for name, state in outcome.hold_states.items()],
    }
    return {key: value for key, value in fields.items() if value}


def _explain(policy: Policy, trace: Trace, content: ChangedContent, error: Exception | None) -> list[dict[str, object]]:
    # Late for the cold start: no deployed function needs it, unless LOG_DECISION is set.
    from mailhooks.policy.evaluation.explanation import explain_rules

    try:
        rules = explain_rules(policy.rules, trace, content.outcome, content.applied, error)
    except Exception:  # noqa: BLE001 - a failing log must change no message
        return []
    return [rule._asdict() | {"conditions": [each._asdict() for each in rule.conditions]} for rule in rules]


def _list_failures(failures: Sequence[Failure]) -> list[dict[str, str]]:
    return [{"rule": each.rule, "what": each.what, "error": each.error, "detail": each.detail} for each in failures[:20]]


def _counts(outcome: Outcome, *, rejected: bool) -> dict[str, int]:
    counts: dict[str, int] = {
        Metric.POLICY_REFUSED: int(rejected),
        **Counter(wanted.effect.metric for wanted in outcome.effects if isinstance(wanted.effect, Count)),
        Metric.RULES_MATCHED: len(outcome.matched),
        Metric.RULES_REPORTED: len(outcome.reported),
        Metric.CONTENT_MIXED: len(outcome.mixed),
        Metric.RULE_FAILURES: len(outcome.failures),
        Metric.HOLDS_TIMED_OUT: sum(state is HoldState.TIMED_OUT for state in outcome.hold_states.values()),
    }
    return {key: value for key, value in counts.items() if value}


def _half_of_remaining_time(mail: Mail) -> Deadline:
    """Return a deadline for optional work: the rest of the time is for the change and the response."""
    return Deadline.after(mail.time_left() / 2)
