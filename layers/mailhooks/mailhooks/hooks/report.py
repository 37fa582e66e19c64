"""Writes one log line and one set of metrics a message (Powertools Logger, Tracer, and Metrics in CloudWatch's embedded metric format).

A line has identifiers, counts and kinds. It has addresses, subjects and the texts of errors that are not ours, which may quote a message,
only if LOG_ADDRESSES is true.
"""

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks.contract import ContractError
from mailhooks.errors import MailhooksError
from mailhooks.hooks.invocation import Record
from mailhooks.library_logs import silence_libraries
from mailhooks.settings import Settings

Handler = Callable[[Any, Any], Any]

_STANDARD_RESOLUTION_S: Final = 60


class Reporter:
    """Logs and counts the results of one hook."""

    def __init__(self, hook: str, settings: Settings) -> None:
        self.hook = hook
        self._settings = settings
        silence_libraries()
        self._logger = Logger(service=settings.service, location=None)
        self._metric_set: dict[str, Any] = {}
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service, metric_set=self._metric_set)
        self._cold = True

    def traced(self, handler: Handler) -> Handler:
        """Return a handler that traces its calls to AWS if XRAY_TRACING is true. The trace has neither the event nor the response."""
        if not self._settings.xray_tracing:
            return handler
        from aws_lambda_powertools import Tracer  # late for the cold start: the X-Ray SDK loads slowly

        from mailhooks.aws import tracing

        tracing.enable()
        tracer = Tracer(service=self._settings.service, auto_patch=False)
        traced: Handler = tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)
        return traced

    def report(self, record: Record) -> None:
        """Log and count a record. Never raises: a failing log must delay no message."""
        milliseconds = (time.perf_counter() - record.started) * 1000
        try:
            self._log(record, milliseconds)
            if not record.duplicate:
                self._count(record, milliseconds)
        except Exception as error:  # noqa: BLE001
            sys.stderr.write(f"mailhooks: this message's log line or metrics are missing ({type(error).__name__})\n")
        self._cold = False

    def _log(self, record: Record, milliseconds: float) -> None:
        line: dict[str, Any] = {
            "hook": self.hook,
            "verdict": list(record.verdict),
            "changed": record.bytes_written is not None,
            "bytes": record.bytes_read,
            "bytesWritten": record.bytes_written,
            "milliseconds": round(milliseconds, 1),
            "coldStart": self._cold,
            **record.log,
        }
        if event := record.event:
            line |= {
                "messageId": event.message_id,
                "invocationId": event.invocation_id,
                "direction": str(event.flow_direction),
                "recipientCount": len(event.recipients),
                "truncated": event.truncated,
            }
            if self._settings.log_addresses:
                line |= {
                    "mailFrom": event.mail_from,
                    "sender": event.sender,
                    "recipients": list(event.recipients),
                    "subject": event.subject,
                }
        error = record.error
        if record.duplicate:
            self._logger.info("the event is a duplicate", extra=line | {"duplicate": True})
            return
        if error is None:
            self._logger.info("the message is handled", extra=line)
            return
        line |= {"reason": type(error).__name__, "detail": self._detail(error)}
        if record.unexpected:
            line["frames"] = _frames(record.unexpected)
            self._logger.error("the hook failed", extra=line)
        elif record.transient:
            self._logger.error("raised, so that the invocation is retried", extra=line)
        else:
            self._logger.warning("the message is delivered unchanged", extra=line)

    def _detail(self, error: BaseException) -> str:
        """Return the text of an error of ours; another error's text may quote the message."""
        own = isinstance(error, MailhooksError | ContractError)
        return str(error) if own or self._settings.log_addresses else "not logged: it may quote the message (LOG_ADDRESSES=true shows it)"

    def _count(self, record: Record, milliseconds: float) -> None:
        metrics = self._metrics
        metrics.add_dimension("hook", self.hook)
        metrics.add_dimension("direction", str(record.event.flow_direction) if record.event else "UNKNOWN")
        counts = {
            "Messages": 1,
            "Changed": int(record.bytes_written is not None),
            "Permanent": int(record.permanent is not None),
            "Passing": int(record.transient is not None),
            "Failed": int(record.unexpected is not None),
        }
        if record.error is not None:
            counts[f"Reason{type(record.error).__name__}"] = 1
        for verdict in record.verdict:
            counts[f"Verdict{verdict.title().replace('_', '')}"] = 1
        # A set of metrics has at most 100 names (embedded metric format); a policy could have more.
        more = dict(list(record.counts.items())[:70])
        for name, value in (counts | more).items():
            if name in more:
                metrics.add_metric(name, MetricUnit.Count, value)
            else:
                self._add_own(name, value)
        self._add_own("Duration", milliseconds, "Milliseconds")
        if record.bytes_read is not None:
            self._add_own("MessageSize", record.bytes_read, "Bytes")
        if record.event:
            self._add_own("Recipients", len(record.event.recipients))
            metrics.add_metadata("messageId", record.event.message_id)
            metrics.add_metadata("invocationId", record.event.invocation_id)
        metrics.flush_metrics()

    def _add_own(self, name: str, value: float, unit: str = "Count") -> None:
        """Add a metric whose name and value need no check. Those and the debug text of `add_metric` are a quarter of a report."""
        self._metric_set[name] = {"Unit": unit, "StorageResolution": _STANDARD_RESOLUTION_S, "Value": [float(value)]}


def _frames(error: BaseException) -> list[str]:
    """Return file, line and function of the last frames, innermost last, without any text."""
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
