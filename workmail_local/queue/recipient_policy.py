"""Accepts or rejects senders and recipients as WorkMail's own SMTP servers do, and passes accepted mail to the workers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mailhooks.contract import FlowDirection
from workmail_local.config.configuration import Configuration
from workmail_local.errors import SpoolError
from workmail_local.mail.submission import NO_RELAYING, NOT_A_USER, NOT_YOUR_ADDRESS, UNKNOWN_USER, Submission, TemporarilyRefused
from workmail_local.queue.workers import Workers

_POSTMASTER = "postmaster"


@dataclass(frozen=True)
class RecipientPolicy:
    """The `Acceptor` of the local WorkMail. The workers process the accepted mail; `configuration` returns the current one."""

    workers: Workers
    configuration: Callable[[], Configuration]

    def refuse_sender(self, direction: FlowDirection, address: str, user: str) -> str | None:
        """Return why a reverse-path is rejected; None when it is accepted.

        Inbound, every sender is accepted. Outbound, the address must have a mailbox; after a login it must be the user's own, or that of a
        group with this user.
        """
        if direction is FlowDirection.INBOUND or not address:
            return None
        mailboxes = self.configuration().mailboxes(address)
        if not mailboxes:
            return NOT_A_USER
        own = self.configuration().mailboxes(user) if user else ()
        return NOT_YOUR_ADDRESS if user and not set(own) & set(mailboxes) else None

    def accepts_login(self, user: str, password: str) -> bool:
        """See `Directory.accepts_login`."""
        return self.configuration().directory.accepts_login(user, password)

    def refuse_recipient(self, direction: FlowDirection, address: str) -> str | None:
        """Return why a recipient is rejected; None when it is accepted.

        An address of the organization needs a mailbox. Other addresses are accepted in outbound mail only.
        """
        configuration = self.configuration()
        if address.lower() == _POSTMASTER:
            return None if configuration.mailboxes(f"{_POSTMASTER}@{configuration.domains[0]}") else UNKNOWN_USER
        if configuration.owns(address):
            return None if configuration.mailboxes(address) else UNKNOWN_USER
        return NO_RELAYING if direction is FlowDirection.INBOUND else None

    async def accept(self, submission: Submission) -> int:
        """Pass a message to the workers; return its number once it is on disk.

        Raises:
            TemporarilyRefused: it cannot be stored now.
        """
        domain = self.configuration().domains[0]
        recipients = tuple(f"{address}@{domain}" if address.lower() == _POSTMASTER else address for address in submission.recipients)
        completed = Submission(submission.direction, submission.mail_from, tuple(dict.fromkeys(recipients)), submission.raw)
        try:
            return await asyncio.to_thread(self.workers.accept, completed)
        except SpoolError as error:
            raise TemporarilyRefused(str(error)) from error
