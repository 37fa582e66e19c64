"""Notifies senders of recipients that the milter deletes: a mail server sends no delivery status notification for them."""

from collections.abc import Callable, Collection
from typing import Final

from mail_gateway.config import ListenerConfiguration
from mail_gateway.report import GatewayLog
from mail_gateway.smtp.next_host import NextHostConnection, NextHostFailed, Timeouts
from mail_gateway.smtp.replies import is_positive, is_transient, make_reply
from mail_gateway.smtp.reports import REPORT_REFUSED, SentReports, send_report
from mail_gateway.tls import make_client_context
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.replies import Reply

_NOT_NOTIFIED: Final = "the sender is not notified of refused recipients"
_NO_NEXT_HOST: Final = make_reply(451, "4.3.5", "The sender cannot be notified of refused recipients, try again later")


class SenderNotifier:
    """Sends delivery status notifications by SMTP to the listener's next host, before the mail server has the answer to the message.

    A notification that the next host refuses for now lets the client try again, so no sender misses one. One that was sent is not sent
    again when the client tries again.
    """

    def __init__(self, configuration: ListenerConfiguration, log: GatewayLog, timeouts: Timeouts) -> None:
        """Read the certificates. Raises GatewayError."""
        self._configuration = configuration
        self._log = log
        self._timeouts = timeouts
        self._context = make_client_context(configuration.next_host) if configuration.next_host else None
        self._sent = SentReports()

    async def notify(self, disposition: Disposition, recipients: Collection[str], is_waiting: Callable[[], bool]) -> Reply | None:
        """Notify the sender of recipients who do not get the message. A sender who cannot be reached at all is not notified.

        Args:
            is_waiting: whether the mail server still waits for the answer.

        Returns:
            the reply for the client if it has to try again.

        Raises:
            Withdrawn: of `mail_gateway.smtp.next_host`: the mail server does not wait.
        """
        report = self._sent.find_unsent(disposition, recipients)
        if report is None:
            return None
        host = self._configuration.next_host
        if host is None:
            self._log.warn(_NOT_NOTIFIED, "the listener has no next_host", invocation_id=disposition.invocation_id)
            return _NO_NEXT_HOST
        connection = NextHostConnection(host, self._configuration.listener.host_name, self._context, self._timeouts)
        try:
            sender = disposition.received.mail_from
            reply = await send_report(connection, report.content, sender, is_waiting, smtputf8=not sender.isascii())
        except NextHostFailed as error:
            self._log.warn(_NOT_NOTIFIED, error.reason, invocation_id=disposition.invocation_id)
            return error.reply
        finally:
            await connection.quit()
        if is_positive(reply):
            self._sent.add(report)
            return None
        self._log.warn(_NOT_NOTIFIED, REPORT_REFUSED, invocation_id=disposition.invocation_id)
        return reply if is_transient(reply) else None
