"""The hook that runs a policy: one evaluation, one read and at most one write of a message.

    +---------+    +------------------+    +-----------------+
    | runtime |--->| earlier decision |--->| PolicyEvaluator |
    +---------+    +------------------+    +-----------------+
       |   ^                | a retry                 |
       v   |                v                         v
      Put  |           +---------+                +-------+
       |   +-----------|  reply  |<---------------| stamp |
       v               +---------+                +-------+
     notify

The functions disclaimer, rewrite and bounce run this hook too: with the policy in their folder, or else with one made from their setting.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Self

from mailhooks.actions import DEFAULT, Action
from mailhooks.contract import Verdict
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from mailhooks.core.decision import Decision, list_failures, send_notifications
from mailhooks.core.evaluator import FixedPolicy, MailEvaluation, PolicyEvaluator
from mailhooks.core.side_effects_base import Holds, SideEffects
from mailhooks.errors import Misconfigured, PermanentError
from mailhooks.hooks.earlier_decision import load_earlier_decision, store_decision
from mailhooks.hooks.invocation import Mail, Reply
from mailhooks.hooks.workmail import MAX_ACTIONS, WORKMAIL
from mailhooks.policy.evaluation.outcome import Outcome
from mailhooks.policy.facts.recipients import UNLISTED
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.rule import Notify
from mailhooks.report_names import LogKey, Metric
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.core.policy_source import PolicySource

_STAMP_OCTETS: Final = 100

_LOST_DECISION: Final = "an earlier attempt changed the message, and its decision is missing: the rules decided again and changed nothing"


class PolicyHook:
    """Evaluates a policy for each message of WorkMail and carries out its outcome. Arguments as for `PolicyEvaluator`."""

    name = "mailflow"

    def __init__(
        self,
        policies: "FixedPolicy | PolicySource",
        side_effects: SideEffects | None = None,
        services: Services | None = None,
        make_holds: Callable[[], Holds] | None = None,
    ) -> None:
        self._evaluator = PolicyEvaluator(policies, WORKMAIL, side_effects, services, make_holds)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: a setting is invalid.
        PolicyError: there is no valid policy.
        """
        hook = cls.__new__(cls)
        hook._evaluator = PolicyEvaluator.from_settings(settings, WORKMAIL)
        return hook

    def __call__(self, mail: Mail) -> Reply:
        evaluation = self._evaluator.start(mail)
        earlier = load_earlier_decision(mail) if evaluation.depends_on_earlier_attempt() else None
        if earlier and earlier.verdict:
            return self._to_earlier_reply(mail, evaluation, earlier.verdict, earlier.notifying_rules)
        decision = evaluation.decide(unchanged=_LOST_DECISION if earlier else "")
        if decision.change and decision.change.edits:
            decision = _stamp(mail, decision)
        return _to_reply(mail, decision)

    def _to_earlier_reply(self, mail: Mail, evaluation: MailEvaluation, verdict: Verdict, notifying_rules: Sequence[str]) -> Reply:
        """Return the reply of an earlier attempt. It notifies again, with the same keys, as that attempt may have ended before."""
        log: dict[str, object] = {LogKey.DECIDED_BEFORE: True}
        if evaluation.is_rejected:
            log[LogKey.POLICY_REFUSED] = True
        counts: dict[str, int] = {Metric.POLICY_REFUSED: 1} if evaluation.is_rejected else {}
        rules = [rule for rule in evaluation.policy.rules if rule.name in notifying_rules]
        if missing := set(notifying_rules) - {rule.name for rule in rules}:
            log[LogKey.NOTES] = [f'rule "{name}": not notified again, as the policy has no such rule now' for name in sorted(missing)]

        def notify() -> Reply:
            wanted = [(rule, action) for rule in rules for action in rule.actions if isinstance(action, Notify)]
            failures = list_failures(list(send_notifications(self._evaluator.side_effects, mail, wanted, verdict.types)))
            if not failures:
                return Reply(log=log, counts=counts)
            return Reply(log=log | {LogKey.FAILURES: failures}, counts=counts | {Metric.RULE_FAILURES: len(failures)})

        return Reply(verdict, log=log, counts=counts, after_write=notify)


def _stamp(mail: Mail, decision: Decision) -> Decision:
    """Store the verdict for retries and add its stamp to the change, if the message is delivered.

    If the verdict cannot be stored, the message is left unchanged.
    """
    change = decision.change
    assert change is not None
    verdict = make_verdict(decision.outcome, mail.organization_domains)
    if not verdict.delivers:
        return decision
    # A stamp must not make the message too long for its change; it matters only if this attempt is not the last.
    if not mail.message.header.complete or change.size + _STAMP_OCTETS > MAX_MESSAGE_BYTES:
        return decision
    try:
        stamp = store_decision(mail, verdict, [rule.name for rule, _ in decision.notifications])
    except (PermanentError, Misconfigured) as error:
        return decision.without_change(error)
    return decision._replace(content=decision.content._replace(change=change.with_edit(stamp)))


def _to_reply(mail: Mail, decision: Decision) -> Reply:
    error = decision.error
    return Reply(
        make_verdict(decision.outcome, mail.organization_domains),
        decision.change,
        decision.log,
        decision.counts,
        error if isinstance(error, PermanentError) else None,
        error if isinstance(error, Misconfigured) else None,
        lambda put_error: _to_reply(mail, decision.without_change(put_error)),
        (lambda: _to_reply(mail, decision.notify())) if decision.notifications else None,
    )


def make_verdict(outcome: Outcome, organization_domains: Collection[str] = ()) -> Verdict:
    """Return the verdict for WorkMail, with at most 10 different actions.

    Args:
        organization_domains: the organization's mail domains, used if the policy has none.
    """
    actions = outcome.limit_actions(MAX_ACTIONS)
    rest = _action_for_rest(actions)
    verdict = Verdict(outcome.envelope, outcome.domains or organization_domains).apply(rest)
    by_action: dict[Action, list[str]] = {}
    for address, action in actions.items():
        if address and action != rest:
            by_action.setdefault(action, []).append(address)
    for action, addresses in by_action.items():
        verdict.apply(action, to=addresses)
    if added := outcome.list_added():
        verdict.add(added)
    return verdict


def _action_for_rest(actions: Mapping[str, Action]) -> Action:
    """Return the action for all recipients whom the response does not name.

    It is the action of the recipients that a truncated event omits; else DEFAULT if a recipient has it; else the most common action.
    """
    if UNLISTED in actions:
        return actions[UNLISTED]
    if not actions or DEFAULT in actions.values():
        return DEFAULT
    return Counter(actions.values()).most_common(1)[0][0]
