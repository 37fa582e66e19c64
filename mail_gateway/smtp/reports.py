"""Sends delivery status notifications to the next host, each once."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from mail_gateway.smtp.commands import MailParameters
from mail_gateway.smtp.next_host import NextHostConnection
from mail_gateway.smtp.replies import is_positive
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.replies import Reply

REPORT_REFUSED: Final = "the next host refuses the delivery status notification"
"""The note for the log."""

_MAX_REPORTS: Final = 10_000


class Report(NamedTuple):
    """A delivery status notification.

    Attributes:
        key: the message and the recipients, the same when its client tries again.
    """

    key: tuple[str, ...]
    content: bytes


class SentReports:
    """Remembers the delivery status notifications that the next host has accepted, so that a retry of a client does not send them again.

    Only in memory: after a restart, a notification with the same Message-ID is sent twice.
    """

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def find_unsent(self, disposition: Disposition, recipients: Collection[str]) -> Report | None:
        """Return the notification about recipients who do not get the message; None if it was sent, or none may be sent."""
        key = (disposition.invocation_id, *sorted(recipients))
        content = None if key in self._keys else disposition.bounce_report(recipients)
        return None if content is None else Report(key, content)

    def add(self, report: Report) -> None:
        """Remember a notification. Of more than `_MAX_REPORTS`, the oldest is forgotten."""
        self._keys[report.key] = None
        if len(self._keys) > _MAX_REPORTS:
            self._keys.popitem(last=False)


async def send_report(host: NextHostConnection, content: bytes, sender: str, may_end: Callable[[], bool], *, smtputf8: bool) -> Reply:
    """Send a notification to a sender, with a null reverse-path (RFC 3464 section 2), and return the last reply of the host.

    Raises:
        NextHostFailed, Withdrawn: as `NextHostConnection.send`.
    """
    reply = await host.begin("", MailParameters(len(content), "" if content.isascii() else "8BITMIME", smtputf8), {})
    if is_positive(reply):
        reply = await host.add_recipient(sender)
    return await host.send([content], may_end) if is_positive(reply) else reply
