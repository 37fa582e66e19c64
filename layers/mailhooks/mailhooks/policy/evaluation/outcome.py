"""The outcome of a policy for one message: a verdict for each recipient, changes of the content, and side effects."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self

from mailhooks import contract
from mailhooks.contract import ActionType, ContractError, MailFlowEvent, Verdict
from mailhooks.contract.verdict import DEFAULT
from mailhooks.errors import MailhooksError
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, UNLISTED, Recipients, RecipientSet
from mailhooks.policy.rules.rule import ContentChange, Effect, Hold, Mixed, OnTimeout, Rule
from mailhooks.report_names import HoldState

MAX_ACTIONS: Final = 10
"""Different actions in one response (guide, "Synchronous Run Lambda action limits")."""

_COMMON_BOUNCE: Final = contract.Action(
    ActionType.BOUNCE, "This message was refused by a rule of the recipient's or sender's organization."
)
"""Replaces bounce texts that exceed the limit of a response."""

_NO_DECISION: Final = "there was no decision in time"
_NO_REASON: Final = "none was given"


class ConditionTrace(NamedTuple):
    """One evaluated condition, with the candidates for whom it was evaluated and those that it matches."""

    condition: str
    depth: int
    """The number of groups around it."""
    observed: str
    """The value that it was evaluated on."""
    matching: RecipientSet
    candidates: RecipientSet
    error: str = ""
    """The type of the error if it failed."""
    written: Any = None
    """Its value in the policy; None for a group."""


@dataclass(slots=True)
class RuleTrace:
    """One rule, with the recipients to whom it applies and its conditions in the order of their evaluation."""

    name: str
    matching: RecipientSet = NO_RECIPIENTS
    skipped: str = ""
    """Why it was not evaluated; `""` if it was."""
    conditions: list[ConditionTrace] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """A record of one evaluation: the value and the result of each condition."""

    rules: list[RuleTrace] = field(default_factory=list)


class WantedChange(NamedTuple):
    """A change of the content that a rule wants for some recipients."""

    rule: Rule
    change: ContentChange
    recipients: RecipientSet


class WantedEffect(NamedTuple):
    """A side effect that a rule wants for some recipients."""

    rule: Rule
    effect: Effect
    recipients: RecipientSet


class WantedHold(NamedTuple):
    """A hold that a rule wants for some recipients.

    Without recipients, the rule does not apply now: then only the record of an earlier attempt can hold the message.
    """

    rule: Rule
    hold: Hold
    recipients: RecipientSet
    values: Mapping[str, str]
    """The variables of the bounce message, by their names in lower case, without `reason`."""


class Failure(NamedTuple):
    """A failed condition or action: its name `what`, and the type of the error."""

    rule: str
    what: str
    error: str
    detail: str
    """The text of the error if it may be logged; else `""`."""

    @classmethod
    def of(cls, rule: str, what: str, error: Exception) -> Self:
        """Make a failure of an error. Only the texts of our own errors may be logged: others may quote the message."""
        return cls(rule, what, type(error).__name__, str(error) if isinstance(error, MailhooksError | ContractError) else "")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a policy for one message. Nothing of it is carried out yet.

    Attributes:
        domains: the organization's mail domains; may be empty.
        verdicts: the verdicts of rules, by recipient in lower case; `""` for recipients that a truncated event omits.
        added: the addresses to add.
        replaced: the recipients who do not get the message, because a rule adds an address in their place.
        added_for: the recipients for whom each address is added, by address in lower case.
        changes: the changes to make, in the order of the rules. All recipients get the same content.
        effects: the side effects, in the order of the rules.
        matched: the names of the rules that apply.
        reported: the names of the rules in report mode that would apply.
        mixed: the names of the rules that want a change for some of the recipients only.
        wanted_changes: all changes that the rules want; `changes` is a selection of them.
        holds: the holds to resolve before all else, in the order of the rules.
        hold_states: the state of each hold that is resolved, by the name of its rule.
        failures: the conditions and actions that failed.
        notes: further remarks for the log. They do not quote the message.
    """

    event: MailFlowEvent
    recipients: Recipients
    domains: frozenset[str] = frozenset()
    verdicts: Mapping[str, contract.Action] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    replaced: RecipientSet = NO_RECIPIENTS
    added_for: Mapping[str, RecipientSet] = field(default_factory=dict)
    changes: tuple[WantedChange, ...] = ()
    effects: tuple[WantedEffect, ...] = ()
    matched: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    wanted_changes: tuple[WantedChange, ...] = ()
    holds: tuple[WantedHold, ...] = ()
    hold_states: Mapping[str, HoldState] = field(default_factory=dict)

    def with_failures(self, *failures: Failure) -> Self:
        """Return this outcome with more failures."""
        return replace(self, failures=(*self.failures, *failures))

    def refuse_delivery(self, recipients: RecipientSet, action: contract.Action) -> Self:
        """Return this outcome without delivery to these recipients or to their replacements. `action` is their verdict.

        A recipient whose message a rule drops or bounces keeps that verdict. An address is no longer added if it was added for refused
        recipients only.
        """
        refused = recipients & (self.delivering | self.replaced)
        verdicts = {**self.verdicts, **dict.fromkeys(self.recipients.list_addresses(refused), action)}
        changed = replace(self, verdicts=verdicts, replaced=self.replaced - refused)
        left = changed.delivering | changed.replaced
        # Of those who get no message anyway, only these recipients are refused: a copy for another one stays.
        added_for = {address: found - recipients for address, found in self.added_for.items()}
        added = tuple(address for address in self.added if added_for.get(address.lower(), left))
        return replace(changed, added=added, added_for=added_for)

    def with_selected_changes(self) -> Self:
        """Return this outcome with those of `wanted_changes` that the recipients who get the message are to see.

        All recipients get one content. A recipient who is added in place of all others gets the content that these would have got.
        """
        delivering = self.delivering
        selected, mixed = [], []
        for wanted in self.wanted_changes:
            recipients = wanted.recipients & delivering
            if not recipients and not (self.added and not delivering):
                continue
            if recipients != delivering:
                mixed.append(wanted.rule.name)
                if wanted.rule.mixed is Mixed.NONE:
                    continue
            selected.append(wanted)
        return replace(self, changes=tuple(selected), mixed=tuple(dict.fromkeys(mixed)))

    def with_decision(self, wanted: WantedHold, state: HoldState, reason: str = "") -> Self:
        """Return this outcome after a final decision on a hold. Only the recipients of the hold can lose the message.

        Args:
            wanted: one of `holds`; its recipients may be those of an earlier attempt.
            state: any but PENDING.
            reason: of a rejection, for the bounce message.
        """
        changed = replace(self, hold_states={**self.hold_states, wanted.rule.name: state})
        bounces = state is HoldState.REJECTED or wanted.hold.on_timeout is OnTimeout.BOUNCE
        if state is HoldState.APPROVED or (state is HoldState.TIMED_OUT and wanted.hold.on_timeout is OnTimeout.DELIVER):
            return changed
        if state is HoldState.TIMED_OUT:
            reason = _NO_DECISION
        action = contract.Action(ActionType.DROP)
        if bounces:
            action = contract.Action(ActionType.BOUNCE, wanted.hold.bounce_text(wanted.values, reason or _NO_REASON))
        return changed.refuse_delivery(wanted.recipients, action).with_selected_changes()

    @property
    def reached(self) -> RecipientSet:
        """The recipients who get the message, or for whom an added address gets it."""
        found = self.delivering | self.replaced
        for address in self.added:
            found |= self.added_for.get(address.lower(), NO_RECIPIENTS)
        return found

    @property
    def by_recipient(self) -> dict[str, contract.Action]:
        """The verdict of each recipient, by address in lower case. Without a verdict of a rule it is DEFAULT."""
        return {address: self.verdicts.get(address, DEFAULT) for address in self.recipients.addresses}

    @property
    def delivering(self) -> RecipientSet:
        """The recipients who get the message."""
        return self.recipients.select(lambda address: self.verdicts.get(address, DEFAULT).type.delivers, self.recipients.all)

    def verdict(self, organization_domains: Collection[str] = ()) -> Verdict:
        """Return the verdict for WorkMail, with at most 10 different actions.

        If there are more, the rarest bounce texts become one common text. This never changes who gets the message.

        Args:
            organization_domains: the organization's mail domains, used if the policy has none.
        """
        actions = self._limit_actions()
        rest = _action_for_rest(actions)
        verdict = Verdict(self.event, self.domains or organization_domains).apply(rest)
        by_action: dict[contract.Action, list[str]] = {}
        for address, action in actions.items():
            if address and action != rest:
                by_action.setdefault(action, []).append(address)
        for action, addresses in by_action.items():
            verdict.apply(action, to=addresses)
        added = [address for address in self.added if not self.recipients.find(address)]
        if added:
            verdict.add(added)
        return verdict

    def _limit_actions(self) -> dict[str, contract.Action]:
        """Return the verdict of each recipient, with a common text for the bounces beyond the limit."""
        actions = self.by_recipient
        # Added recipients may need an entry of their own.
        room = MAX_ACTIONS - bool(self.added)
        counts = Counter(actions.values())
        if len(counts) <= room:
            return actions
        others = [action for action in counts if action.type is not ActionType.BOUNCE]
        bounces = [action for action, _ in counts.most_common() if action.type is ActionType.BOUNCE]
        kept = frozenset(bounces[: room - len(others) - 1]) | frozenset(others)
        return {address: action if action in kept else _COMMON_BOUNCE for address, action in actions.items()}


def _action_for_rest(actions: Mapping[str, contract.Action]) -> contract.Action:
    """Return the action for all recipients whom the response does not name.

    It is the action of the recipients that a truncated event omits; else DEFAULT if a recipient has it; else the most common action.
    """
    if UNLISTED in actions:
        return actions[UNLISTED]
    if not actions or DEFAULT in actions.values():
        return DEFAULT
    return Counter(actions.values()).most_common(1)[0][0]


def filter_addable(event: MailFlowEvent, domains: Collection[str], addresses: Iterable[str]) -> list[str]:
    """Return the addresses that WorkMail allows a verdict to add, in their order."""
    added: list[str] = []
    verdict = Verdict(event, domains)
    for address in addresses:
        try:
            verdict.add(address)
        except ContractError:
            continue
        added.append(address)
    return added
