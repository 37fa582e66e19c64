"""The outcome of a policy for one message: a verdict for each recipient, changes of the content, and side effects."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from mailhooks import actions
from mailhooks.actions import DEFAULT, ActionType
from mailhooks.address_patterns import ADDRESS, canonical
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import ContractError, MailhooksError
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, Recipients, RecipientSet
from mailhooks.policy.rules.rule import ContentChange, Effect, Hold, Mixed, OnTimeout, Rule
from mailhooks.report_names import HoldState

if TYPE_CHECKING:
    from mailhooks.platform import Platform

_COMMON_BOUNCE: Final = actions.Action(ActionType.BOUNCE, actions.COMMON_BOUNCE_TEXT)
"""Replaces bounce texts that exceed the number of actions of a platform."""

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

    envelope: Envelope
    recipients: Recipients
    domains: frozenset[str] = frozenset()
    verdicts: Mapping[str, actions.Action] = field(default_factory=dict)
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

    def refuse_delivery(self, recipients: RecipientSet, action: actions.Action) -> Self:
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
        action = actions.Action(ActionType.DROP)
        if bounces:
            action = actions.Action(ActionType.BOUNCE, wanted.hold.bounce_text(wanted.values, reason or _NO_REASON))
        return changed.refuse_delivery(wanted.recipients, action).with_selected_changes()

    @property
    def reached(self) -> RecipientSet:
        """The recipients who get the message, or for whom an added address gets it."""
        found = self.delivering | self.replaced
        for address in self.added:
            found |= self.added_for.get(address.lower(), NO_RECIPIENTS)
        return found

    @property
    def by_recipient(self) -> dict[str, actions.Action]:
        """The verdict of each recipient, by address in lower case. Without a verdict of a rule it is DEFAULT."""
        return {address: self.verdicts.get(address, DEFAULT) for address in self.recipients.addresses}

    @property
    def delivering(self) -> RecipientSet:
        """The recipients who get the message."""
        return self.recipients.select(lambda address: self.verdicts.get(address, DEFAULT).type.delivers, self.recipients.all)

    @property
    def verdict_types(self) -> tuple[str, ...]:
        """The types of all actions that apply to a recipient, sorted."""
        found = {str(action.type) for action in self.by_recipient.values()}
        return tuple(sorted(found | {str(ActionType.DEFAULT)} if self.list_added() else found))

    def list_added(self) -> list[str]:
        """Return the addresses to add that are no recipients of the message."""
        return [address for address in self.added if not self.recipients.find(address)]

    def limit_actions(self, most: int) -> dict[str, actions.Action]:
        """Return `by_recipient` with at most `most` different actions, those for added recipients included.

        If there are more, the rarest bounce texts become one common text. This never changes who gets the message.
        """
        verdicts = self.by_recipient
        # Added recipients may need an action of their own.
        room = most - bool(self.added)
        counts = Counter(verdicts.values())
        if len(counts) <= room:
            return verdicts
        others = [action for action in counts if action.type is not ActionType.BOUNCE]
        bounces = [action for action, _ in counts.most_common() if action.type is ActionType.BOUNCE]
        kept = frozenset(bounces[: room - len(others) - 1]) | frozenset(others)
        return {address: action if action in kept else _COMMON_BOUNCE for address, action in verdicts.items()}


def filter_addable(envelope: Envelope, domains: Collection[str], addresses: Iterable[str], platform: "Platform | None") -> list[str]:
    """Return the addresses that a platform allows a rule to add, in their order. None: a platform without limits."""
    own = frozenset(map(canonical, domains))
    listed = frozenset(map(canonical, envelope.recipients))
    inbound = envelope.flow_direction is FlowDirection.INBOUND
    only_own = platform is not None and platform.adds_only_own_domains and inbound
    room = math.inf
    if platform is not None and platform.max_recipients is not None and not inbound:
        room = platform.max_recipients - len(envelope.recipients)
    added: list[str] = []
    new: set[str] = set()
    for address in addresses:
        key = canonical(address)
        if key not in listed and key not in new:
            is_valid = ADDRESS.fullmatch(address) is not None and address.isprintable()
            if not is_valid or len(new) >= room or (only_own and canonical(address.rpartition("@")[2]) not in own):
                continue
            new.add(key)
        added.append(address)
    return added
