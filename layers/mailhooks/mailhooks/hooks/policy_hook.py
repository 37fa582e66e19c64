"""The hook of the function `mailflow`: a whole policy, with one read and one write of the message."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, Self

from mailhooks.contract import Verdict
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, PermanentError, TransientError
from mailhooks.hooks import earlier_decision
from mailhooks.hooks.content_changes import change, not_taken
from mailhooks.hooks.earlier_decision import AlreadyDecided
from mailhooks.hooks.invocation import Mail
from mailhooks.mime.message import Message
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedChange, WantedEffect
from mailhooks.policy.facts.services import Services
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.actions import Archive, Count, Notify
from mailhooks.policy.rules.rule import RuleErrorPolicy
from mailhooks.settings import Settings

_STAMP_OCTETS: Final = 100


class Policies(Protocol):
    """Where the policy comes from."""

    def current(self) -> Policy:
        """The policy that is in force."""

    @property
    def refused(self) -> bool:
        """Whether a newer one is there, and is refused."""


class Effects(Protocol):
    """Does what is to be done beside a message."""

    def keep(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        """Keeps a copy. Raises TransientError, Misconfigured."""

    def tell(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:
        """Tells somebody. Raises TransientError, Misconfigured."""


class People(Protocol):
    """Knows attributes of people, for the variables of a text."""

    def lookup(self, address: str) -> Mapping[str, str]: ...


class FixedPolicy:
    """A policy that never changes."""

    refused = False

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def current(self) -> Policy:
        return self._policy


class NoEffects:
    """For policies that do nothing beside the message."""

    def keep(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:  # noqa: ARG002 - the protocol's
        raise Misconfigured("there is no place to keep copies in")

    def tell(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:  # noqa: ARG002 - the protocol's
        raise Misconfigured("there is nobody to tell")


class _Watched:
    """A message that, when it is first read, says whether an earlier try has decided."""

    def __init__(self, mail: Mail, *, stamped: bool) -> None:
        self._mail = mail
        self._checked = not stamped

    def fetch(self) -> Message:
        self.look()
        return self._mail.message

    def look(self) -> None:
        """Raises:
        AlreadyDecided: an earlier try has.
        """
        if not self._checked:
            earlier_decision.raise_if_decided(self._mail)
            self._checked = True


class MailflowHook:
    """Asks a policy what shall become of each message, and does it.

    Args:
        policies: where the policy comes from.
        effects: what does things beside the message.
        services: what rules may ask.
        people: more variables for the texts of disclaimers.

    Attributes:
        stamps: whether changed messages are stamped, so that a retry decides as the first try (see `decided`). A policy without verdicts,
            whose changes all know themselves, has no need of it.
    """

    name = "mailflow"
    stamps = True

    def __init__(self, policies: Policies, effects: Effects, services: Services | None = None, people: People | None = None) -> None:
        self._policies = policies
        self._services = services or Services()
        self._effects = effects
        self._people = people
        self._judged: tuple[Policy, bool] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: a setting has not the form that it should have.
        PolicyError: there is no policy that can be used.
        """
        from mailhooks.hooks.policy_source import PolicySource
        from mailhooks.hooks.side_effects import AwsEffects, services

        return cls(PolicySource.from_settings(settings), AwsEffects(), services(settings))

    def __call__(self, mail: Mail) -> Verdict:
        policy = self._policies.current()
        if self._policies.refused:
            mail.counts["PolicyRefused"] = 1
            mail.log["policyRefused"] = True
        message = _Watched(mail, stamped=self.stamps)
        try:
            outcome = policy.evaluate(
                mail.event, message.fetch, services=self._services, domains=mail.organization_domains, deadline=_share(mail)
            )
            verdict, outcome = self._carry_out(mail, message, policy, outcome)
        except AlreadyDecided as earlier:
            mail.log["decidedBefore"] = True
            return earlier.verdict
        _note(mail, policy, outcome)
        return verdict

    def _carry_out(self, mail: Mail, message: _Watched, policy: Policy, outcome: Outcome) -> tuple[Verdict, Outcome]:
        made: tuple[WantedChange, ...] = ()
        try:
            if self._may_be_changed_already(policy, outcome):
                self._look(message)
            if outcome.changes:
                outcome, made = change(mail, message.fetch(), outcome, self._values(mail, outcome))
        except (PermanentError, Misconfigured) as trouble:
            outcome = self._not_had(mail, outcome, trouble)
        verdict = outcome.verdict(mail.organization_domains)
        for wanted in outcome.effects:
            outcome = self._do(mail, wanted, verdict, outcome)
        if made and self.stamps and mail.changed and verdict.delivers:
            outcome = self._stamp(mail, verdict, outcome, made)
            verdict = outcome.verdict(mail.organization_domains)
        mail.otherwise = partial(self._not_taken, mail, policy, outcome, made)
        return verdict, outcome

    def _may_be_changed_already(self, policy: Policy, outcome: Outcome) -> bool:
        """Whether an earlier try may have done what this one does not want: where it would do something beside the message, and where the
        hour or somebody else's answer decides of changes.
        """
        if any(not isinstance(wanted.effect, Count) for wanted in outcome.effects):
            return True
        return self.stamps and not outcome.changes and self._changes_by_circumstance(policy)

    def _changes_by_circumstance(self, policy: Policy) -> bool:
        if self._judged is None or self._judged[0] is not policy:
            from mailhooks.policy.analysis.time_dependence import changes_by_circumstance

            self._judged = policy, changes_by_circumstance(policy, asks_domains=self._services.directory is not None)
        return self._judged[1]

    @staticmethod
    def _look(message: _Watched) -> None:
        with suppress(PermanentError, Misconfigured):
            message.look()

    @staticmethod
    def _not_had(mail: Mail, outcome: Outcome, trouble: PermanentError | Misconfigured) -> Outcome:
        """The message cannot be had, so it is not changed; verdicts that were found without it stand."""
        mail.discard()
        for wanted in outcome.changes:
            if wanted.rule.on_error is RuleErrorPolicy.RETRY:
                raise RuleFailed(f'rule "{wanted.rule.name}": {wanted.change.name}: {type(trouble).__name__}') from None
            outcome = outcome.with_failures(Failure.of(wanted.rule.name, wanted.change.name, trouble))
        _blame(mail, trouble)
        return outcome

    def _not_taken(
        self, mail: Mail, policy: Policy, outcome: Outcome, made: Sequence[WantedChange], trouble: PermanentError | Misconfigured
    ) -> Verdict:
        outcome = not_taken(outcome, made, trouble)
        _note(mail, policy, outcome)
        return outcome.verdict(mail.organization_domains)

    def _values(self, mail: Mail, outcome: Outcome) -> dict[str, str]:
        """The variables' values, if any text has some: the directory's, and over them the message's own."""
        if not any(wanted.change.variables for wanted in outcome.changes):
            return {}
        from mailhooks.content.template_variables import own_values

        sender = mail.event.mail_from
        more = self._people.lookup(sender) if self._people else {}
        return {name.lower(): value for name, value in more.items()} | own_values(mail.message, sender)

    def _do(self, mail: Mail, wanted: WantedEffect, verdict: Verdict, outcome: Outcome) -> Outcome:
        """What is done beside the message. A failure is the rule's affair."""
        effect = wanted.effect
        if isinstance(effect, Count):
            mail.counts[effect.metric] = mail.counts.get(effect.metric, 0) + 1
            return outcome
        insists = wanted.rule.on_error is RuleErrorPolicy.RETRY
        try:
            if isinstance(effect, Archive):
                self._effects.keep(effect, mail, mail.deadline if insists else _share(mail))
            else:
                self._effects.tell(effect, mail, wanted.rule.name, verdict, _share(mail))
        except Exception as trouble:
            if insists:
                if isinstance(trouble, TransientError):
                    raise
                raise RuleFailed(f'rule "{wanted.rule.name}": {effect.name}: {type(trouble).__name__}') from None
            return outcome.with_failures(Failure.of(wanted.rule.name, effect.name, trouble))
        return outcome

    @staticmethod
    def _stamp(mail: Mail, verdict: Verdict, outcome: Outcome, made: Sequence[WantedChange]) -> Outcome:
        """Add the stamp of the decision to the changes. If the decision cannot be stored, discard the changes and return the outcome of the
        unchanged message: then a retry decides alike.
        """
        block = mail.message.header
        # A stamp that made the message too long would cost it the change; the stamp matters only where this try is not the last.
        if not block.complete or mail.size_after + _STAMP_OCTETS > MAX_MESSAGE_BYTES:
            return outcome
        try:
            mail.add_edit(earlier_decision.stamp_edit(mail, block, verdict))
        except (PermanentError, Misconfigured) as trouble:
            mail.discard()
            outcome = not_taken(outcome, made, trouble)
            _blame(mail, trouble)
        return outcome


def _blame(mail: Mail, trouble: PermanentError | Misconfigured) -> None:
    if isinstance(trouble, PermanentError):
        mail.unchanged_because = trouble
    else:
        mail.unforeseen = trouble


def _share(mail: Mail) -> Deadline:
    """Until when is waited for what can be done without: half of the time, so that the rest is left to change the message and to answer."""
    return Deadline.after(mail.time_left() / 2)


def _note(mail: Mail, policy: Policy, outcome: Outcome) -> None:
    """What the log and the metrics get to know: names of rules, which the administrator chose, and kinds."""
    given: Mapping[str, Any] = {
        "policy": policy.digest,
        "rules": list(outcome.matched),
        "reported": list(outcome.reported),
        "mixed": list(outcome.mixed),
        "failures": [{"rule": each.rule, "what": each.what, "error": each.error, "detail": each.detail} for each in outcome.failures[:20]],
        "notes": list(outcome.notes),
    }
    mail.log.update({key: value for key, value in given.items() if value})
    counts = {
        "RulesMatched": len(outcome.matched),
        "RulesReported": len(outcome.reported),
        "ContentMixed": len(outcome.mixed),
        "RuleFailures": len(outcome.failures),
    }
    mail.counts.update({key: value for key, value in counts.items() if value})
