"""One log line and one set of metrics a request. Counts, kinds and names of backends; no addresses, no subjects."""

import sys
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks.availability.provider import LookupStats
from mailhooks.contract import ContractError
from mailhooks.errors import MailhooksError
from mailhooks.settings import Settings


class Reporter:
    """Logs and counts the requests of one function."""

    def __init__(self, settings: Settings) -> None:
        self._logger = Logger(service=settings.service, location=None)
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service)
        self._foreign_texts = settings.log_addresses
        self._cold = True

    def report(self, response: dict[str, Any], tally: LookupStats, trouble: Exception | None, seconds: float) -> None:
        """Writes a request down. Never raises: an answer is not held up because a log is."""
        try:
            self._log(response, tally, trouble, seconds)
            self._count(response, tally, trouble, seconds)
        except Exception as error:  # noqa: BLE001
            sys.stderr.write(f"mailhooks: this request's log line or metrics are missing ({type(error).__name__})\n")
        self._cold = False

    def _log(self, response: dict[str, Any], tally: LookupStats, trouble: Exception | None, seconds: float) -> None:
        line: dict[str, Any] = {
            "mailboxes": len(response.get("mailboxes", ())),
            "asked": dict(tally.mailboxes),
            "cached": tally.cached,
            "failed": dict(tally.failures),
            "events": tally.events,
            "milliseconds": round(seconds * 1000, 1),
            "coldStart": self._cold,
        }
        if trouble is not None:
            own = isinstance(trouble, MailhooksError | ContractError)
            detail = str(trouble) if own or self._foreign_texts else "not logged: it may quote addresses (LOG_ADDRESSES=true shows it)"
            self._logger.error(
                "trouble with a request or the configuration", extra=line | {"reason": type(trouble).__name__, "detail": detail}
            )
        elif tally.failures:
            self._logger.warning("some mailboxes have no answer", extra=line | {"reasons": sorted(tally.reasons)})
        else:
            self._logger.info("free/busy was answered", extra=line)

    def _count(self, response: dict[str, Any], tally: LookupStats, trouble: Exception | None, seconds: float) -> None:
        metrics = self._metrics
        metrics.add_dimension("hook", "availability")
        counts = {
            "Requests": 1,
            "Mailboxes": len(response.get("mailboxes", ())),
            "MailboxesFailed": sum("error" in mailbox for mailbox in response.get("mailboxes", ())),
            "Failed": int(trouble is not None),
        }
        for name, value in counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        for kind, number in tally.failures.items():
            metrics.add_metric(f"Reason{kind.strip('_')}", MetricUnit.Count, number)
        metrics.add_metric("Duration", MetricUnit.Milliseconds, seconds * 1000)
        metrics.flush_metrics()
