"""Applies a function's response to the recipients of an event. Pure.

Guide: "Synchronous Run Lambda response schema" and "... action limits".
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailhooks.address_patterns import ascii_domain, canonical
from mailhooks.contract import Action, FlowDirection, MailFlowEvent
from workmail_local.mail.addresses import domain_of

MAX_ACTIONS = 10
"""WorkMail ignores further actions; their recipients get the fallback action."""


class Origin(StrEnum):
    """The source of a recipient's action."""

    NAMED = "named"
    ALL = "all"
    FALLBACK = "fallback"
    ADDED = "added"
    RULE = "rule"
    """The rule's own action: the rule runs no function, or an asynchronous one."""


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """The action for one recipient, and its source."""

    recipient: str
    action: Action
    origin: Origin


@dataclass(frozen=True, slots=True)
class Delivery:
    """The actions for all recipients of an event.

    Attributes:
        outcomes: one for each recipient of the event, in its order, then those that the response adds.
        unlisted: the outcome for the recipients that a truncated event omits; None when the event is complete.
        notes: hints for the author of the hook.
        problem: what is wrong with the response; "" for nothing.
    """

    outcomes: tuple[RecipientOutcome, ...]
    unlisted: RecipientOutcome | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


def apply_verdict(
    event: MailFlowEvent, response: Mapping[str, Any] | None, fallback: Action, organization_domains: Collection[str]
) -> Delivery:
    """Apply a response to the recipients of an event.

    Args:
        event: the function's event.
        response: a valid response; None when every attempt failed: all recipients get the rule's fallback action.
        fallback: that action.
        organization_domains: the only domains in which a response may add recipients to inbound mail.
    """
    actions = list(response["actions"]) if response else []
    named, for_all = _actions_by_recipient(actions[:MAX_ACTIONS])
    recipients = unique_addresses(event.recipients)
    domains = {ascii_domain(domain) for domain in organization_domains}
    outcomes = [_outcome(address, named, for_all, fallback) for address in recipients.values()]
    notes: list[str] = []
    problem = ""
    if len(actions) > MAX_ACTIONS:
        notes.append(f"the response has {len(actions)} actions: WorkMail applies the first {MAX_ACTIONS}")
    if response and (missing := sum(outcome.origin is Origin.FALLBACK for outcome in outcomes)):
        problem = f"the response leaves out {missing} of {len(outcomes)} recipients: they get the fallback action"
    for key, (address, action) in named.items():
        if key in recipients:
            continue
        if event.flow_direction is FlowDirection.INBOUND and domain_of(address) not in domains:
            notes.append("an added recipient is ignored: not in a domain of the organization, and the mail is inbound")
        else:
            outcomes.append(RecipientOutcome(address, action, Origin.ADDED))
    unlisted = _outcome("", {}, for_all, fallback) if event.truncated else None
    return Delivery(tuple(outcomes), unlisted, tuple(notes), problem)


def unique_addresses(addresses: Iterable[str]) -> dict[str, str]:
    """Return addresses by their canonical form, in order; the first of several spellings wins."""
    unique: dict[str, str] = {}
    for address in addresses:
        unique.setdefault(canonical(address), address)
    return unique


def _actions_by_recipient(actions: list[Mapping[str, Any]]) -> tuple[dict[str, tuple[str, Action]], Action | None]:
    """Return the actions by canonical address, and the action for all others. A valid response has one for each (`check_response`)."""
    named: dict[str, tuple[str, Action]] = {}
    for_all: Action | None = None
    for entry in actions:
        action = Action.from_dict(entry["action"])
        named |= {key: (address, action) for key, address in unique_addresses(entry.get("recipients", ())).items()}
        if entry.get("allRecipients"):
            for_all = action
    return named, for_all


def _outcome(address: str, named: Mapping[str, tuple[str, Action]], for_all: Action | None, fallback: Action) -> RecipientOutcome:
    if found := named.get(canonical(address)):
        return RecipientOutcome(address, found[1], Origin.NAMED)
    return RecipientOutcome(address, for_all, Origin.ALL) if for_all else RecipientOutcome(address, fallback, Origin.FALLBACK)
