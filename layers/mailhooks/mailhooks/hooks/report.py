"""Writes the log line and the metrics of an invocation of a hook, and traces its calls."""

import os
from collections.abc import Callable
from typing import Any

from mailhooks.contract.event import KNOWN_SUMMARY_VERSIONS
from mailhooks.core.message_reporter import MessageReporter
from mailhooks.hooks.invocation import Record
from mailhooks.report_names import LogKey, Metric
from mailhooks.settings import Settings

Handler = Callable[[Any, Any], Any]


class Reporter(MessageReporter[Record]):
    """Logs and counts the results of one hook."""

    failed = "the hook failed"
    retried = "raised, so that the invocation is retried"

    def __init__(self, hook: str, settings: Settings) -> None:
        super().__init__(hook, settings)
        self._function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")

    def traced(self, handler: Handler) -> Handler:
        """Return a handler that traces its calls to AWS if XRAY_TRACING is true. The trace has neither the event nor the response."""
        if not self.settings.xray_tracing:
            return handler
        from aws_lambda_powertools import Tracer  # late for the cold start: the X-Ray SDK loads slowly

        from mailhooks.aws import tracing

        tracing.enable()
        tracer = Tracer(service=self.settings.service, auto_patch=False)
        traced: Handler = tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)
        return traced

    def report(self, record: Record) -> None:
        """Log and count a record. Never raises: a failing log must delay no message."""
        if record.duplicate:
            self.log_alone("the event is a duplicate", record, {LogKey.DUPLICATE: True})
        else:
            super().report(record)

    def make_line(self, record: Record, milliseconds: float) -> dict[str, Any]:
        """Return the fields that do not depend on the kind of the result."""
        line = super().make_line(record, milliseconds) | {LogKey.FUNCTION_VERSION: self._function_version}
        if record.event and record.event.summary_version not in KNOWN_SUMMARY_VERSIONS:
            line[LogKey.SUMMARY_VERSION] = record.event.summary_version[:100]
        return line

    def count_more(self, record: Record) -> dict[str, int]:
        """Return metrics that only hooks have."""
        unknown = record.event and record.event.summary_version not in KNOWN_SUMMARY_VERSIONS
        return {Metric.UNKNOWN_SUMMARY_VERSION: 1} if unknown else {}
