"""Creates the delivery jobs of a message: which rule each recipient meets, and where each result leads. Pure."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from mailhooks.actions import DEFAULT
from mailhooks.address_patterns import canonical
from mailhooks.contract import Action, ActionType, FlowDirection, MailFlowEvent
from workmail_local.config.configuration import Configuration
from workmail_local.errors import InvalidArgument
from workmail_local.mail.event_builder import HeaderSummary, build_event
from workmail_local.mail.history import Destination, RecipientResult, RuleRun, State
from workmail_local.mail.job import DeliveryJob, QueuedMessage
from workmail_local.mail.verdict import Delivery, Origin, RecipientOutcome, unique_addresses
from workmail_local.rules.matching import Match, match_rules
from workmail_local.rules.rule import RuleAction

BOUNCE_TEXT: Final = "This message was refused by an email flow rule of the organization."
"""The text of a bounce by a rule's own action; only a function's response can contain another text."""

_NO_MAILBOX: Final = "5.1.1 There is no such mailbox in the organization."

_ACTIONS: Final = {
    RuleAction.DROP: Action(ActionType.DROP),
    RuleAction.BOUNCE: Action(ActionType.BOUNCE, BOUNCE_TEXT),
    RuleAction.JUNK: Action(ActionType.MOVE_TO_JUNK),
    RuleAction.BYPASS: Action(ActionType.BYPASS_SPAM_CHECK),
}
"""For delivery, all other rule actions equal DEFAULT: they choose the way, or let a function decide."""


_ORIGINS_OF_RULES: Final = (Origin.RULE, Origin.FALLBACK)
"""The origins of actions that may route to an SMTP gateway. A function's response cannot."""


def create_jobs(message: QueuedMessage, configuration: Configuration, event: Mapping[str, Any] | None = None) -> list[DeliveryJob]:
    """Create one job for each rule that wins for a recipient, in the order of the recipients.

    A job is decided unless it waits for the response of a function.

    Args:
        event: replaces the event that WorkMail would build.

    Raises:
        InvalidArgument: `event` is given, but the recipients meet several rules, or one without a function.
    """
    # Mail without From has the sender of its SMTP transaction, for the rules and in the event.
    header = message.header._replace(author=message.header.author or message.mail_from)
    matches = match_rules(configuration.rules, message.direction, author=header.author, sender=header.sender, recipients=message.recipients)
    by_rule: dict[str, list[Match]] = {}
    for match in matches:
        by_rule.setdefault(match.rule.name if match.rule else "", []).append(match)
    jobs = [_create_job(message, header, found) for found in by_rule.values()]
    if event is not None:
        jobs = [_with_event(jobs, event)]
    return [job if job.run.function and job.run.synchronous else decide(job, _rule_delivery(job), configuration) for job in jobs]


def _create_job(message: QueuedMessage, header: HeaderSummary, matches: list[Match]) -> DeliveryJob:
    rule = matches[0].rule
    name = rule.name if rule else ""
    recipients = tuple(match.recipient for match in matches)
    message_id, invocation_id = uuid.uuid4(), uuid.uuid4()
    runs_function = rule is not None and rule.action is RuleAction.LAMBDA
    run = RuleRun(
        message_id=str(message_id),
        invocation_id=invocation_id.hex,
        direction=message.direction,
        rule=name,
        why=matches[0].why,
        function=rule.function if rule and runs_function else "",
        synchronous=bool(rule and runs_function and rule.synchronous),
        recipients=recipients,
        state=State.ACCEPTED,
    )
    job = DeliveryJob(message.number, message.received, message.mail_from, run)
    if rule is None:
        return job
    if runs_function:
        event = build_event(message_id, invocation_id, message.direction, header, recipients)
        job = job._replace(event=event, fallback=_ACTIONS.get(rule.fallback, DEFAULT), timeout_s=rule.timeout_minutes * 60.0)
    return job._replace(action=_ACTIONS.get(rule.action, DEFAULT), gateway=rule.gateway if rule.uses_gateway else None)


def _with_event(jobs: list[DeliveryJob], event: Mapping[str, Any]) -> DeliveryJob:
    if len(jobs) != 1 or not jobs[0].run.function:
        raise InvalidArgument("a message with an event of its own needs one rule, with a function, for all its recipients")
    parsed = MailFlowEvent.parse(event)
    return jobs[0]._replace(event=dict(event)).with_run(message_id=parsed.message_id, invocation_id=parsed.invocation_id)


def decide(job: DeliveryJob, delivery: Delivery, configuration: Configuration) -> DeliveryJob:
    """Return a job with the result for each of its recipients."""
    results, notes = recipient_results(job, delivery, configuration)
    job = job.with_failures(delivery.problem) if delivery.problem else job
    return job.with_notes(*delivery.notes, *notes).with_run(state=State.DECIDED, due=None, results=results)


def _rule_delivery(job: DeliveryJob) -> Delivery:
    """Return the delivery by the rule's own action, for a rule without a function or with an asynchronous one."""
    recipients = unique_addresses(job.run.recipients).values()
    return Delivery(tuple(RecipientOutcome(address, job.action, Origin.RULE) for address in recipients))


def recipient_results(
    job: DeliveryJob, delivery: Delivery, configuration: Configuration
) -> tuple[tuple[RecipientResult, ...], tuple[str, ...]]:
    """Return the result for each recipient, including those that a truncated event omits; and notes for the author of the hook."""
    outcomes = list(delivery.outcomes)
    notes: list[str] = []
    if unlisted := delivery.unlisted:
        listed = {canonical(outcome.recipient) for outcome in outcomes}
        omitted = [address for address in job.run.recipients if canonical(address) not in listed]
        outcomes += [RecipientOutcome(address, unlisted.action, unlisted.origin) for address in omitted]
        if not omitted:
            notes.append(f"recipients that the truncated event omits get {unlisted.action.type}")
    return tuple(_result(job, outcome, configuration) for outcome in outcomes), tuple(notes)


def _result(job: DeliveryJob, outcome: RecipientOutcome, configuration: Configuration) -> RecipientResult:
    action = outcome.action
    destination, note = _destination(job, outcome, configuration)
    if destination is Destination.BOUNCED and action.type is ActionType.BOUNCE:
        note = action.bounce_message or BOUNCE_TEXT
    return RecipientResult(outcome.recipient, action.type, outcome.origin, destination, note)


def _destination(job: DeliveryJob, outcome: RecipientOutcome, configuration: Configuration) -> tuple[Destination, str]:
    match outcome.action.type:
        case ActionType.BOUNCE:
            return Destination.BOUNCED, ""
        case ActionType.DROP:
            return Destination.DROPPED, ""
    if job.run.direction is FlowDirection.OUTBOUND:
        if job.gateway is not None and outcome.origin in _ORIGINS_OF_RULES:
            return Destination.GATEWAY, job.gateway
        return (Destination.INBOUND if configuration.owns(outcome.recipient) else Destination.OUTGOING), ""
    if not configuration.mailboxes(outcome.recipient):
        return Destination.BOUNCED, _NO_MAILBOX
    return (Destination.JUNK if outcome.action.type is ActionType.MOVE_TO_JUNK else Destination.INBOX), ""
