"""The Lambda handler of the state machine's tasks (export/state-machine.asl.json)."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, Final

from mailhooks.aws import client as aws
from mailhooks.aws.export_bucket import ExportBucket
from mailhooks.aws.export_jobs import ExportJobs
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, SettingsError
from mailhooks.mailbox_export.exporter import Exporter, find_unverified
from mailhooks.mailbox_export.manifest import FINAL, Manifest
from mailhooks.mailbox_export.manifest_store import ManifestStore
from mailhooks.mailbox_export.report import Reporter, count_states, format_report
from mailhooks.mailbox_export.settings import ExportSettings

MAX_STEPS: Final = 1_000
"""Steps of one execution; then a new one continues. A step with a verification writes 12 events into the history of the execution, which
may have 25,000 (Step Functions guide, "Quotas"): half is left for retries."""

_MARGIN_S: Final = 10.0
_LOCAL_S: Final = 840.0
"""Seconds for a task outside of Lambda, which has no time limit of its own."""


class InvalidInput(MailhooksError):
    """The input of the execution is invalid."""


class ExportHandler:
    """The handler: `handler(event, context) -> dict`.

    The event has `task`: plan, step, verify or report. The answer has `next`, the state machine's next state, `wait_s` and `steps`.

    Args:
        settings: None: the environment's.
        clock: the time, in UTC.
    """

    def __init__(self, settings: ExportSettings | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings or ExportSettings.from_env(os.environ)
        self._clock = clock
        self._reporter = Reporter(self._settings)

    @cached_property
    def store(self) -> ManifestStore:
        """The manifest in the bucket. Raises as `exporter`."""
        return ManifestStore(self._bucket, self._settings.organization_id, self._clock)

    @cached_property
    def exporter(self) -> Exporter:
        """The tasks.

        Raises:
            SettingsError: ORGANIZATION_ID, EXPORT_BUCKET, EXPORT_ROLE or EXPORT_KEY is missing.
        """
        settings = self._settings
        for name in ("organization_id", "export_bucket", "export_role", "export_key"):
            if not getattr(settings, name):
                raise SettingsError(f"{name.upper()}: set it, as the template export/template.yaml does")
        jobs = ExportJobs(settings.organization_id, bucket=settings.export_bucket, role=settings.export_role, key=settings.export_key)
        return Exporter(jobs, self._bucket, self.store, self._clock)

    @cached_property
    def _bucket(self) -> ExportBucket:
        return ExportBucket(self._settings.export_bucket)

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        task = str(event.get("task"))
        deadline = Deadline.after(_find_seconds(context))
        try:
            manifest, answer = self._run(task, event, deadline)
        except Exception as error:
            self._reporter.log_error(task, error, str(error) if isinstance(error, MailhooksError) else "")
            raise
        self._reporter.log(task, manifest)
        return answer | {"counts": count_states(manifest)}

    def _run(self, task: str, event: Mapping[str, Any], deadline: Deadline) -> tuple[Manifest, dict[str, Any]]:
        match task:
            case "plan":
                wanted, again = read_input(event.get("input"))
                manifest = self.exporter.plan(wanted, execution=str(event["execution"]), again=again, deadline=deadline)
                return manifest, {"steps": 0}
            case "step":
                manifest, wait = self.exporter.step(deadline)
                return manifest, self._decide(manifest, wait, int(event["steps"]) + 1)
            case "verify":
                return self.exporter.verify(deadline), {"steps": int(event["steps"])}
            case "report":
                manifest = self.store.read(deadline) or self.store.make_empty()
                self._report(manifest, deadline)
                return manifest, {}
        raise InvalidInput("the task is plan, step, verify or report")

    def _decide(self, manifest: Manifest, wait: timedelta, steps: int) -> dict[str, Any]:
        if all(each.state in FINAL for each in manifest.mailboxes.values()):
            following = "report"
        elif steps >= MAX_STEPS:
            following = "continue"
        elif find_unverified(manifest, self._clock()):
            following = "verify"
        else:
            following = "wait"
        return {"next": following, "wait_s": int(wait.total_seconds()), "steps": steps}

    def _report(self, manifest: Manifest, deadline: Deadline) -> None:
        self._reporter.count(manifest)
        if self._settings.report_topic:
            subject, text = format_report(manifest, self._settings.export_bucket)
            publish = partial(aws.make_client("sns").publish, TopicArn=self._settings.report_topic, Subject=subject, Message=text)
            aws.call("Publish", publish, deadline)


def read_input(document: Any) -> tuple[list[str], bool]:
    """Read the input of an execution: `{"mailboxes": [...], "again": true}`, both optional.

    Returns:
        The wanted mailboxes, none for all; and whether to export again what is exported already.

    Raises:
        InvalidInput: it has another form.
    """
    if not isinstance(document, dict) or not document.keys() <= {"mailboxes", "again"}:
        raise InvalidInput('the input is {}, or has "mailboxes" or "again"')
    wanted, again = document.get("mailboxes", []), document.get("again", False)
    if not isinstance(wanted, list) or not all(isinstance(each, str) and each.strip() for each in wanted):
        raise InvalidInput('"mailboxes" is a list of addresses, names or entity IDs')
    if not isinstance(again, bool):
        raise InvalidInput('"again" is true or false')
    return [each.strip() for each in wanted], again


def _find_seconds(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return _LOCAL_S if remaining is None else remaining() / 1000 - _MARGIN_S
