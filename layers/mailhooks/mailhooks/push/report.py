"""Writes one log line and one set of metrics for each call of the two push functions.

A line has names of subscriptions, counts and kinds; addresses and IDs of subscriptions only if LOG_ADDRESSES is true, and never IDs of
items.
"""

import os
import sys
import traceback
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks import __version__
from mailhooks.errors import MailhooksError
from mailhooks.library_logs import silence_libraries
from mailhooks.report_names import reason_metric
from mailhooks.settings import Settings

RESPONDER: Final = "push"
"""The dimension and log field `hook` of the function that WorkMail posts to."""

KEEPER: Final = "subscriptions"
"""That of the function that keeps the subscriptions."""


class Metric(StrEnum):
    """The metrics of the push functions, apart from those of `reason_metric`. Their dimensions are `service` and `hook`."""

    POSTS = "Posts"
    REFUSED = "PostsRefused"
    """Posts answered with 4xx."""
    EVENTS = "EventsDelivered"
    """Events put on the bus, heartbeats included."""
    DUPLICATES = "EventsDuplicate"
    """Events that were on the bus already."""
    HEARTBEATS = "Heartbeats"
    NOT_DELIVERED = "EventsNotDelivered"
    """Events that are not on the bus after an invocation. WorkMail posts them again."""
    SUBSCRIPTIONS = "Subscriptions"
    """Live subscriptions after a run of the keeper."""
    LOST = "SubscriptionsLost"
    """Subscriptions whose heartbeats stopped: the keeper makes a new one, and events between the two are lost."""
    FAILED = "Failed"
    """Unexpected errors; of the keeper also subscriptions that it cannot make."""
    PASSING = "Passing"
    """Transient errors."""
    DURATION = "Duration"


class LogKey(StrEnum):
    """The fields of the log line of the push functions. Powertools adds `level`, `message`, `service` and `timestamp`."""

    HOOK = "hook"
    STATUS = "status"
    """The HTTP status of the answer."""
    ANSWER = "answer"
    """OK or Unsubscribe."""
    SUBSCRIPTION = "subscription"
    EVENTS = "events"
    DUPLICATES = "duplicates"
    NOT_DELIVERED = "notDelivered"
    ERROR_CODES = "errorCodes"
    """Errors of a subscription that WorkMail reports in a notification."""
    BYTES = "bytes"
    MAILBOX = "mailbox"
    SUBSCRIPTION_ID = "subscriptionId"
    MADE = "made"
    RENEWED = "renewed"
    REMOVED = "removed"
    KEPT = "kept"
    WAITING = "waiting"
    """Subscriptions that wait until WorkMail has ended another one of the mailbox."""
    LEFT = "left"
    """Subscriptions for which the run had no time."""
    FAILURES = "failures"
    MILLISECONDS = "milliseconds"
    COLD_START = "coldStart"
    RELEASE = "release"
    FUNCTION_VERSION = "functionVersion"
    REASON = "reason"
    DETAIL = "detail"
    TRACEBACK = "traceback"
    """Only with LOG_EXCEPTIONS=text."""


class Reporter:
    """Logs and counts the calls of one function.

    Args:
        hook: `RESPONDER` or `KEEPER`.
    """

    def __init__(self, hook: str, settings: Settings) -> None:
        self._hook = hook
        silence_libraries()
        self._logger = Logger(service=settings.service, location=None)
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service)
        self.log_addresses = settings.log_addresses
        self._log_exceptions = settings.logs_exception_text
        self._function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self._cold = True

    def report(
        self,
        text: str,
        line: Mapping[str, Any],
        counts: Mapping[str, int],
        seconds: float,
        *,
        level: str = "info",
        error: Exception | None = None,
    ) -> None:
        """Log a call and count it. Never raises, because a failing log must not fail the answer.

        Args:
            text: the message of the line.
            line: its other fields; None for an absent one.
            counts: by metric.
            level: info, warning or error.
            error: logged with its class, and with its text if it is ours.
        """
        try:
            self._log(text, dict(line), seconds, level, error)
            self._count(counts, seconds, error)
        except Exception as problem:  # noqa: BLE001 - the answer is worth more than its log line
            sys.stderr.write(f"mailhooks: this call's log line or metrics are missing ({type(problem).__name__})\n")
        self._cold = False

    def _log(self, text: str, line: dict[str, Any], seconds: float, level: str, error: Exception | None) -> None:
        line |= {
            LogKey.HOOK: self._hook,
            LogKey.MILLISECONDS: round(seconds * 1000, 1),
            LogKey.COLD_START: self._cold,
            LogKey.RELEASE: __version__ if self._cold else None,  # Powertools leaves out None
            LogKey.FUNCTION_VERSION: self._function_version,
        }
        if error is not None:
            shown = isinstance(error, MailhooksError) or self.log_addresses or self._log_exceptions
            detail = str(error) if shown else "not logged: it may quote addresses (LogPersonalData=all shows it)"
            line |= {LogKey.REASON: type(error).__name__, LogKey.DETAIL: detail}
            if self._log_exceptions:
                line[LogKey.TRACEBACK] = "".join(traceback.format_exception(error))
        getattr(self._logger, level)(text, extra=line)

    def _count(self, counts: Mapping[str, int], seconds: float, error: Exception | None) -> None:
        self._metrics.add_dimension("hook", self._hook)
        for name, value in counts.items():
            self._metrics.add_metric(name, MetricUnit.Count, value)
        if error is not None:
            self._metrics.add_metric(reason_metric(type(error).__name__), MetricUnit.Count, 1)
        self._metrics.add_metric(Metric.DURATION, MetricUnit.Milliseconds, seconds * 1000)
        self._metrics.flush_metrics()
