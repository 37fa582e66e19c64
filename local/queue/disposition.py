"""Does what was decided of a message: delivers copies, sends bounces, keeps aside what is dropped. To do it again changes nothing."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from local.config.configuration import Configuration
from local.mail.history import Destination, RecipientResult, RuleRun
from local.mail.job import DeliveryJob
from local.mail.submission import Submission
from local.queue.dsn import bounce, may_bounce
from local.storage.maildir import MaildirStore
from mailhooks.contract import FlowDirection

_NOT_BOUNCED: Final = "no bounce was sent: the message has no sender to answer, or is itself an answer"
_NOBODY: Final = "no bounce was sent: the sender's address is one of the organization's domains, and nobody's"
_IN_MAILBOXES: Final = (Destination.INBOX, Destination.JUNK)
_ELSEWHERE: Final = (Destination.OUTGOING, Destination.GATEWAY)


def hand_over(leg: DeliveryJob, content: bytes, office: MaildirStore, configuration: Configuration) -> Submission | None:
    """Does what the passage's fates say; all of it is on the disk afterwards.

    Args:
        leg: with its fates; notes are added to it.
        content: what is delivered.

    Returns:
        What goes on through the inbound rules; None when nothing does.
    """
    name = _name(leg, "")
    for place in _IN_MAILBOXES:
        for mailbox in dict.fromkeys(box for fate in _of(leg.passage, place) for box in configuration.mailboxes(fate.recipient)):
            office.deliver(place, mailbox, name, content)
    for place in _ELSEWHERE:
        for fate in _of(leg.passage, place):
            office.deliver(place, fate.recipient, name, content)
    if dropped := _of(leg.passage, Destination.DROPPED):
        office.drop(name, content, _reason(leg, dropped, "the rule or the function says DROP"))
    if bounced := _of(leg.passage, Destination.BOUNCED):
        _bounce(leg, bounced, content, office, configuration)
    onward = tuple(fate.recipient for fate in _of(leg.passage, Destination.INBOUND))
    return Submission(FlowDirection.INBOUND, leg.mail_from, onward, content) if onward else None


def _bounce(
    leg: DeliveryJob, bounced: Sequence[RecipientResult], content: bytes, office: MaildirStore, configuration: Configuration
) -> None:
    name = _name(leg, ".bounce")
    mailboxes = configuration.mailboxes(leg.mail_from)
    nobody = configuration.owns(leg.mail_from) and not mailboxes
    if nobody or not may_bounce(leg.mail_from, content):
        why = _NOBODY if nobody else _NOT_BOUNCED
        leg.note(why)
        office.drop(name, content, _reason(leg, bounced, why))
        return
    domain = configuration.domains[0]
    notification = bounce(
        content,
        reverse_path=leg.mail_from,
        recipients=[(fate.recipient, fate.note) for fate in bounced],
        reporting_mta=domain,
        postmaster=f"postmaster@{domain}",
        message_id=f"<{leg.passage.message_id}.bounce@{domain}>",
        date=datetime.fromtimestamp(leg.received, UTC),
    )
    for mailbox in mailboxes:
        office.deliver(Destination.INBOX, mailbox, name, notification)
    if not mailboxes:
        office.deliver(Destination.OUTGOING, leg.mail_from, name, notification)


def _of(passage: RuleRun, place: Destination) -> list[RecipientResult]:
    return [fate for fate in passage.fates if fate.place is place]


def _name(leg: DeliveryJob, what: str) -> str:
    """Of a delivery: by age first, as Maildirs have it, so that a folder's order is that of arrival."""
    key = hashlib.sha256(leg.passage.message_id.encode()).hexdigest()[:16]
    return f"{int(leg.received):010}.M{leg.number:08}P{key}{what}.local"


def _reason(leg: DeliveryJob, fates: Sequence[RecipientResult], why: str) -> dict[str, object]:
    return {
        "message": leg.number,
        "rule": leg.passage.rule,
        "why": why,
        "mailFrom": leg.mail_from,
        "recipients": [fate.recipient for fate in fates],
        "bounceMessages": sorted({fate.note for fate in fates if fate.note}),
    }
