"""WorkMail's mailboxes and their export jobs (WorkMail API reference, StartMailboxExportJob)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, TransientError

_PAGE: Final = 100


class ExportLimitReached(MailhooksError):
    """WorkMail refuses a job: ten run already, or the mailbox had one within 24 hours. Its answer does not distinguish them."""


class NoSuchMailbox(MailhooksError):
    """WorkMail has no such user, resource or job."""


@dataclass(frozen=True, slots=True)
class ListedMailbox:
    """A user or a resource of the organization.

    Attributes:
        kind: `user` or `resource`.
        state: ENABLED, DISABLED or DELETED.
        role: of a user: USER, RESOURCE, SYSTEM_USER or REMOTE_USER.
        disabled_at: when it was disabled; None if it never was enabled.
    """

    entity_id: str
    kind: str
    name: str
    address: str
    state: str
    role: str
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Job:
    """An export job.

    Attributes:
        state: RUNNING, COMPLETED, FAILED or CANCELLED.
        progress: WorkMail's estimate, 0 to 100.
        path: the name of the zip file in the bucket.
        error: WorkMail's text about a failed job; only from `ExportJobs.describe_job`.
    """

    job_id: str
    entity_id: str
    description: str
    state: str
    progress: int
    path: str
    started_at: datetime | None
    ended_at: datetime | None
    error: str = ""


class ExportJobs:
    """Calls the WorkMail API for one organization. Each call raises TransientError or Misconfigured, as in `mailhooks.errors`.

    Args:
        role: ARN of the role with which WorkMail writes.
        key: ARN of the KMS key.
        client: None for one with the function's credentials.
    """

    def __init__(self, organization: str, *, bucket: str = "", role: str = "", key: str = "", client: Any = None) -> None:
        self._organization = organization
        self._target = {"S3BucketName": bucket, "RoleArn": role, "KmsKeyArn": key}
        self._client = client or aws.make_client("workmail")

    def list_mailboxes(self, deadline: Deadline) -> list[ListedMailbox]:
        """Return all users and resources, also those that are disabled or deleted."""
        found = [_read_mailbox(each, "user") for each in self._list("ListUsers", "Users", self._client.list_users, deadline)]
        resources = partial(self._list, "ListResources", "Resources", self._client.list_resources, deadline)
        with suppress(_Unsupported):
            found += [_read_mailbox(each, "resource") for each in resources()]
        return found

    def read_size(self, entity_id: str, deadline: Deadline) -> float | None:
        """Return the size of a user's mailbox in MB; None if WorkMail does not return it, as for a resource."""
        work = partial(self._client.get_mailbox_details, OrganizationId=self._organization, UserId=entity_id)
        try:
            details: Mapping[str, Any] = aws.call("GetMailboxDetails", work, deadline, map_own=_map_error)
        except (Misconfigured, NoSuchMailbox, TransientError):
            return None
        return None if details.get("MailboxSize") is None else float(details["MailboxSize"])

    def list_jobs(self, deadline: Deadline) -> list[Job]:
        """Return the jobs of the last seven days, also those that others started."""
        return [_read_job(each) for each in self._list("ListMailboxExportJobs", "Jobs", self._client.list_mailbox_export_jobs, deadline)]

    def describe_job(self, job_id: str, deadline: Deadline) -> Job:
        """Return one job with its error.

        Raises:
            NoSuchMailbox: WorkMail does not know the job.
        """
        work = partial(self._client.describe_mailbox_export_job, OrganizationId=self._organization, JobId=job_id)
        return _read_job(aws.call("DescribeMailboxExportJob", work, deadline, map_own=_map_error) | {"JobId": job_id})

    def start_job(self, entity_id: str, *, token: str, description: str, prefix: str, deadline: Deadline) -> str:
        """Start a job and return its ID. With the token of an earlier call, it is the same job.

        Raises:
            ExportLimitReached, NoSuchMailbox: no job was started.
        """
        work = partial(
            self._client.start_mailbox_export_job,
            OrganizationId=self._organization,
            EntityId=entity_id,
            ClientToken=token,
            Description=description,
            S3Prefix=prefix,
            **self._target,
        )
        return str(aws.call("StartMailboxExportJob", work, deadline, map_own=_map_error)["JobId"])

    def _list(self, operation: str, items: str, call: Callable[..., Any], deadline: Deadline) -> Iterator[Mapping[str, Any]]:
        """Yield all items of an operation that returns pages."""
        token: dict[str, str] = {}
        while True:
            work = partial(call, OrganizationId=self._organization, MaxResults=_PAGE, **token)
            page: Mapping[str, Any] = aws.call(operation, work, deadline, map_own=_map_error)
            yield from page.get(items, ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


class _Unsupported(MailhooksError):
    """The organization's directory has no resources."""


def _map_error(code: str, _text: str) -> MailhooksError | None:
    match code:
        case "LimitExceededException":
            return ExportLimitReached("WorkMail's limit: ten export jobs at once, one of a mailbox in 24 hours")
        case "EntityNotFoundException" | "EntityStateException":
            return NoSuchMailbox(f"WorkMail answers {code}")
        case "UnsupportedOperationException":
            return _Unsupported(code)
    return None


def _read_mailbox(listed: Mapping[str, Any], kind: str) -> ListedMailbox:
    return ListedMailbox(
        entity_id=str(listed["Id"]),
        kind=kind,
        name=str(listed.get("Name") or ""),
        address=str(listed.get("Email") or ""),
        state=str(listed.get("State") or "ENABLED"),
        role=str(listed.get("UserRole") or "USER"),
        disabled_at=_read_time(listed.get("DisabledDate")),
    )


def _read_job(listed: Mapping[str, Any]) -> Job:
    return Job(
        job_id=str(listed["JobId"]),
        entity_id=str(listed.get("EntityId") or ""),
        description=str(listed.get("Description") or ""),
        state=str(listed.get("State") or ""),
        progress=int(listed.get("EstimatedProgress") or 0),
        path=str(listed.get("S3Path") or ""),
        started_at=_read_time(listed.get("StartTime")),
        ended_at=_read_time(listed.get("EndTime")),
        error=str(listed.get("ErrorInfo") or ""),
    )


def _read_time(value: datetime | None) -> datetime | None:
    return value and value.astimezone(UTC)
