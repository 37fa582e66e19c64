"""Mailbox export jobs (WorkMail API reference, StartMailboxExportJob; guide, "Exporting mailbox content").

A job lasts as long as a test wants, and its file is in S3 when a call finds the job complete. The limits are those of the service: ten jobs
at once, one of a mailbox in 24 hours.

QUIRK: the guide defines neither the folders of the zip file, nor the place of the job's report. Here, a message is in FOLDER/NUMBER.eml,
and the report is next to the zip file, unless a test chooses another place.
"""

import io
import json
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha384
from typing import Any, Final, Literal, NamedTuple

from workmail_local.aws.organization import Entity, Organization
from workmail_local.aws.service_errors import ServiceError

MAX_RUNNING: Final = 10
BETWEEN_JOBS_S: Final = 24 * 3600.0
LISTED_S: Final = 7 * 24 * 3600.0
"""For how long ListMailboxExportJobs returns a job."""


class Outcome(StrEnum):
    """How a job ends."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    """Another administrator cancels it."""
    NO_FILE = "NO_FILE"
    """It is complete, and its file is not in the bucket."""
    DAMAGED = "DAMAGED"
    """It is complete, and an octet of its file is not the one that the report's digest has."""
    CUT = "CUT"
    """It is complete, and the end of its file is missing."""


class ExportedItem(NamedTuple):
    """A message of a mailbox."""

    folder: str
    raw: bytes


@dataclass(slots=True)
class ExportJob:
    """A job. Times are seconds since 1970."""

    entity_id: str
    token: str
    request: Mapping[str, str]
    outcome: Outcome
    started_at: float
    duration_s: float
    state: str = "RUNNING"
    ended_at: float | None = None
    error: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def path(self) -> str:
        return f"{self.request['S3Prefix']}{self.id}.zip"


class ExportJobs:
    """The export jobs of an organization.

    Args:
        read_mailbox: returns the messages of an entity.
        clock: seconds since 1970.

    Attributes:
        jobs: all jobs, oldest first.
        duration_s: how long the next jobs last.
        report: where the next jobs write their report: in an object of its own, in the zip file, or not at all.
    """

    def __init__(
        self, organization: Organization, read_mailbox: Callable[[Entity], Iterable[ExportedItem]], clock: Callable[[], float]
    ) -> None:
        self._organization = organization
        self._read_mailbox = read_mailbox
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Return to the state without jobs."""
        self.jobs: list[ExportJob] = []
        self.duration_s = 2.0
        self.report: Literal["object", "inside", "none"] = "object"
        self._outcomes: dict[str, list[Outcome]] = {}

    def plan_outcomes(self, entity_id: str, *outcomes: Outcome) -> None:
        """Choose how the next jobs of an entity end. All others are complete."""
        self._outcomes.setdefault(entity_id, []).extend(outcomes)

    def answer(self, operation: str, parameters: Mapping[str, Any], s3: Any) -> dict[str, Any] | list[dict[str, Any]]:
        """Answer a call; a list for ListMailboxExportJobs.

        Args:
            s3: a client of S3.

        Raises:
            ServiceError: that of the service.
        """
        with self._lock:
            for job in self.jobs:
                self._advance(job, s3)
            match operation:
                case "StartMailboxExportJob":
                    return {"JobId": self._start(parameters, s3).id}
                case "DescribeMailboxExportJob":
                    job = self._find(parameters["JobId"])
                    more = {"ErrorInfo": job.error} if job.error else {}
                    kept = {name: job.request[name] for name in ("RoleArn", "KmsKeyArn", "S3Prefix")}
                    return self._describe(job) | kept | more
                case "CancelMailboxExportJob":
                    job = self._find(parameters["JobId"])
                    if job.state == "RUNNING":
                        self._end(job, "CANCELLED")
                    return {}
            oldest = self._clock() - LISTED_S
            return [self._describe(job) | {"JobId": job.id} for job in reversed(self.jobs) if job.started_at >= oldest]

    def _start(self, parameters: Mapping[str, Any], s3: Any) -> ExportJob:
        entity = self._organization.find(parameters["EntityId"])
        if entity is None or entity.kind == "GROUP" or not entity.has_mailbox:
            raise ServiceError("EntityNotFoundException", f"{parameters['EntityId']} was not found")
        for job in self.jobs:
            if job.token == parameters["ClientToken"]:
                if job.request != parameters:
                    raise ServiceError("InvalidParameterException", "ClientToken was used with other parameters")
                return job
        now = self._clock()
        if sum(job.state == "RUNNING" for job in self.jobs) >= MAX_RUNNING:
            raise ServiceError("LimitExceededException", f"{MAX_RUNNING} mailbox export jobs are running")
        if any(job.entity_id == entity.id and now - job.started_at < BETWEEN_JOBS_S for job in self.jobs):
            raise ServiceError("LimitExceededException", "The mailbox was exported within the last 24 hours")
        _check_bucket(s3, parameters["S3BucketName"])
        outcomes = self._outcomes.get(entity.id)
        outcome = outcomes.pop(0) if outcomes else Outcome.COMPLETED
        job = ExportJob(entity.id, parameters["ClientToken"], dict(parameters), outcome, now, self.duration_s)
        self.jobs.append(job)
        return job

    def _advance(self, job: ExportJob, s3: Any) -> None:
        if job.state != "RUNNING" or self._clock() < job.started_at + job.duration_s:
            return
        if job.outcome is Outcome.FAILED:
            self._end(job, "FAILED", "An internal error occurred")
            return
        if job.outcome is Outcome.CANCELLED:
            self._end(job, "CANCELLED")
            return
        try:
            self._write(job, s3)
        except s3.exceptions.ClientError as error:
            self._end(job, "FAILED", f"S3 answers {error.response['Error']['Code']}")
        else:
            self._end(job, "COMPLETED")

    def _end(self, job: ExportJob, state: str, error: str = "") -> None:
        job.state, job.error, job.ended_at = state, error, self._clock()

    def _write(self, job: ExportJob, s3: Any) -> None:
        """Write the file of a job and its report."""
        if job.outcome is Outcome.NO_FILE:
            return
        entity = self._organization.find(job.entity_id)
        items = list(self._read_mailbox(entity)) if entity else []
        report = {
            "totalNonExportableItems": "0",
            "totalMessages": str(len(items)),
            "totalBytes": str(sum(len(item.raw) for item in items)),
            "totalFolders": str(len({item.folder for item in items})),
            "startTime": str(int(job.started_at)),
            "endTime": str(int(self._clock())),
        }
        content = make_zip(items, report if self.report == "inside" else None)
        target = {"Bucket": job.request["S3BucketName"], "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": job.request["KmsKeyArn"]}
        if self.report == "object":
            named = {"totalNonExportableItems": "0", "sha384Hash": sha384(content).hexdigest()} | report
            s3.put_object(Key=job.path.removesuffix(".zip") + ".json", Body=json.dumps(named, indent=2).encode(), **target)
        if job.outcome is Outcome.DAMAGED:
            content = content[:10] + bytes([content[10] ^ 1]) + content[11:]
        if job.outcome is Outcome.CUT:
            content = content[:-10]
        s3.put_object(Key=job.path, Body=content, **target)

    def _find(self, job_id: str) -> ExportJob:
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise ServiceError("EntityNotFoundException", f"The mailbox export job {job_id} was not found")

    def _describe(self, job: ExportJob) -> dict[str, Any]:
        elapsed = (job.ended_at or self._clock()) - job.started_at
        progress = 100 if job.state == "COMPLETED" else min(99, int(100 * elapsed / job.duration_s)) if job.duration_s else 0
        return {
            "EntityId": job.entity_id,
            "Description": job.request.get("Description", ""),
            "S3BucketName": job.request["S3BucketName"],
            "S3Path": job.path,
            "EstimatedProgress": progress,
            "State": job.state,
            "StartTime": job.started_at,
        } | ({"EndTime": job.ended_at} if job.ended_at is not None else {})


def make_zip(items: Iterable[ExportedItem], report: Mapping[str, str] | None = None) -> bytes:
    """Return a zip file of messages: FOLDER/NUMBER.eml."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, item in enumerate(items, start=1):
            archive.writestr(f"{item.folder}/{number}.eml", item.raw)
        if report is not None:
            archive.writestr("report.json", json.dumps({"sha384Hash": "0" * 96, **report}))
    return buffer.getvalue()


def _check_bucket(s3: Any, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError:
        raise ServiceError("InvalidParameterException", f"WorkMail cannot use the bucket {bucket}") from None
