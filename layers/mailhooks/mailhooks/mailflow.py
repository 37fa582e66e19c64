"""The hook of the function `mailflow`: a whole policy, with one read and one write of the message."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, Self

from . import contract, decided
from .contract import ActionType, Verdict
from .deadline import Deadline
from .decided import Decided
from .errors import CannotChangeSafely, Misconfigured, PassingTrouble
from .mail import Mail
from .mime.headers import scan
from .policy.actions import Archive, Count, NoDisclaimer, Notify, Unmodifiable
from .policy.changes import Applied, apply_changes
from .policy.errors import RuleFailed
from .policy.model import OnError, Policy
from .policy.outcome import Failure, Outcome, WantedChange, WantedEffect
from .policy.services import Services
from .settings import Settings

_BOUNCE: Final = "This message cannot be sent: {why}."


class Policies(Protocol):
    """Where the policy comes from."""

    def current(self) -> Policy:
        """The policy that is in force."""

    @property
    def refused(self) -> bool:
        """Whether a newer one is there, and is refused."""


class Effects(Protocol):
    """Does what is to be done beside a message."""

    def keep(self, effect: Archive, mail: Mail) -> None:
        """Keeps a copy. Raises PassingTrouble, Misconfigured."""

    def tell(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:
        """Tells somebody. Raises PassingTrouble, Misconfigured."""


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

    def keep(self, effect: Archive, mail: Mail) -> None:  # noqa: ARG002 - the protocol's
        raise Misconfigured("there is no place to keep copies in")

    def tell(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:  # noqa: ARG002 - the protocol's
        raise Misconfigured("there is nobody to tell")


class _Watched:
    """A message that, when it is first read, says whether an earlier try has decided."""

    def __init__(self, mail: Mail, *, stamped: bool) -> None:
        self._mail = mail
        self._checked = not stamped

    @property
    def raw(self) -> bytes:
        if not self._checked:
            decided.raise_if_decided(self._mail)
            self._checked = True
        return self._mail.raw


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

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: a setting has not the form that it should have.
        PolicyError: there is no policy that can be used.
        """
        from .effects import AwsEffects, services
        from .policy_source import PolicySource

        return cls(PolicySource.from_settings(settings), AwsEffects(), services(settings))

    def __call__(self, mail: Mail) -> Verdict:
        policy = self._policies.current()
        if self._policies.refused:
            mail.counts["PolicyRefused"] = 1
            mail.log["policyRefused"] = True
        message = _Watched(mail, stamped=self.stamps)
        try:
            outcome = policy.evaluate(
                mail.event, message, services=self._services, domains=mail.organization_domains, deadline=_share(mail)
            )
            verdict = self._carry_out(mail, message, outcome)
        except Decided as earlier:
            mail.log["decidedBefore"] = True
            return earlier.verdict
        _note(mail, policy, outcome)
        return verdict

    def _carry_out(self, mail: Mail, message: _Watched, outcome: Outcome) -> Verdict:
        if outcome.changes or any(not isinstance(wanted.effect, Count) for wanted in outcome.effects):
            # An earlier try may have done it all.
            self._change(mail, message.raw, outcome)
        verdict = outcome.verdict(mail.organization_domains)
        for wanted in outcome.effects:
            self._do(mail, wanted, verdict, outcome)
        if self.stamps and mail.changed and verdict.delivers:
            self._stamp(mail, verdict)
        return verdict

    def _change(self, mail: Mail, raw: bytes, outcome: Outcome) -> None:
        """Sets the changes that can be made; where one cannot, its rule may say that the message is not to go on."""
        if not outcome.changes:
            return
        variables = frozenset().union(*(wanted.change.variables for wanted in outcome.changes))
        values = self._values(raw, mail.event.mail_from) if variables else {}
        applied = apply_changes(raw, outcome.changes, values)
        for wanted, trouble in applied.refusals:
            outcome.failures += (Failure(wanted.rule.name, wanted.change.name, CannotChangeSafely.__name__, str(trouble)),)
            if not (isinstance(trouble, NoDisclaimer) and trouble.may_go_on):
                _turn_away(outcome, wanted, getattr(trouble, "obstacle", "an attachment is not let through"))
        if len(applied.refusals) == len(outcome.changes):
            mail.unchanged_because = CannotChangeSafely(str(applied.refusals[0][1]))
        self._set(mail, applied)
        refused = mail.refusals()
        if not refused:
            return
        # What our own change is to blame for is nobody's reason to send mail back.
        before = all(refusal.before for refusal in refused)
        ways = {wanted.change.on_unmodifiable for wanted in applied.made}
        if before and Unmodifiable.WRAP in ways:
            self._set(mail, apply_changes(raw, _wrapping(applied.made), values, wrap=True))
            refused = mail.refusals()
        if refused:
            mail.discard()
            why = f"WorkMail would refuse the changed message: {'; '.join(map(str, refused[:5]))}"
            mail.unchanged_because = CannotChangeSafely(why)
            for wanted in applied.made:
                outcome.failures += (Failure(wanted.rule.name, wanted.change.name, CannotChangeSafely.__name__, why),)
                if before:
                    _turn_away(outcome, wanted, refused[0].code)

    def _values(self, raw: bytes, sender: str) -> dict[str, str]:
        """The variables' values: the directory's, and over them the message's own."""
        from .variables import own_values

        more = self._people.lookup(sender) if self._people else {}
        return {name.lower(): value for name, value in more.items()} | own_values(raw, sender)

    @staticmethod
    def _set(mail: Mail, applied: Applied) -> None:
        mail.edit(applied.edits, added_parts=applied.added_parts, encloses=applied.encloses)

    def _do(self, mail: Mail, wanted: WantedEffect, verdict: Verdict, outcome: Outcome) -> None:
        """What is done beside the message. A failure is the rule's affair."""
        effect = wanted.effect
        if isinstance(effect, Count):
            mail.counts[effect.metric] = mail.counts.get(effect.metric, 0) + 1
            return
        try:
            if isinstance(effect, Archive):
                self._effects.keep(effect, mail)
            else:
                self._effects.tell(effect, mail, wanted.rule.name, verdict, _share(mail))
        except Exception as trouble:
            if wanted.rule.on_error is OnError.RETRY:
                if isinstance(trouble, PassingTrouble):
                    raise
                raise RuleFailed(f'rule "{wanted.rule.name}": {effect.name}: {type(trouble).__name__}') from None
            outcome.failures += (Failure.of(wanted.rule.name, effect.name, trouble),)

    @staticmethod
    def _stamp(mail: Mail, verdict: Verdict) -> None:
        block = scan(mail.raw)
        if block.complete:
            mail.add_edit(decided.stamp_edit(mail, block, verdict))


def _share(mail: Mail) -> Deadline:
    """Until when is waited for what can be done without: half of the time, so that the rest is left to change the message and to answer."""
    return Deadline.after(mail.time_left() / 2)


def _wrapping(made: Sequence[WantedChange]) -> list[WantedChange]:
    """The changes that wrap, and no others: what is wrapped stays as it is."""
    return [wanted for wanted in made if wanted.change.on_unmodifiable is Unmodifiable.WRAP]


def _turn_away(outcome: Outcome, wanted: WantedChange, why: str) -> None:
    """Bounces or drops the message for those for whom the rule wanted it changed, if the rule says so."""
    match wanted.change.on_unmodifiable:
        case Unmodifiable.BOUNCE:
            action = contract.Action(ActionType.BOUNCE, _BOUNCE.format(why=why))
        case Unmodifiable.DROP:
            action = contract.Action(ActionType.DROP)
        case _:
            return
    outcome.decide(wanted.recipients & outcome.delivering, action)


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
