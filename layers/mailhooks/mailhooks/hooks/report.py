"""Writes one log line and one set of metrics a message (Powertools Logger, Tracer, and Metrics in CloudWatch's embedded metric format).

A line has identifiers, counts and kinds. It has addresses, subjects and the texts of errors that are not ours, which may quote a message,
only if LOG_ADDRESSES is true; LOG_EXCEPTIONS=text adds the text and the traceback of an error.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks import __version__
from mailhooks.contract import ContractError
from mailhooks.contract.event import KNOWN_SUMMARY_VERSIONS
from mailhooks.errors import MailhooksError
from mailhooks.hooks.invocation import Record
from mailhooks.library_logs import silence_libraries
from mailhooks.mime.message import Message
from mailhooks.report_names import Dimension, LogKey, Metric, reason_metric, verdict_metric
from mailhooks.settings import Settings

Handler = Callable[[Any, Any], Any]

_RUNTIME: Final = "mailhooks.hooks.runtime"

_STANDARD_RESOLUTION_S: Final = 60

_LONGEST_MESSAGE_ID: Final = 998
"""Octets. A Message-ID is on one line (RFC 5322 sections 2.1.1 and 3.6.4). A longer one is cut."""


class Reporter:
    """Logs and counts the results of one hook."""

    def __init__(self, hook: str, settings: Settings) -> None:
        self.hook = hook
        self._settings = settings
        silence_libraries()
        self._logger = Logger(service=settings.service, location=None)
        self._metric_set: dict[str, Any] = {}
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service, metric_set=self._metric_set)
        self._function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
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
        except Exception as error:  # noqa: BLE001 - see above
            sys.stderr.write(f"mailhooks: this message's log line or metrics are missing ({type(error).__name__})\n")
        self._cold = False

    def _make_line(self, record: Record, milliseconds: float) -> dict[str, Any]:
        """Return the fields that do not depend on the kind of the result."""
        line: dict[str, Any] = {
            LogKey.HOOK: self.hook,
            LogKey.VERDICT: list(record.verdict),
            LogKey.CHANGED: record.bytes_written is not None,
            LogKey.BYTES: record.bytes_read,
            LogKey.BYTES_WRITTEN: record.bytes_written,
            LogKey.MILLISECONDS: round(milliseconds, 1),
            LogKey.COLD_START: self._cold,
            LogKey.RELEASE: __version__ if self._cold else None,  # Powertools leaves out None
            LogKey.FUNCTION_VERSION: self._function_version,
            **record.log,
        }
        if event := record.event:
            line |= {
                LogKey.MESSAGE_ID: event.message_id,
                LogKey.INVOCATION_ID: event.invocation_id,
                LogKey.DIRECTION: str(event.flow_direction),
                LogKey.RECIPIENT_COUNT: len(event.recipients),
                LogKey.TRUNCATED: event.truncated,
            }
            if event.summary_version not in KNOWN_SUMMARY_VERSIONS:
                line[LogKey.SUMMARY_VERSION] = event.summary_version[:100]
            if self._settings.log_addresses:
                line |= {
                    LogKey.MAIL_FROM: event.mail_from,
                    LogKey.SENDER: event.sender,
                    LogKey.RECIPIENTS: list(event.recipients),
                    LogKey.SUBJECT: event.subject,
                }
        if record.message and (message_id := _read_message_id(record.message)):
            show = _to_printable if self._settings.log_smtp_message_id == "whole" else _digest
            line[LogKey.SMTP_MESSAGE_ID] = show(message_id)
        return line

    def _log(self, record: Record, milliseconds: float) -> None:
        line, error = self._make_line(record, milliseconds), record.error
        if record.held:
            states = [{"rule": rule, "state": str(state)} for rule, state in record.held.states.items()]
            line |= {LogKey.HOLDS: states} | ({LogKey.FAILURES: record.held.failures} if record.held.failures else {})
            self._logger.info("the message is held until an approver decides", extra=line)
            return
        if record.duplicate:
            self._logger.info("the event is a duplicate", extra=line | {LogKey.DUPLICATE: True})
            return
        if error is None:
            self._logger.info("the message is handled", extra=line)
            return
        line |= {LogKey.REASON: type(error).__name__, LogKey.DETAIL: self._detail(error)}
        if record.unexpected:
            line[LogKey.FRAMES] = _frames(record.unexpected)
            if self._settings.logs_exception_text:
                line[LogKey.TRACEBACK] = _format_traceback(record.unexpected)
            self._logger.error("the hook failed", extra=line)
        elif record.transient:
            self._logger.error("raised, so that the invocation is retried", extra=line)
        else:
            self._logger.warning("the message is delivered unchanged", extra=line)

    def _detail(self, error: BaseException) -> str:
        """Return the text of an error of ours; another error's text may quote the message."""
        own = isinstance(error, MailhooksError | ContractError)
        shown = own or self._settings.log_addresses or self._settings.logs_exception_text
        return str(error) if shown else "not logged: it may quote the message (LogPersonalData=all shows it)"

    def _count(self, record: Record, milliseconds: float) -> None:
        metrics, event = self._metrics, record.event
        metrics.add_dimension(Dimension.HOOK, self.hook)
        metrics.add_dimension(Dimension.DIRECTION, str(event.flow_direction) if event else "UNKNOWN")
        counts: dict[str, int] = {
            Metric.MESSAGES: 1,
            Metric.CHANGED: int(record.bytes_written is not None),
            Metric.PERMANENT: int(record.permanent is not None),
            Metric.PASSING: int(record.transient is not None),
            Metric.FAILED: int(record.unexpected is not None),
        }
        if event and event.summary_version not in KNOWN_SUMMARY_VERSIONS:
            counts[Metric.UNKNOWN_SUMMARY_VERSION] = 1
        if record.held:
            counts[Metric.HELD] = 1
            if record.held.failures:
                counts[Metric.RULE_FAILURES] = len(record.held.failures)
        if record.error is not None:
            counts[reason_metric(type(record.error).__name__)] = 1
        for verdict in record.verdict:
            counts[verdict_metric(verdict)] = 1
        # A set of metrics has at most 100 names (embedded metric format); a policy could have more.
        more = dict(list(record.counts.items())[:70])
        for name, value in (counts | more).items():
            if name in more:
                metrics.add_metric(name, MetricUnit.Count, value)
            else:
                self._add_own(name, value)
        self._add_own(Metric.DURATION, milliseconds, "Milliseconds")
        if record.bytes_read is not None:
            self._add_own(Metric.MESSAGE_SIZE, record.bytes_read, "Bytes")
        if event:
            self._add_own(Metric.RECIPIENTS, len(event.recipients))
            metrics.add_metadata(LogKey.MESSAGE_ID, event.message_id)
            metrics.add_metadata(LogKey.INVOCATION_ID, event.invocation_id)
        metrics.flush_metrics()

    def _add_own(self, name: str, value: float, unit: str = "Count") -> None:
        """Add a metric whose name and value need no check. Those and the debug text of `add_metric` are a quarter of a report."""
        self._metric_set[name] = {"Unit": unit, "StorageResolution": _STANDARD_RESOLUTION_S, "Value": [float(value)]}


def _read_message_id(message: Message) -> bytes:
    """Return the value of the first Message-ID field; b"" if there is none."""
    if (field := next(message.header.named("message-id"), None)) is None:
        return b""
    # Twice the length: white space around the value does not count.
    end = min(field.end, field.body + 2 * _LONGEST_MESSAGE_ID)
    return field._replace(end=end).value(message.raw)[:_LONGEST_MESSAGE_ID]


def _digest(value: bytes) -> str:
    # Late for the cold start: a function that reads messages has it, and no other needs it.
    from hashlib import sha256

    return f"sha256:{sha256(value).hexdigest()}"


def _to_printable(value: bytes) -> str:
    """Return a text of one line. Each control character becomes a question mark."""
    return "".join(character if character.isprintable() else "?" for character in value.decode("utf-8", "replace"))


def _frames(error: BaseException) -> list[str]:
    """Return file, line and function of the last frames, innermost last, without any text."""
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]


def _format_traceback(error: BaseException) -> str:
    """Return the traceback without the runtime's own frames before those of the hook."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") == _RUNTIME:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))
