"""Applies the results of a delivery job: delivers copies, sends bounces, stores dropped mail. Idempotent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mailhooks.contract import FlowDirection
from mailhooks.relay.dsn import may_bounce, write_bounce
from workmail_local.config.configuration import Configuration
from workmail_local.mail.history import Destination, RecipientResult, RuleRun
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.submission import Submission
from workmail_local.queue.smtp_gateway import send_to_gateway
from workmail_local.storage.maildir import MaildirStore, name_delivery

_NOT_BOUNCED: Final = "no bounce was sent: the message has no sender to notify, or is itself an automatic reply"
_NO_SENDER_MAILBOX: Final = "no bounce was sent: the sender's address is in the organization, but has no mailbox"
_NO_GATEWAY: Final = "5.3.5 The organization has no such SMTP gateway."
_IN_MAILBOXES: Final = (Destination.INBOX, Destination.JUNK)
_ELSEWHERE: Final = (Destination.OUTGOING, Destination.GATEWAY)


def apply_results(
    job: DeliveryJob, content: bytes, maildirs: MaildirStore, configuration: Configuration
) -> tuple[DeliveryJob, Submission | None]:
    """Deliver a message by the results of its job. Everything is on disk when this returns.

    Returns:
        The job, perhaps with further notes; and the message for colleagues that enters the inbound rules, None for none.
    """
    name = _delivery_name(job, "")
    if job.gateway:
        job = _send_to_gateway(job, job.gateway, name, content, maildirs, configuration)
    for destination in _IN_MAILBOXES:
        results = _results(job.run, destination)
        for mailbox in dict.fromkeys(mailbox for result in results for mailbox in configuration.mailboxes(result.recipient)):
            maildirs.deliver(destination, mailbox, name, content)
    for destination in _ELSEWHERE:
        for result in _results(job.run, destination):
            maildirs.deliver(destination, result.recipient, name, content)
    if dropped := _results(job.run, Destination.DROPPED):
        maildirs.drop(name, content, _reason(job, dropped, "the action of the rule or the function is DROP"))
    if bounced := _results(job.run, Destination.BOUNCED):
        job = _bounce(job, bounced, content, maildirs, configuration)
    onward = tuple(result.recipient for result in _results(job.run, Destination.INBOUND))
    return job, Submission(FlowDirection.INBOUND, job.mail_from, onward, content) if onward else None


def _send_to_gateway(
    job: DeliveryJob, gateway_name: str, name: str, content: bytes, maildirs: MaildirStore, configuration: Configuration
) -> DeliveryJob:
    """Send a message to an SMTP gateway. Recipients whom it does not accept get the result of a bounce.

    A copy on disk marks what was sent. After a crash between the two the message is sent twice, but it is never lost (RFC 1047).
    """
    recipients = [result.recipient for result in _results(job.run, Destination.GATEWAY)]
    waiting = [recipient for recipient in recipients if not maildirs.has(Destination.GATEWAY, recipient, name)]
    if not waiting:
        return job
    gateway = configuration.gateways.get(gateway_name)
    refused = (
        send_to_gateway(gateway, job.mail_from, waiting, content, hostname=configuration.domains[0])
        if gateway
        else dict.fromkeys(waiting, _NO_GATEWAY)
    )
    for recipient in waiting:
        if recipient not in refused:
            maildirs.deliver(Destination.GATEWAY, recipient, name, content)
    if not refused:
        return job
    results = tuple(
        result._replace(destination=Destination.BOUNCED, note=refused[result.recipient]) if result.recipient in refused else result
        for result in job.run.results
    )
    return job.with_run(results=results).with_problems(*(f'SMTP gateway "{gateway_name}": {why}' for why in refused.values()))


def _bounce(
    job: DeliveryJob, bounced: Sequence[RecipientResult], content: bytes, maildirs: MaildirStore, configuration: Configuration
) -> DeliveryJob:
    name = _delivery_name(job, ".bounce")
    mailboxes = configuration.mailboxes(job.mail_from)
    no_mailbox = configuration.owns(job.mail_from) and not mailboxes
    if no_mailbox or not may_bounce(job.mail_from, content):
        why = _NO_SENDER_MAILBOX if no_mailbox else _NOT_BOUNCED
        maildirs.drop(name, content, _reason(job, bounced, why))
        return job.with_notes(why)
    domain = configuration.domains[0]
    notification = write_bounce(
        content,
        reverse_path=job.mail_from,
        recipients=[(result.recipient, result.note) for result in bounced],
        reporting_mta=domain,
        postmaster=f"postmaster@{domain}",
        message_id=f"<{job.run.message_id}.bounce@{domain}>",
        date=datetime.fromtimestamp(job.received, UTC),
    )
    for mailbox in mailboxes:
        maildirs.deliver(Destination.INBOX, mailbox, name, notification)
    if not mailboxes:
        maildirs.deliver(Destination.OUTGOING, job.mail_from, name, notification)
    return job


def _results(run: RuleRun, destination: Destination) -> list[RecipientResult]:
    return [result for result in run.results if result.destination is destination]


def _delivery_name(job: DeliveryJob, suffix: str) -> str:
    return f"{name_delivery(job.number, job.received, job.run.message_id)}{suffix}.local"


def _reason(job: DeliveryJob, results: Sequence[RecipientResult], why: str) -> dict[str, object]:
    return {
        "message": job.number,
        "rule": job.run.rule,
        "why": why,
        "mailFrom": job.mail_from,
        "recipients": [result.recipient for result in results],
        "bounceMessages": sorted({result.note for result in results if result.note}),
    }
