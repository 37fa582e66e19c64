"""Writes one log line and the metrics of each request, without addresses and subjects."""

import os
import sys
import traceback
from enum import StrEnum
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks import __version__
from mailhooks.availability.provider import LookupStats
from mailhooks.contract import ContractError
from mailhooks.errors import MailhooksError
from mailhooks.library_logs import silence_libraries
from mailhooks.report_names import reason_metric
from mailhooks.settings import Settings


class Metric(StrEnum):
    """The metrics of the availability function, apart from those of `reason_metric`.

    Their dimensions are `service` and `hook`. The metrics of look-ups have the dimension `backend` in addition.
    """

    REQUESTS = "Requests"
    MAILBOXES = "Mailboxes"
    MAILBOXES_FAILED = "MailboxesFailed"
    FAILED = "Failed"
    DURATION = "Duration"
    LOOKUPS = "Lookups"
    LOOKUPS_FAILED = "LookupsFailed"


class LogKey(StrEnum):
    """The fields of the availability function's log line. Powertools adds `level`, `message`, `service` and `timestamp`."""

    HOOK = "hook"
    MAILBOXES = "mailboxes"
    ASKED = "asked"
    CACHED = "cached"
    FAILED = "failed"
    FAILED_LOOKUPS = "failedLookups"
    EVENTS = "events"
    MILLISECONDS = "milliseconds"
    COLD_START = "coldStart"
    RELEASE = "release"
    FUNCTION_VERSION = "functionVersion"
    REASON = "reason"
    REASONS = "reasons"
    DETAIL = "detail"
    TRACEBACK = "traceback"
    """Only with LOG_EXCEPTIONS=text."""


HOOK: Final = "availability"
"""The value of the dimension and of the log field `hook`."""

BACKEND: Final = "backend"
"""The dimension with a backend's name in the configuration."""


class Reporter:
    """Logs the requests of one function and counts them in metrics."""

    def __init__(self, settings: Settings) -> None:
        silence_libraries()
        self._logger = Logger(service=settings.service, location=None)
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service)
        self._log_addresses = settings.log_addresses
        self._log_exceptions = settings.logs_exception_text
        self._function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self._cold = True

    def report(self, response: dict[str, Any], stats: LookupStats, error: Exception | None, seconds: float) -> None:
        """Log a request and count it. Never raises, because a failing log must not fail the response."""
        try:
            self._log(response, stats, error, seconds)
            self._count(response, stats, error, seconds)
        except Exception as problem:  # noqa: BLE001 - see above
            sys.stderr.write(f"mailhooks: this request's log line or metrics are missing ({type(problem).__name__})\n")
        self._cold = False

    def _log(self, response: dict[str, Any], stats: LookupStats, error: Exception | None, seconds: float) -> None:
        line: dict[str, Any] = {
            LogKey.HOOK: HOOK,
            LogKey.MAILBOXES: len(response.get("mailboxes", ())),
            LogKey.ASKED: dict(stats.mailboxes),
            LogKey.CACHED: stats.cached,
            LogKey.FAILED: dict(stats.failures),
            LogKey.FAILED_LOOKUPS: dict(stats.failed_lookups),
            LogKey.EVENTS: stats.events,
            LogKey.MILLISECONDS: round(seconds * 1000, 1),
            LogKey.COLD_START: self._cold,
            LogKey.RELEASE: __version__ if self._cold else None,  # Powertools leaves out None
            LogKey.FUNCTION_VERSION: self._function_version,
        }
        if error is not None:
            own = isinstance(error, MailhooksError | ContractError)
            shown = own or self._log_addresses or self._log_exceptions
            detail = str(error) if shown else "not logged: it may quote addresses (LogPersonalData=all shows it)"
            line |= {LogKey.REASON: type(error).__name__, LogKey.DETAIL: detail}
            if self._log_exceptions:
                line[LogKey.TRACEBACK] = "".join(traceback.format_exception(error))
            self._logger.error("the request failed or the configuration cannot be used", extra=line)
        elif stats.failures:
            self._logger.warning(
                "some mailboxes have an error", extra=line | {LogKey.REASONS: sorted(set(map(str, stats.failed.values())))}
            )
        else:
            self._logger.info("the request was served", extra=line)

    def _count(self, response: dict[str, Any], stats: LookupStats, error: Exception | None, seconds: float) -> None:
        metrics = self._metrics
        metrics.add_dimension("hook", HOOK)
        counts: dict[str, int] = {
            Metric.REQUESTS: 1,
            Metric.MAILBOXES: len(response.get("mailboxes", ())),
            Metric.MAILBOXES_FAILED: sum("error" in mailbox for mailbox in response.get("mailboxes", ())),
            Metric.FAILED: int(error is not None),
        }
        for name, value in counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        for kind, number in stats.failures.items():
            metrics.add_metric(reason_metric(kind), MetricUnit.Count, number)
        metrics.add_metric(Metric.DURATION, MetricUnit.Milliseconds, seconds * 1000)
        metrics.flush_metrics()
        # A document of the embedded metric format has one value of a metric, so each backend needs its own.
        for backend, number in stats.mailboxes.items():
            metrics.add_dimension("hook", HOOK)
            metrics.add_dimension(BACKEND, backend)
            metrics.add_metric(Metric.LOOKUPS, MetricUnit.Count, number)
            metrics.add_metric(Metric.LOOKUPS_FAILED, MetricUnit.Count, stats.failed_lookups[backend])
            metrics.flush_metrics()
