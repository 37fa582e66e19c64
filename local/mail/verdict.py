"""What WorkMail does with a function's response: who gets the message, where, and who does not. Pure.

Guide: "Synchronous Run Lambda response schema" and "... action limits".
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailhooks.contract import Action, ActionType, FlowDirection, MailFlowEvent

MAX_ACTIONS = 10
"""Actions beyond these are not taken; their recipients meet the fallback action."""

_NOWHERE = (ActionType.DROP, ActionType.BOUNCE)


class Origin(StrEnum):
    """Why a recipient meets an action."""

    NAMED = "named"
    ALL = "all"
    FALLBACK = "fallback"
    ADDED = "added"
    RULE = "rule"
    """No response decides: the rule is asynchronous."""


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What becomes of the message for one recipient."""

    recipient: str
    action: Action
    origin: Origin

    @property
    def folder(self) -> str | None:
        """`Inbox` or `Junk`; None when the message is not delivered. There is no spam check here: DEFAULT is the inbox."""
        if self.action.type in _NOWHERE:
            return None
        return "Junk" if self.action.type is ActionType.MOVE_TO_JUNK else "Inbox"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of the message.

    Attributes:
        fates: one for each recipient of the event, in its order, then those that the response adds.
        unlisted: what those meet that a truncated event leaves out; None when it leaves out nobody.
        notes: what somebody who writes a hook will want to know.
    """

    fates: tuple[RecipientOutcome, ...]
    unlisted: RecipientOutcome | None = None
    notes: tuple[str, ...] = ()


def apply_verdict(
    event: MailFlowEvent, response: Mapping[str, Any] | None, fallback: Action, organization_domains: Collection[str]
) -> Delivery:
    """Applies a response.

    Args:
        event: what the function was called with.
        response: what it returned, checked; None when every attempt failed: then the fallback action applies to all.
        fallback: the rule's fallback action.
        organization_domains: the only domains, lower-case, in which a response may add recipients to inbound mail.
    """
    actions = list(response["actions"]) if response else []
    named, rest = _by_recipient(actions[:MAX_ACTIONS])
    recipients = _unique(event.recipients)
    fates = [_fate(address, named, rest, fallback) for address in recipients.values()]
    notes: list[str] = []
    if len(actions) > MAX_ACTIONS:
        notes.append(f"of {len(actions)} actions WorkMail takes the first {MAX_ACTIONS}")
    if response and (left_out := sum(fate.origin is Origin.FALLBACK for fate in fates)):
        notes.append(f"the response leaves out {left_out} of {len(fates)} recipients: they meet the fallback action")
    for key, (address, action) in named.items():
        if key in recipients:
            continue
        if event.flow_direction is FlowDirection.INBOUND and key.rpartition("@")[2] not in organization_domains:
            notes.append("an added recipient is ignored: not in a domain of the organization, and the mail is inbound")
        else:
            fates.append(RecipientOutcome(address, action, Origin.ADDED))
    unlisted = _fate("(those not listed)", {}, rest, fallback) if event.truncated else None
    return Delivery(tuple(fates), unlisted, tuple(notes))


def apply_to_all(event: MailFlowEvent) -> Delivery:
    """What an asynchronous rule means for delivery: nothing."""
    default = Action(ActionType.DEFAULT)
    return Delivery(tuple(RecipientOutcome(address, default, Origin.RULE) for address in _unique(event.recipients).values()))


def _unique(addresses: Iterable[str]) -> dict[str, str]:
    """Addresses by their lower-case form, in order; of two spellings the first."""
    unique: dict[str, str] = {}
    for address in addresses:
        unique.setdefault(address.lower(), address)
    return unique


def _by_recipient(actions: list[Mapping[str, Any]]) -> tuple[dict[str, tuple[str, Action]], Action | None]:
    """Actions by lower-case address, and the action for all others. The guide does not say which of two counts: the first here."""
    named: dict[str, tuple[str, Action]] = {}
    rest: Action | None = None
    for entry in actions:
        action = Action.from_dict(entry["action"])
        for address in entry.get("recipients", ()):
            named.setdefault(address.lower(), (address, action))
        if entry.get("allRecipients") and rest is None:
            rest = action
    return named, rest


def _fate(address: str, named: Mapping[str, tuple[str, Action]], rest: Action | None, fallback: Action) -> RecipientOutcome:
    if found := named.get(address.lower()):
        return RecipientOutcome(address, found[1], Origin.NAMED)
    return RecipientOutcome(address, rest, Origin.ALL) if rest else RecipientOutcome(address, fallback, Origin.FALLBACK)
