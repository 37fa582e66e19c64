"""Writes one log line and one set of metrics per request, without addresses and subjects."""

import sys
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks.availability.provider import LookupStats
from mailhooks.contract import ContractError
from mailhooks.errors import MailhooksError
from mailhooks.library_logs import silence_libraries
from mailhooks.settings import Settings


class Reporter:
    """Logs the requests of one function and counts them in metrics."""

    def __init__(self, settings: Settings) -> None:
        silence_libraries()
        self._logger = Logger(service=settings.service, location=None)
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service)
        self._log_addresses = settings.log_addresses
        self._cold = True

    def report(self, response: dict[str, Any], stats: LookupStats, error: Exception | None, seconds: float) -> None:
        """Log a request and count it. Never raises, because a failing log must not fail the response."""
        try:
            self._log(response, stats, error, seconds)
            self._count(response, stats, error, seconds)
        except Exception as problem:  # noqa: BLE001
            sys.stderr.write(f"mailhooks: this request's log line or metrics are missing ({type(problem).__name__})\n")
        self._cold = False

    def _log(self, response: dict[str, Any], stats: LookupStats, error: Exception | None, seconds: float) -> None:
        line: dict[str, Any] = {
            "mailboxes": len(response.get("mailboxes", ())),
            "asked": dict(stats.mailboxes),
            "cached": stats.cached,
            "failed": dict(stats.failures),
            "events": stats.events,
            "milliseconds": round(seconds * 1000, 1),
            "coldStart": self._cold,
        }
        if error is not None:
            own = isinstance(error, MailhooksError | ContractError)
            detail = str(error) if own or self._log_addresses else "not logged: it may quote addresses (LOG_ADDRESSES=true shows it)"
            self._logger.error(
                "the request failed or the configuration cannot be used", extra=line | {"reason": type(error).__name__, "detail": detail}
            )
        elif stats.failures:
            self._logger.warning("some mailboxes have an error", extra=line | {"reasons": sorted(set(map(str, stats.failed.values())))})
        else:
            self._logger.info("the request was served", extra=line)

    def _count(self, response: dict[str, Any], stats: LookupStats, error: Exception | None, seconds: float) -> None:
        metrics = self._metrics
        metrics.add_dimension("hook", "availability")
        counts = {
            "Requests": 1,
            "Mailboxes": len(response.get("mailboxes", ())),
            "MailboxesFailed": sum("error" in mailbox for mailbox in response.get("mailboxes", ())),
            "Failed": int(error is not None),
        }
        for name, value in counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        for kind, number in stats.failures.items():
            metrics.add_metric(f"Reason{kind.strip('_')}", MetricUnit.Count, number)
        metrics.add_metric("Duration", MetricUnit.Milliseconds, seconds * 1000)
        metrics.flush_metrics()
