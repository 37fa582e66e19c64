"""The log lines, metrics and final report of an export. They have counts, and neither addresses nor names."""

from collections import Counter
from enum import StrEnum
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mailhooks.library_logs import silence_libraries
from mailhooks.mailbox_export.manifest import Check, Manifest, State
from mailhooks.settings import Settings

HOOK: Final = "export"
"""The value of the dimension and of the log field `hook`."""


class Metric(StrEnum):
    """The metrics of an execution, written once at its end. Their dimensions are `service` and `hook`."""

    EXPORTED = "MailboxesExported"
    FAILED = "MailboxesFailed"
    """Those that were cancelled too."""
    SKIPPED = "MailboxesSkipped"
    NOT_VERIFIED = "MailboxesNotVerified"
    BYTES = "BytesExported"


class LogKey(StrEnum):
    """The fields of a log line. Powertools adds `level`, `message`, `service` and `timestamp`."""

    HOOK = "hook"
    TASK = "task"
    COUNTS = "counts"
    REASON = "reason"
    DETAIL = "detail"


class Reporter:
    """Logs the tasks of one function, and counts the result of an execution."""

    def __init__(self, settings: Settings) -> None:
        silence_libraries()
        self._logger = Logger(service=settings.service, location=None)
        self._metrics = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.service)

    def log(self, task: str, manifest: Manifest) -> None:
        """Log a finished task."""
        self._logger.info("the task is done", extra={LogKey.HOOK: HOOK, LogKey.TASK: task, LogKey.COUNTS: count_states(manifest)})

    def log_error(self, task: str, error: Exception, detail: str) -> None:
        """Log a failed task, which the state machine retries."""
        line: dict[str, Any] = {LogKey.HOOK: HOOK, LogKey.TASK: task, LogKey.REASON: type(error).__name__, LogKey.DETAIL: detail}
        self._logger.error("the task failed", extra=line)

    def count(self, manifest: Manifest) -> None:
        """Write the metrics of a finished execution."""
        counts = Counter(each.state for each in manifest.mailboxes.values())
        files = [each.file for each in manifest.in_state(State.EXPORTED) if each.file]
        self._metrics.add_dimension("hook", HOOK)
        for name, value in {
            Metric.EXPORTED: counts[State.EXPORTED],
            Metric.FAILED: counts[State.FAILED] + counts[State.CANCELLED],
            Metric.SKIPPED: counts[State.SKIPPED],
            Metric.NOT_VERIFIED: sum(each.check is Check.TOO_LARGE for each in files),
        }.items():
            self._metrics.add_metric(name, MetricUnit.Count, value)
        self._metrics.add_metric(Metric.BYTES, MetricUnit.Bytes, sum(each.bytes for each in files))
        self._metrics.flush_metrics()


def count_states(manifest: Manifest) -> dict[str, int]:
    """Return the number of mailboxes in each state that occurs."""
    counts = Counter(each.state for each in manifest.mailboxes.values())
    return {state.value: counts[state] for state in State if counts[state]}


def format_report(manifest: Manifest, bucket: str) -> tuple[str, str]:
    """Return the subject and the text of the final report."""
    counts = Counter(each.state for each in manifest.mailboxes.values())
    files = [each.file for each in manifest.in_state(State.EXPORTED) if each.file]
    checks = Counter(each.check for each in files)
    lost = counts[State.FAILED] + counts[State.CANCELLED]
    lines = [
        f"Organization {manifest.organization_id}: {counts[State.EXPORTED]:,} of {len(manifest.mailboxes) - counts[State.SKIPPED]:,}"
        f" mailboxes are exported, {sum(each.bytes for each in files):,} bytes.",
        "",
        f"  {checks[Check.MATCHES]:>7,}  have the SHA-384 of the job's report",
        f"  {checks[Check.NO_REPORT]:>7,}  are complete zip files; no report of the job was found",
        f"  {checks[Check.TOO_LARGE]:>7,}  are too large to verify in Lambda: workmail-hooks export --verify",
        f"  {counts[State.FAILED]:>7,}  failed",
        f"  {counts[State.CANCELLED]:>7,}  were cancelled",
        f"  {counts[State.SKIPPED]:>7,}  have no mailbox that WorkMail can export",
        "",
        f"The manifest: s3://{bucket}/manifest.json. Each mailbox with its reason: workmail-hooks export --status",
    ]
    if lost:
        lines += ["A new execution exports only those that are missing: workmail-hooks export"]
    return f"Mailbox export: {'not complete' if lost else 'complete'}", "\n".join(lines)
