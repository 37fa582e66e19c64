"""Who may send to whom, as WorkMail's own servers would say, and into the spool with what they take."""

import asyncio
from collections.abc import Callable

from local.config.configuration import Configuration
from local.errors import SpoolError
from local.mail.submission import NO_RELAYING, NOT_A_USER, NOT_YOUR_ADDRESS, UNKNOWN_USER, Refusal, Submission, TemporarilyRefused
from local.queue.workers import Workers
from mailhooks.contract import FlowDirection

_POSTMASTER = "postmaster"


class RecipientPolicy:
    """An `Intake` that hands over to a `Workers`.

    Args:
        flow: takes the mail.
        configuration: gives the one that is in force.
    """

    def __init__(self, flow: Workers, configuration: Callable[[], Configuration]) -> None:
        self._flow = flow
        self._configuration = configuration

    def refuse_sender(self, direction: FlowDirection, address: str, user: str) -> Refusal | None:
        """Anybody sends to the organization. From it its users do, and who has logged in only as himself, or for a group he is in."""
        if direction is FlowDirection.INBOUND or not address:
            return None
        mailboxes = self._configuration().mailboxes(address)
        if not mailboxes:
            return NOT_A_USER
        own = self._configuration().mailboxes(user) if user else ()
        return NOT_YOUR_ADDRESS if user and not set(own) & set(mailboxes) else None

    def refuse_recipient(self, direction: FlowDirection, address: str) -> Refusal | None:
        """Inbound, mail is for mailboxes of the organization. What its users send may go anywhere, but not to nobody of their own."""
        configuration = self._configuration()
        if address.lower() == _POSTMASTER:
            return None if configuration.mailboxes(f"{_POSTMASTER}@{configuration.domains[0]}") else UNKNOWN_USER
        if configuration.owns(address):
            return None if configuration.mailboxes(address) else UNKNOWN_USER
        return NO_RELAYING if direction is FlowDirection.INBOUND else None

    async def accept(self, submission: Submission) -> int:
        """See `Intake`."""
        domain = self._configuration().domains[0]
        recipients = tuple(f"{address}@{domain}" if address.lower() == _POSTMASTER else address for address in submission.recipients)
        whole = Submission(submission.direction, submission.mail_from, tuple(dict.fromkeys(recipients)), submission.raw)
        try:
            return await asyncio.to_thread(self._flow.accept, whole)
        except SpoolError as trouble:
            raise TemporarilyRefused(str(trouble)) from trouble
