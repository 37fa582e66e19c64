"""Which rule each recipient of an accepted message meets, and what follows from that before any function is called. Pure."""

import uuid
from dataclasses import replace
from typing import Final

from local.config.configuration import Configuration
from local.mail.event_builder import HeaderSummary, Identity, event
from local.mail.history import Destination, RecipientResult, RuleRun, State
from local.mail.job import DeliveryJob, QueuedMessage
from local.mail.verdict import Delivery, Origin, RecipientOutcome
from local.rules.matching import Match, RuleAction, RuleSet
from mailhooks.contract import Action, ActionType, FlowDirection
from mailhooks.contract.verdict import DEFAULT

BOUNCE_TEXT: Final = "This message was refused by an email flow rule of the organization."
"""A rule whose own action is to bounce has no text; a function's response may have one."""

_NO_MAILBOX: Final = "5.1.1 There is no such mailbox in the organization."

_ACTIONS: Final = {
    RuleAction.DROP: Action(ActionType.DROP),
    RuleAction.BOUNCE: Action(ActionType.BOUNCE, BOUNCE_TEXT),
    RuleAction.JUNK: Action(ActionType.MOVE_TO_JUNK),
    RuleAction.BYPASS: Action(ActionType.BYPASS_SPAM_CHECK),
}
"""What the other actions mean for delivery is the default: they say where it goes, or who decides."""


def legs(message: QueuedMessage, rules: RuleSet) -> list[DeliveryJob]:
    """The passages of a message: one a rule, with the recipients for whom that rule won, in the order of the recipients.

    Its IDs depend on nothing but the message and the rule, so that they are the same when it is asked again.
    """
    author = message.heads.author or message.mail_from
    matches = rules.match(message.direction, author=author, sender=message.heads.sender, recipients=message.recipients)
    by_rule: dict[str, list[Match]] = {}
    for match in matches:
        by_rule.setdefault(match.rule.name if match.rule else "", []).append(match)
    return [_leg(message, found) for found in by_rule.values()]


def _leg(message: QueuedMessage, matches: list[Match]) -> DeliveryJob:
    rule = matches[0].rule
    name = rule.name if rule else ""
    recipients = tuple(match.recipient for match in matches)
    invocation = uuid.uuid5(message.token, f"invocation {name}").hex
    identity = Identity(str(uuid.uuid5(message.token, f"message {name}")), invocation)
    runs = rule is not None and rule.action is RuleAction.LAMBDA
    passage = RuleRun(
        message_id=identity.message_id,
        invocation_id=identity.invocation_id,
        direction=message.direction,
        rule=name,
        why=matches[0].why,
        function=rule.function if rule and runs else "",
        synchronous=bool(rule and runs and rule.synchronous),
        recipients=recipients,
        state=State.ACCEPTED,
    )
    leg = DeliveryJob(message.number, message.received, message.mail_from, passage)
    if rule and runs:
        leg.event = event(identity, message.direction, _heads(message), recipients)
        leg.fallback, leg.timeout_s = rule.fallback, rule.timeout_minutes * 60.0
    if rule:
        leg.action, leg.gateway = _ACTIONS.get(rule.action, DEFAULT), rule.action is RuleAction.GATEWAY
    return leg


def _heads(message: QueuedMessage) -> HeaderSummary:
    """Of mail without From, the sender is whom SMTP names."""
    return replace(message.heads, author=message.heads.author or message.mail_from)


def without_function(leg: DeliveryJob) -> Delivery:
    """What becomes of a passage whose rule calls no function, or does not wait for it."""
    return Delivery(tuple(RecipientOutcome(address, leg.action, Origin.RULE) for address in leg.passage.recipients))


def fates(leg: DeliveryJob, delivery: Delivery, configuration: Configuration) -> tuple[RecipientResult, ...]:
    """What becomes of the message for each recipient, those too whom a truncated event left out."""
    outcomes = list(delivery.fates)
    if delivery.unlisted:
        known = {outcome.recipient.lower() for outcome in outcomes}
        left_out = (address for address in leg.passage.recipients if address.lower() not in known)
        outcomes += [RecipientOutcome(address, delivery.unlisted.action, delivery.unlisted.origin) for address in left_out]
    return tuple(_fate(leg, outcome, configuration) for outcome in outcomes)


def _fate(leg: DeliveryJob, outcome: RecipientOutcome, configuration: Configuration) -> RecipientResult:
    action = outcome.action
    place, note = _place(leg, outcome, configuration)
    if place is Destination.BOUNCED and action.type is ActionType.BOUNCE:
        note = action.bounce_message or BOUNCE_TEXT
    return RecipientResult(outcome.recipient, action.type, outcome.origin, place, note)


def _place(leg: DeliveryJob, outcome: RecipientOutcome, configuration: Configuration) -> tuple[Destination, str]:
    match outcome.action.type:
        case ActionType.BOUNCE:
            return Destination.BOUNCED, ""
        case ActionType.DROP:
            return Destination.DROPPED, ""
    if leg.passage.direction is FlowDirection.OUTBOUND:
        if leg.gateway:
            return Destination.GATEWAY, ""
        return (Destination.INBOUND if configuration.owns(outcome.recipient) else Destination.OUTGOING), ""
    if not configuration.mailboxes(outcome.recipient):
        return Destination.BOUNCED, _NO_MAILBOX
    return (Destination.JUNK if outcome.action.type is ActionType.MOVE_TO_JUNK else Destination.INBOX), ""
