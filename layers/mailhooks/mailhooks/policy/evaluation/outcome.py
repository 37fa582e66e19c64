"""What a policy makes of one message: a verdict for each recipient, changes of the content, and what is done beside it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from mailhooks import contract
from mailhooks.contract import ActionType, ContractError, MailFlowEvent, Verdict
from mailhooks.contract.verdict import DEFAULT
from mailhooks.errors import MailhooksError
from mailhooks.policy.facts.recipients import Recipients
from mailhooks.policy.rules.actions import ContentChange, Effect
from mailhooks.policy.rules.rule import Rule

MAX_ACTIONS = 10
"""Different actions that an answer may have (guide, "Synchronous Run Lambda action limits")."""

_MERGED = contract.Action(ActionType.BOUNCE, "This message was refused by a rule of the recipient's or sender's organization.")
"""Stands for the bounce texts that an answer has no place for. Who gets the message stays the same."""


@dataclass(frozen=True, slots=True)
class WantedChange:
    """A change of the content, wanted by a rule for some recipients (bits)."""

    rule: Rule
    change: ContentChange
    recipients: int


@dataclass(frozen=True, slots=True)
class WantedEffect:
    """Something to do beside the message."""

    rule: Rule
    effect: Effect
    recipients: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A condition or an action that could not be carried out; the rule says what follows.

    Attributes:
        error: the kind of error.
        detail: its text, where that is fit for a log.
    """

    rule: str
    what: str
    error: str
    detail: str

    @classmethod
    def of(cls, rule: str, what: str, trouble: Exception) -> Self:
        """Our own errors' texts are fit for a log; a foreign one's may quote the message."""
        return cls(rule, what, type(trouble).__name__, str(trouble) if isinstance(trouble, MailhooksError | ContractError) else "")


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    event: of the message.
    recipients: of the event; bits elsewhere are about these.
    verdicts: by recipient (lower case; `""` for those that a truncated event leaves out).
    added: recipients to add.
    replaced: recipients who do not get the message because somebody is added in their place, as bits.
    added_for: for which recipients each was added (lower case), as bits.
    changes: of the content, in the rules' order: what those who get the message shall see.
    effects: in the rules' order.
    matched: the names of the rules that applied.
    reported: those that would have, were they not in report mode.
    mixed: rules whose change was wanted for some of the recipients only.
    failures: see `Failure`.
    notes: what else is worth a line, without a word of the message.
    """

    event: MailFlowEvent
    recipients: Recipients
    domains: frozenset[str] = frozenset()
    verdicts: Mapping[str, contract.Action] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    replaced: int = 0
    added_for: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[WantedChange, ...] = ()
    effects: tuple[WantedEffect, ...] = ()
    matched: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    def with_failures(self, *failures: Failure) -> Self:
        """Return this outcome with more failures."""
        return replace(self, failures=(*self.failures, *failures))

    def refuse_delivery(self, recipients: int, action: contract.Action) -> Self:
        """Return this outcome with `action` for those of these recipients to whom the message, or its copy for a replacement, is delivered.

        A recipient whose message a rule drops or bounces keeps that verdict. An address is no longer added if it was added for refused
        recipients only.
        """
        refused = recipients & (self.delivering | self.replaced)
        verdicts = {**self.verdicts, **{address: action for _, address in self.recipients.named(refused)}}
        changed = replace(self, verdicts=verdicts, replaced=self.replaced & ~refused)
        left = changed.delivering | changed.replaced
        return replace(changed, added=tuple(address for address in self.added if self.added_for.get(address.lower(), left) & left))

    @property
    def by_recipient(self) -> dict[str, contract.Action]:
        """The verdict of each recipient, also of those who have none from a rule."""
        return {address: self.verdicts.get(address, DEFAULT) for address in self.recipients.addresses}

    @property
    def delivering(self) -> int:
        """The recipients who get the message."""
        return sum(1 << index for index, action in enumerate(self.by_recipient.values()) if action.type.delivers)

    def verdict(self, organization_domains: Collection[str] = ()) -> Verdict:
        """The answer for WorkMail, with at most 10 different actions: where there are more, bounce texts that few recipients would get
        become one; who gets the message and who does not is never changed by that.
        """
        actions = self._merged()
        rest = self._rest(actions)
        verdict = Verdict(self.event, self.domains or organization_domains).apply(rest)
        by_action: dict[contract.Action, list[str]] = {}
        for address, action in actions.items():
            if address and action != rest:
                by_action.setdefault(action, []).append(address)
        for action, addresses in by_action.items():
            verdict.apply(action, to=addresses)
        new = [address for address in self.added if not self.recipients.of_address(address.lower())]
        if new:
            verdict.add(new)
        return verdict

    def _rest(self, actions: dict[str, contract.Action]) -> contract.Action:
        """The action for whoever is not named: of those that are not known; else to deliver, if anybody has that; else the commonest."""
        if "" in actions:
            return actions[""]
        if not actions or DEFAULT in actions.values():
            return DEFAULT
        return Counter(actions.values()).most_common(1)[0][0]

    def _merged(self) -> dict[str, contract.Action]:
        actions = self.by_recipient
        # An entry of its own for those added, if need be.
        room = MAX_ACTIONS - bool(self.added)
        counts = Counter(actions.values())
        if len(counts) <= room:
            return actions
        others = [action for action in counts if action.type is not ActionType.BOUNCE]
        bounces = [action for action, _ in counts.most_common() if action.type is ActionType.BOUNCE]
        kept = frozenset(bounces[: room - len(others) - 1]) | frozenset(others)
        return {address: action if action in kept else _MERGED for address, action in actions.items()}


def addable(event: MailFlowEvent, domains: Collection[str], addresses: Iterable[str]) -> tuple[list[str], int]:
    """Those of the addresses that WorkMail lets a verdict add, and how many it does not."""
    good: list[str] = []
    refused = 0
    verdict = Verdict(event, domains)
    for address in addresses:
        try:
            verdict.add(address)
        except ContractError:
            refused += 1
        else:
            good.append(address)
    return good, refused
