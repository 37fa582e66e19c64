"""The hook that runs a policy: one evaluation, one read and at most one write of a message.

    +---------+    +------------------+    +--------------+    +-----------------+
    | runtime |--->| earlier decision |--->|  evaluation  |--->| content changes |
    +---------+    +------------------+    +--------------+    +-----------------+
       |   ^                | a retry                                   |
       v   |                v                                           v
      Put  |           +---------+   +-------+   +--------------+   +------------+
           +-----------|  reply  |<--| stamp |<--| side effects |<--| pre-flight |
                       +---------+   +-------+   +--------------+   +------------+

The functions disclaimer, rewrite and bounce are policies of one rule made from settings (bounce: a rule for each entry of its list). They
run this hook too.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Self

from mailhooks.address_patterns import canonical
from mailhooks.contract import Verdict
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, PermanentError, TransientError
from mailhooks.hooks.content_changes import ChangedContent, change_content, skip_changes, undo_changes
from mailhooks.hooks.earlier_decision import load_earlier_decision, store_decision
from mailhooks.hooks.invocation import Mail, Reply
from mailhooks.hooks.side_effects_base import SideEffects
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedEffect
from mailhooks.policy.facts.services import Services
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Archive, Count, Notify, RuleErrorPolicy
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.hooks.policy_source import PolicySource

_STAMP_OCTETS: Final = 100


@dataclass
class FixedPolicy:
    """A policy that never changes."""

    policy: Policy
    rejected: ClassVar[bool] = False

    def current(self) -> Policy:
        return self.policy


class PolicyHook:
    """Evaluates a policy for each message and carries out its outcome.

    Args:
        policies: the source of the policy.
        side_effects: carries out `archive` and `notify`.
        services: for the conditions that need counts or a directory.
        address_book: attributes by canonical address of the sender, such as `Title`: more variables for the texts of disclaimers.

    Attributes:
        stamps: whether changed messages are stamped, so that a retry returns the verdict of the first attempt. A policy needs no stamp if
            it has no verdicts and each of its changes recognises its own result.
    """

    name = "mailflow"
    stamps = True

    def __init__(
        self,
        policies: "FixedPolicy | PolicySource",
        side_effects: SideEffects | None = None,
        services: Services | None = None,
        address_book: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._policies = policies
        self._services = services or Services()
        self._side_effects = side_effects or SideEffects()
        self._address_book = address_book or {}
        self._circumstances: tuple[Policy, bool] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: a setting is invalid.
        PolicyError: there is no valid policy.
        """
        # Late for the cold start: the functions whose policies are made from settings need neither YAML nor AWS.
        from mailhooks.hooks.policy_source import PolicySource
        from mailhooks.hooks.side_effects import AwsSideEffects, make_services

        return cls(PolicySource.from_settings(settings), AwsSideEffects(), make_services(settings))

    def __call__(self, mail: Mail) -> Reply:
        policy, rejected = self._policies.current(), self._policies.rejected
        evaluation = policy.start_evaluation(
            mail.event,
            lambda: mail.message,
            services=self._services,
            domains=mail.organization_domains,
            deadline=_half_of_remaining_time(mail),
        )
        if self.stamps and self._may_be_changed(policy, evaluation.outcome_by_event()):
            earlier = load_earlier_decision(mail)
            if earlier is not None:
                return _to_earlier_reply(earlier, rejected=rejected)
        content = self._change_content(mail, evaluation.outcome())
        verdict = content.outcome.verdict(mail.organization_domains)
        content = replace(content, outcome=self._run_side_effects(mail, content.outcome, verdict))
        if self.stamps and content.change and content.change.edits and verdict.delivers:
            content = _stamp(mail, content, verdict)
        return _to_reply(mail, policy, content, rejected=rejected)

    def _may_be_changed(self, policy: Policy, by_event: Outcome | None) -> bool:
        """Return whether an earlier attempt may have changed the message, and the outcome depends on that.

        If no rule reads or changes the content now, the message is not fetched just for this question, with two exceptions: before a side
        effect, and if the policy changes messages depending on the time, counts or the directory.
        """
        if by_event is None or by_event.changes:
            return True
        if any(not isinstance(wanted.effect, Count) for wanted in by_event.effects):
            return True
        if self._circumstances is None or self._circumstances[0] is not policy:
            # Late for the cold start: the functions whose policies are made from settings do not need it.
            from mailhooks.policy.analysis.rule_conditions import changes_depend_on_time

            self._circumstances = policy, changes_depend_on_time(policy, asks_domains=self._services.directory is not None)
        return self._circumstances[1]

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

            sender = mail.event.mail_from
            attributes = self._address_book.get(canonical(sender), {})
            values = {name.lower(): value for name, value in attributes.items()} | read_values(message, sender)
        return change_content(message, outcome, values)

    def _run_side_effects(self, mail: Mail, outcome: Outcome, verdict: Verdict) -> Outcome:
        """Carry out archive and notify actions, and return the outcome with their failures.

        Raises:
            TransientError, RuleFailed: an action failed whose rule has `on_error: retry`.
        """
        for wanted in outcome.effects:
            try:
                self._run_side_effect(mail, wanted, verdict)
            except Exception as error:
                if wanted.rule.on_error is not RuleErrorPolicy.RETRY:
                    outcome = outcome.with_failures(Failure.of(wanted.rule.name, wanted.effect.name, error))
                elif isinstance(error, TransientError):
                    raise
                else:
                    raise RuleFailed(f'rule "{wanted.rule.name}": {wanted.effect.name}: {type(error).__name__}') from None
        return outcome

    def _run_side_effect(self, mail: Mail, wanted: WantedEffect, verdict: Verdict) -> None:
        match wanted.effect:
            case Archive() as effect:
                required = wanted.rule.on_error is RuleErrorPolicy.RETRY
                self._side_effects.archive(effect, mail, mail.deadline if required else _half_of_remaining_time(mail))
            case Notify() as effect:
                self._side_effects.notify(effect, mail, wanted.rule.name, verdict, _half_of_remaining_time(mail))


def _stamp(mail: Mail, content: ChangedContent, verdict: Verdict) -> ChangedContent:
    """Store the verdict for retries and add its stamp to the change. If it cannot be stored, leave the message unchanged."""
    assert content.change is not None
    # A stamp must not make the message too long for its change; it matters only if this attempt is not the last.
    if not mail.message.header.complete or content.change.size + _STAMP_OCTETS > MAX_MESSAGE_BYTES:
        return content
    try:
        stamp = store_decision(mail, verdict)
    except (PermanentError, Misconfigured) as error:
        return undo_changes(content, error)
    return replace(content, change=content.change.with_edit(stamp))


def _to_reply(mail: Mail, policy: Policy, content: ChangedContent, *, rejected: bool) -> Reply:
    """Return the reply. Its log fields name rules, which the administrator chose, and kinds, never the message."""
    outcome, error = content.outcome, content.error
    log = {
        "policyRefused": rejected,
        "policy": policy.digest,
        "rules": list(outcome.matched),
        "reported": list(outcome.reported),
        "mixed": list(outcome.mixed),
        "failures": [{"rule": each.rule, "what": each.what, "error": each.error, "detail": each.detail} for each in outcome.failures[:20]],
        "notes": list(outcome.notes),
    }
    counts = {
        "PolicyRefused": int(rejected),
        **Counter(wanted.effect.metric for wanted in outcome.effects if isinstance(wanted.effect, Count)),
        "RulesMatched": len(outcome.matched),
        "RulesReported": len(outcome.reported),
        "ContentMixed": len(outcome.mixed),
        "RuleFailures": len(outcome.failures),
    }
    return Reply(
        outcome.verdict(mail.organization_domains),
        content.change,
        {key: value for key, value in log.items() if value},
        {key: value for key, value in counts.items() if value},
        error if isinstance(error, PermanentError) else None,
        error if isinstance(error, Misconfigured) else None,
        lambda put_error: _to_reply(mail, policy, undo_changes(content, put_error), rejected=rejected),
    )


def _to_earlier_reply(verdict: Verdict, *, rejected: bool) -> Reply:
    log = {"policyRefused": True, "decidedBefore": True} if rejected else {"decidedBefore": True}
    return Reply(verdict, log=log, counts={"PolicyRefused": 1} if rejected else {})


def _half_of_remaining_time(mail: Mail) -> Deadline:
    """Return a deadline for optional work: the rest of the time is for the change and the response."""
    return Deadline.after(mail.time_left() / 2)
