"""Writes one log line and one set of metrics for each request to the approval page.

A line has the rule, the position of the approver and the state. It has an address only if LOG_ADDRESSES is true, and never the reason that
an approver wrote.
"""

import os
import sys
import time
import traceback
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks import __version__
from mailhooks.aws.hold_table import HoldRecord
from mailhooks.errors import MailhooksError, TransientError
from mailhooks.library_logs import silence_libraries
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings

HOOK: Final = "approve"
"""The value of the dimension and of the log field `hook`."""


class Metric(StrEnum):
    """The metrics of the approve function. Their dimensions are `service` and `hook`."""

    APPROVED = "Approved"
    REJECTED = "Rejected"
    REFUSED_LINKS = "RefusedLinks"
    """Requests with a forged, expired or unknown link."""
    FAILED = "Failed"


class LogKey(StrEnum):
    """The fields of the approve function's log line. Powertools adds `level`, `message`, `service` and `timestamp`."""

    HOOK = "hook"
    METHOD = "method"
    STATUS = "status"
    """The HTTP status of the response."""
    RULE = "rule"
    STATE = "state"
    """The state of the record: pending, approved, rejected or timed-out."""
    APPROVER = "approver"
    """The position of the link's approver in the rule, from 1."""
    ADDRESS = "address"
    """The approver; only with LOG_ADDRESSES."""
    WAITED_SECONDS = "waitedSeconds"
    """From the first attempt of WorkMail to the decision."""
    MESSAGE_ID = "messageId"
    DIRECTION = "direction"
    MILLISECONDS = "milliseconds"
    COLD_START = "coldStart"
    RELEASE = "release"
    FUNCTION_VERSION = "functionVersion"
    REASON = "reason"
    DETAIL = "detail"
    TRACEBACK = "traceback"
    """Only with LOG_EXCEPTIONS=text."""


@dataclass(slots=True)
class RequestRecord:
    """The result of one request. The handler fills it in.

    Attributes:
        decision: the state that this request set; None if it set none.
        link_refused: whether the link is forged, expired or unknown.
        preview_error: why the content of the message is not on the page.
    """

    method: str = ""
    status: int = 500
    approver: int | None = None
    approver_name: str = ""
    record: HoldRecord | None = None
    decision: HoldState | None = None
    link_refused: bool = False
    preview_error: Exception | None = None
    error: Exception | None = None
    started: float = field(default_factory=time.perf_counter)


class Reporter:
    """Logs and counts the requests of one function."""

    def __init__(self, settings: Settings) -> None:
        silence_libraries()
        self._settings = settings
        self._logger = Logger(service=settings.service, location=None)
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service)
        self._function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self._cold = True

    def report(self, request: RequestRecord) -> None:
        """Log a request and count it. Never raises, because a failing log must not fail the response."""
        try:
            self._log(request)
            self._count(request)
        except Exception as problem:  # noqa: BLE001 - the response is worth more than its log line
            sys.stderr.write(f"mailhooks: this request's log line or metrics are missing ({type(problem).__name__})\n")
        self._cold = False

    def _log(self, request: RequestRecord) -> None:
        line: dict[str, Any] = {
            LogKey.HOOK: HOOK,
            LogKey.METHOD: request.method,
            LogKey.STATUS: request.status,
            LogKey.APPROVER: None if request.approver is None else request.approver + 1,  # Powertools leaves out None
            LogKey.MILLISECONDS: round((time.perf_counter() - request.started) * 1000, 1),
            LogKey.COLD_START: self._cold,
            LogKey.RELEASE: __version__ if self._cold else None,
            LogKey.FUNCTION_VERSION: self._function_version,
        }
        if record := request.record:
            line |= {
                LogKey.RULE: record.rule,
                LogKey.STATE: str(record.state),
                LogKey.MESSAGE_ID: record.message_id,
                LogKey.DIRECTION: record.direction,
                LogKey.WAITED_SECONDS: None if record.decided_at is None else record.decided_at - record.created_at,
            }
        if self._settings.log_addresses and request.approver_name:
            line[LogKey.ADDRESS] = request.approver_name
        if error := request.error or request.preview_error:
            own = isinstance(error, MailhooksError)
            shown = own or self._settings.log_addresses or self._settings.logs_exception_text
            detail = str(error) if shown else "not logged: it may quote the message (LogPersonalData=all shows it)"
            line |= {LogKey.REASON: type(error).__name__, LogKey.DETAIL: detail}
            if self._settings.logs_exception_text:
                line[LogKey.TRACEBACK] = "".join(traceback.format_exception(error))
        if request.error:
            self._logger.error("the request failed", extra=line)
        elif request.decision:
            self._logger.info("an approver has decided", extra=line)
        elif request.link_refused:
            self._logger.warning("the link is not valid", extra=line)
        elif request.preview_error:
            self._logger.warning("the page has no content of the message", extra=line)
        else:
            self._logger.info("the request was served", extra=line)

    def _count(self, request: RequestRecord) -> None:
        self._metrics.add_dimension("hook", HOOK)
        counts: dict[str, int] = {
            Metric.APPROVED: int(request.decision is HoldState.APPROVED),
            Metric.REJECTED: int(request.decision is HoldState.REJECTED),
            Metric.REFUSED_LINKS: int(request.link_refused),
            # A transient error delays no mail: the approver sends the form again.
            Metric.FAILED: int(request.error is not None and not isinstance(request.error, TransientError)),
        }
        for name, value in counts.items():
            self._metrics.add_metric(name, MetricUnit.Count, value)
        self._metrics.flush_metrics()
