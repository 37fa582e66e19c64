"""The log of a gateway or a milter: a JSON line and metrics for each message, and lines for what no message causes."""

import threading

from aws_lambda_powertools import Logger

from mailhooks.core.message_reporter import MessageReporter
from mailhooks.library_logs import silence_libraries
from mailhooks.relay.report import Record
from mailhooks.report_names import LogKey
from mailhooks.settings import Settings


class GatewayReporter:
    """Logs and counts the messages of all listeners, from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reporters: dict[str, _ListenerReporter] = {}
        self._lock = threading.Lock()

    def report(self, record: Record) -> None:
        """Log and count a record. Never raises: a failing log must delay no message."""
        # Powertools collects the metrics of a message in an object that all threads share.
        with self._lock:
            reporter = self._reporters.get(record.listener)
            if reporter is None:
                reporter = self._reporters[record.listener] = _ListenerReporter(record.listener, self._settings)
            reporter.report(record)


class _ListenerReporter(MessageReporter[Record]):
    """Logs and counts the messages of one listener: its name is where a function has the name of its hook."""

    unchanged = "the message is passed on unchanged"
    retried = "the client has to send the message again"


class GatewayLog:
    """Logs what no message causes, and what happens to a message after its evaluation.

    The lines have no address, and no text of a client or of the next host.

    Args:
        listener: the name of the listener whose events are logged; "" for the process.
    """

    def __init__(self, settings: Settings, listener: str = "") -> None:
        silence_libraries()
        self._settings = settings
        self._fields: dict[str, str] = {LogKey.HOOK: listener} if listener else {}
        self._logger = Logger(service=settings.service, level=settings.log_level, location=None)

    def for_listener(self, name: str) -> "GatewayLog":
        """Return the log of a listener."""
        return GatewayLog(self._settings, name)

    def info(self, text: str) -> None:
        """Log an event that is expected."""
        self._logger.info(text, extra=self._fields)

    def warn(self, text: str, reason: str, *, invocation_id: str = "") -> None:
        """Log an event that an operator should know.

        Args:
            invocation_id: of the message, as in its own line; "" for none.
        """
        more: dict[str, str] = {LogKey.INVOCATION_ID: invocation_id} if invocation_id else {}
        self._logger.warning(text, extra={**self._fields, LogKey.REASON: reason, **more})
