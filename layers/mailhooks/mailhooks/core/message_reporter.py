"""Writes one log line and one set of metrics a message (Powertools Logger, and Metrics in CloudWatch's embedded metric format).

A line has identifiers, counts and kinds. It has addresses, subjects and the texts of errors that are not ours, which may quote a message,
only if LOG_ADDRESSES is true; LOG_EXCEPTIONS=text adds the text and the traceback of an error.
"""

import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks import __version__
from mailhooks.envelope import Envelope
from mailhooks.errors import ContractError, MailhooksError, PermanentError, StillHeld, TransientError
from mailhooks.library_logs import silence_libraries
from mailhooks.mime.message import Message
from mailhooks.report_names import Dimension, LogKey, Metric, reason_metric, verdict_metric
from mailhooks.settings import Settings

_RUNTIME: Final = "mailhooks.hooks.runtime"

_STANDARD_RESOLUTION_S: Final = 60

_LONGEST_MESSAGE_ID: Final = 998
"""Octets. A Message-ID is on one line (RFC 5322 sections 2.1.1 and 3.6.4). A longer one is cut."""


class Record(Protocol):
    """The result for one message.

    Attributes:
        envelope: None if the message was refused before its envelope was read.
        message: as it was received; None if it was not read.
        verdict: the types of the actions for recipients.
        bytes_read, bytes_written: the sizes of the received and of the changed message; None if it was not read, or not changed.
        permanent: why the message is delivered unchanged.
        transient: why the message is evaluated again.
        held: which rules hold the message.
        unexpected: the error that ON_ERROR decides on.
        error: the error to log.
        log, counts: of the policy.
        started: the time of `time.perf_counter` at its start.
    """

    @property
    def envelope(self) -> Envelope | None: ...

    @property
    def message(self) -> Message | None: ...

    @property
    def verdict(self) -> tuple[str, ...]: ...

    @property
    def bytes_read(self) -> int | None: ...

    @property
    def bytes_written(self) -> int | None: ...

    @property
    def permanent(self) -> PermanentError | None: ...

    @property
    def transient(self) -> TransientError | None: ...

    @property
    def held(self) -> StillHeld | None: ...

    @property
    def unexpected(self) -> BaseException | None: ...

    @property
    def error(self) -> BaseException | None: ...

    @property
    def log(self) -> Mapping[str, object]: ...

    @property
    def counts(self) -> Mapping[str, int]: ...

    @property
    def started(self) -> float: ...


R = TypeVar("R", bound=Record, contravariant=True)


class MessageReporter(Generic[R]):
    """Logs and counts the results of one hook or listener.

    Args:
        name: of the hook or the listener: a field of each line, and a dimension of each metric.
    """

    failed: ClassVar[str] = "the evaluation failed"
    """The text of a line with an unexpected error."""
    retried: ClassVar[str] = "the message is evaluated again"
    """The text of a line with a transient error."""
    unchanged: ClassVar[str] = "the message is delivered unchanged"
    """The text of a line with a permanent error."""
    refused: ClassVar[str] = "the message is refused"
    """The text of a line with another error."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        silence_libraries()
        self.logger = Logger(service=settings.service, location=None)
        self._metric_set: dict[str, Any] = {}
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service, metric_set=self._metric_set)
        self._is_first = True

    def report(self, record: R) -> None:
        """Log and count a record. Never raises: a failing log must delay no message."""
        milliseconds = (time.perf_counter() - record.started) * 1000
        try:
            self._log(record, milliseconds)
            self._count(record, milliseconds)
        except Exception as error:  # noqa: BLE001 - see above
            sys.stderr.write(f"mailhooks: this message's log line or metrics are missing ({type(error).__name__})\n")
        self._is_first = False

    def log_alone(self, text: str, record: R, fields: Mapping[str, object]) -> None:
        """Log a record that is not counted. Never raises."""
        try:
            self.logger.info(text, extra=self.make_line(record, (time.perf_counter() - record.started) * 1000) | dict(fields))
        except Exception as error:  # noqa: BLE001 - see `report`
            sys.stderr.write(f"mailhooks: this message's log line is missing ({type(error).__name__})\n")
        self._is_first = False

    def report_event(
        self, text: str, fields: Mapping[str, object], counts: Mapping[str, float], direction: str, error: BaseException | None = None
    ) -> None:
        """Log and count an event that is not the result for one message. Never raises.

        Args:
            direction: a dimension of the metrics.
            error: None for a line of the level INFO.
        """
        try:
            line = {LogKey.HOOK: self.name, LogKey.COLD_START: self._is_first, **fields}
            values = dict(counts)
            if error is not None:
                line |= self._describe(error, is_unexpected=True)
                values[Metric.PASSING if isinstance(error, TransientError) else Metric.FAILED] = 1
                values[reason_metric(type(error).__name__)] = 1
            (self.logger.error if error else self.logger.info)(text, extra=line)
            self._metrics.add_dimension(Dimension.HOOK, self.name)
            self._metrics.add_dimension(Dimension.DIRECTION, direction)
            for name, value in values.items():
                self._add_own(name, value)
            self._metrics.flush_metrics()
        except Exception as problem:  # noqa: BLE001 - see `report`
            sys.stderr.write(f"mailhooks: a log line or metrics are missing ({type(problem).__name__})\n")
        self._is_first = False

    def make_line(self, record: R, milliseconds: float) -> dict[str, Any]:
        """Return the fields that do not depend on the kind of the result."""
        line: dict[str, Any] = {
            LogKey.HOOK: self.name,
            LogKey.VERDICT: list(record.verdict),
            LogKey.CHANGED: record.bytes_written is not None,
            LogKey.BYTES: record.bytes_read,
            LogKey.BYTES_WRITTEN: record.bytes_written,
            LogKey.MILLISECONDS: round(milliseconds, 1),
            LogKey.COLD_START: self._is_first,
            LogKey.RELEASE: __version__ if self._is_first else None,  # Powertools leaves out None
            **record.log,
        }
        if envelope := record.envelope:
            line |= {
                LogKey.MESSAGE_ID: envelope.message_id,
                LogKey.INVOCATION_ID: envelope.invocation_id,
                LogKey.DIRECTION: str(envelope.flow_direction),
                LogKey.RECIPIENT_COUNT: len(envelope.recipients),
                LogKey.TRUNCATED: envelope.truncated,
            }
            if self.settings.log_addresses:
                line |= {
                    LogKey.MAIL_FROM: envelope.mail_from,
                    LogKey.SENDER: envelope.sender,
                    LogKey.RECIPIENTS: list(envelope.recipients),
                    LogKey.SUBJECT: envelope.subject,
                }
        if record.message and (message_id := _read_message_id(record.message)):
            show = _to_printable if self.settings.log_smtp_message_id == "whole" else _digest
            line[LogKey.SMTP_MESSAGE_ID] = show(message_id)
        return line

    def count_more(self, record: R) -> dict[str, int]:  # noqa: ARG002 - for subclasses
        """Return metrics that only some adapters have."""
        return {}

    def _log(self, record: R, milliseconds: float) -> None:
        line, error = self.make_line(record, milliseconds), record.error
        if record.held:
            states = [{"rule": rule, "state": str(state)} for rule, state in record.held.states.items()]
            line |= {LogKey.HOLDS: states} | ({LogKey.FAILURES: record.held.failures} if record.held.failures else {})
            self.logger.info("the message is held until an approver decides", extra=line)
            return
        if error is None:
            self.logger.info("the message is handled", extra=line)
            return
        line |= self._describe(error, is_unexpected=record.unexpected is not None)
        if record.unexpected:
            self.logger.error(self.failed, extra=line)
        elif record.transient:
            self.logger.error(self.retried, extra=line)
        else:
            self.logger.warning(self.unchanged if record.permanent else self.refused, extra=line)

    def _describe(self, error: BaseException, *, is_unexpected: bool) -> dict[str, Any]:
        line: dict[str, Any] = {LogKey.REASON: type(error).__name__, LogKey.DETAIL: self._detail(error)}
        if is_unexpected:
            line[LogKey.FRAMES] = _frames(error)
            if self.settings.logs_exception_text:
                line[LogKey.TRACEBACK] = _format_traceback(error)
        return line

    def _detail(self, error: BaseException) -> str:
        """Return the text of an error of ours; another error's text may quote the message."""
        own = isinstance(error, MailhooksError | ContractError)
        shown = own or self.settings.log_addresses or self.settings.logs_exception_text
        return str(error) if shown else "not logged: it may quote the message (LogPersonalData=all shows it)"

    def _count(self, record: R, milliseconds: float) -> None:
        metrics, envelope = self._metrics, record.envelope
        metrics.add_dimension(Dimension.HOOK, self.name)
        metrics.add_dimension(Dimension.DIRECTION, str(envelope.flow_direction) if envelope else "UNKNOWN")
        counts: dict[str, int] = {
            Metric.MESSAGES: 1,
            Metric.CHANGED: int(record.bytes_written is not None),
            Metric.PERMANENT: int(record.permanent is not None),
            Metric.PASSING: int(record.transient is not None),
            Metric.FAILED: int(record.unexpected is not None),
        }
        counts |= self.count_more(record)
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
        if envelope:
            self._add_own(Metric.RECIPIENTS, len(envelope.recipients))
            metrics.add_metadata(LogKey.MESSAGE_ID, envelope.message_id)
            metrics.add_metadata(LogKey.INVOCATION_ID, envelope.invocation_id)
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
