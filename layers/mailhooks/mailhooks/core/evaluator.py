"""Evaluates a policy for each message: one evaluation, and one read of the message. It knows no mail platform.

    +---------+    +--------------+    +-------+    +-----------------+    +-------------------+    +---------+    +----------+
    | adapter |--->|  evaluation  |--->| holds |--->| content changes |--->| platform's checks |--->| archive |--->| decision |
    +---------+    +--------------+    +-------+    +-----------------+    +-------------------+    +---------+    +----------+

The adapter carries the decision out: it passes the message on, answers, and then sends the notifications.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

from mailhooks.core.content_changes import ChangedContent, change_content, skip_changes
from mailhooks.core.decision import Decision, explain, half_of_remaining_time, list_failures, make_log_fields
from mailhooks.core.mail import Mail
from mailhooks.core.side_effects_base import Holds, SideEffects, fail_action
from mailhooks.errors import Misconfigured, PermanentError, StillHeld
from mailhooks.platform import HoldMethod, Platform
from mailhooks.policy.evaluation.evaluate import bounce_values
from mailhooks.policy.evaluation.outcome import Outcome, Trace, WantedHold
from mailhooks.policy.facts.recipients import NO_RECIPIENTS
from mailhooks.policy.facts.services import Services
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Archive, Count, Hold, Rule, RuleErrorPolicy
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.core.policy_source import PolicySource


class FixedPolicy:
    """A policy that never changes."""

    rejected: ClassVar[bool] = False

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

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


class PolicyEvaluator:
    """Evaluates a policy for each message, and carries out what comes before the answer: holds, changes in memory, archive.

    Several threads may use one evaluator.

    Args:
        policies: the source of the policy.
        platform: the mail platform of the adapter.
        side_effects: carries out `archive` and `notify`.
        services: for the conditions that need counts or a directory.
        make_holds: makes the object that carries out `hold`, at the first message that a rule may hold.
    """

    def __init__(
        self,
        policies: "FixedPolicy | PolicySource",
        platform: Platform,
        side_effects: SideEffects | None = None,
        services: Services | None = None,
        make_holds: Callable[[], Holds] | None = None,
    ) -> None:
        self.policies = policies
        self.platform = platform
        self.services = services or Services()
        self.side_effects = side_effects or SideEffects()
        self._make_holds = make_holds
        self._holds: Holds | None = None
        self._traits: _Traits | None = None

    @classmethod
    def from_settings(cls, settings: Settings, platform: Platform) -> Self:
        """Return the evaluator of the setting POLICY, with its side effects on AWS.

        Raises:
            SettingsError: a setting is invalid.
            PolicyError: there is no valid policy.
        """
        # Late for the cold start: the functions whose policies are made from settings need neither YAML nor AWS.
        from mailhooks.core.policy_source import PolicySource
        from mailhooks.core.side_effects import AwsSideEffects, make_services

        def make_holds() -> Holds:
            from mailhooks.core.holds.aws_holds import AwsHolds

            return AwsHolds(settings)

        return cls(PolicySource.from_settings(settings), platform, AwsSideEffects(), make_services(settings), make_holds)

    def evaluate(self, mail: Mail) -> Decision:
        """Return the decision on a message. It may be evaluated again: side effects and holds know its IDs.

        Raises:
            StillHeld: a rule holds the message, and no approver has decided yet.
            TransientError: a retry may help.
            Exception: an unexpected error; the setting ON_ERROR decides.
        """
        return self.start(mail).decide()

    def start(self, mail: Mail) -> "MailEvaluation":
        """Return an evaluation of a message whose decision is not made yet, for an adapter whose retry reads the changed message."""
        policy = self.policies.current()
        # A local name: other threads may evaluate messages by another version of the policy.
        traits = self._traits
        if traits is None or traits.policy is not policy:
            traits = self._traits = _Traits(policy, asks_domains=self.services.directory is not None)
        return MailEvaluation(self, mail, traits, is_rejected=self.policies.rejected)

    def find_holds(self) -> Holds | None:
        """Return the object that carries out `hold`; None if there is none."""
        if self._holds is None and self._make_holds is not None:
            self._holds = self._make_holds()
        return self._holds


class MailEvaluation:
    """The evaluation of one message.

    Attributes:
        policy: the policy in force.
        is_rejected: whether its newest version is invalid.
    """

    def __init__(self, evaluator: PolicyEvaluator, mail: Mail, traits: _Traits, *, is_rejected: bool) -> None:
        self.policy = traits.policy
        self.is_rejected = is_rejected
        self._evaluator = evaluator
        self._mail = mail
        self._traits = traits
        self._trace = Trace() if mail.logs_decision else None
        self._evaluation = self.policy.start_evaluation(
            mail.envelope,
            lambda: mail.message,
            platform=evaluator.platform,
            authserv_ids=mail.authserv_ids,
            services=evaluator.services,
            domains=mail.organization_domains,
            deadline=half_of_remaining_time(mail),
            trace=self._trace,
        )

    def depends_on_earlier_attempt(self) -> bool:
        """Return whether an earlier attempt may have changed the message, and the outcome depends on that. Call it before `decide`.

        If no rule reads or changes the content now, the message is not fetched just for this question, with two exceptions: before a side
        effect, and if the policy changes messages depending on the time, counts or the directory.
        """
        by_envelope = self._evaluation.outcome_by_envelope()
        if by_envelope is None or by_envelope.changes:
            return True
        if any(not isinstance(wanted.effect, Count) for wanted in by_envelope.effects):
            return True
        return self._traits.has_changes and self._traits.varies

    def decide(self, *, unchanged: str = "") -> Decision:
        """Return the decision. Call it once. Raises as `PolicyEvaluator.evaluate`.

        Args:
            unchanged: why the message must not be changed, for the log; `""` if it may be changed.
        """
        outcome = self._evaluation.outcome(self._resolve_holds if self._traits.holding_rules else None)
        if unchanged:
            outcome = replace(outcome, changes=(), notes=(*outcome.notes, unchanged))
        content = self._archive(self._change_content(outcome))
        evaluator = self._evaluator
        return Decision(
            self._mail, self.policy, evaluator.platform, evaluator.side_effects, content, self.is_rejected, self._trace
        ).explain()

    def _resolve_holds(self, outcome: Outcome) -> Outcome:
        """Return the outcome after the decisions on its holds, before any change and any side effect.

        Raises:
            StillHeld: a hold has no decision yet.
            TransientError: a hold cannot be recorded or looked up, and the `on_error` of its rule is retry.
        """
        if self._evaluator.platform.holds is HoldMethod.QUARANTINE:
            # The platform keeps the message for its operator: there is no approver to ask, and no second attempt.
            return replace(outcome, hold_states=dict.fromkeys((wanted.rule.name for wanted in outcome.holds), HoldState.PENDING))
        mail, traits, wanted_holds = self._mail, self._traits, outcome.holds
        if traits.varies:
            # An earlier attempt may have held the message for a rule that does not apply now.
            wanting = {wanted.rule.name for wanted in wanted_holds}
            others = [
                (rule, action)
                for rule in traits.holding_rules
                for action in rule.actions
                if isinstance(action, Hold) and rule.name not in wanting
            ]
            wanted_holds += tuple(WantedHold(rule, hold, NO_RECIPIENTS, bounce_values(mail.envelope, rule)) for rule, hold in others)
        if not wanted_holds:
            return outcome
        holds = self._evaluator.find_holds()
        if holds is None or not mail.is_writable:
            why = "an asynchronous rule" if holds else "this function"
            error = Misconfigured(f"{why} cannot hold messages")
            return outcome.with_failures(*(fail_action(wanted.rule, wanted.hold, error) for wanted in outcome.holds))
        try:
            return holds.resolve(mail, replace(outcome, holds=wanted_holds))
        except StillHeld as held:
            fields = make_log_fields(self.policy, outcome, is_rejected=self.is_rejected)
            held.log = fields | explain(self.policy, self._trace, ChangedContent(outcome), held)
            held.failures = [*list_failures(outcome.failures), *held.failures]
            raise

    def _change_content(self, outcome: Outcome) -> ChangedContent:
        if not outcome.changes:
            return ChangedContent(outcome)
        mail = self._mail
        try:
            message = mail.message
        except (PermanentError, Misconfigured) as error:
            return skip_changes(outcome, error)
        values: dict[str, str] = {}
        if any(wanted.change.variables for wanted in outcome.changes):
            # Late for the cold start: only texts with variables need it.
            from mailhooks.content.template import read_values

            values = read_values(message, mail.envelope.mail_from)
        return change_content(message, outcome, values, self._evaluator.platform)

    def _archive(self, content: ChangedContent) -> ChangedContent:
        """Archive the received message and return the content with the failures in its outcome.

        Raises:
            TransientError: it failed, and the `on_error` of its rule is retry.
        """
        mail = self._mail
        for wanted in content.outcome.effects:
            if isinstance(wanted.effect, Archive):
                required = wanted.rule.on_error is RuleErrorPolicy.RETRY
                try:
                    self._evaluator.side_effects.archive(wanted.effect, mail, mail.deadline if required else half_of_remaining_time(mail))
                except Exception as error:  # noqa: BLE001 - the rule decides
                    failure = fail_action(wanted.rule, wanted.effect, error)
                    content = content._replace(outcome=content.outcome.with_failures(failure))
        return content
