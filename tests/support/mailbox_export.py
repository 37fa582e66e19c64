"""Runs exports on the local WorkMail: the real function and the real state machine, with time that passes at once."""

import io
import json
import random
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha384
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final

import pytest

from mailhooks.aws.session import open_session
from mailhooks.mailbox_export.function import ExportHandler
from mailhooks.mailbox_export.manifest import KEY, Mailbox, Manifest, State, read_manifest
from mailhooks.mailbox_export.settings import ExportSettings
from tests.infrastructure.stack import ROOT
from tests.support.state_machine import StateMachine
from workmail_local.aws.export_jobs import BETWEEN_JOBS_S, MAX_RUNNING
from workmail_local.workmail import LocalWorkMail

FUNCTION: Final = "arn:aws:lambda:us-east-1:123456789012:function:export"
ROLE: Final = "arn:aws:iam::123456789012:role/export"
KMS_KEY: Final = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class Clock:
    """The time of WorkMail and of the function, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


class Company:
    """An organization whose mailboxes are exported.

    Attributes:
        handler: the Lambda function.
    """

    def __init__(self, workmail: LocalWorkMail, clock: Clock, topic: str = "") -> None:
        self.workmail = workmail
        self.clock = clock
        self.bucket = f"{workmail.bucket}-export"
        workmail.make_bucket(self.bucket, versioned=True)
        workmail.organization.page_size = 100
        self.settings = ExportSettings(
            organization_id=workmail.organization.id,
            export_bucket=self.bucket,
            export_role=ROLE,
            export_key=KMS_KEY,
            report_topic=topic,
        )
        self.handler = self.make_handler()
        self._s3 = workmail.client("s3")

    def make_handler(self) -> ExportHandler:
        """Load the function, as in a new container."""
        return ExportHandler(self.settings, self.clock.read)

    def make_machine(self) -> StateMachine:
        """Return the state machine of export/state-machine.asl.json."""
        definition = (ROOT / "export/state-machine.asl.json").read_text("utf-8").replace("${ExportFunctionArn}", FUNCTION)
        return StateMachine(json.loads(definition), self._invoke, self.clock.pass_time)

    def run(self, document: Mapping[str, Any] | None = None) -> Manifest:
        """Run an execution to its end and return the manifest."""
        self.make_machine().run(document or {})
        return self.read_manifest()

    def read_manifest(self) -> Manifest:
        return read_manifest(self.read_object(KEY))

    def find(self, address: str) -> Mailbox:
        """Return a mailbox of the manifest by its address."""
        [found] = [each for each in self.read_manifest().mailboxes.values() if each.address == address]
        return found

    def add_users(self, count: int, rng: random.Random | None = None) -> list[str]:
        """Add users, each with a mailbox of some size; return their IDs."""
        organization = self.workmail.organization
        entities = [organization.add_user(f"user{number:03}@example.com") for number in range(count)]
        for entity in entities:
            if (found := organization.find(entity)) and rng:
                found.size_mb = float(rng.randrange(50_000))
        return entities

    def check_limits(self) -> None:
        """Check that WorkMail never had more jobs than it allows. The local service refuses them too: this reads what it accepted."""
        jobs = self.workmail.exports.jobs
        changes = [(job.started_at, 1) for job in jobs] + [(job.ended_at, -1) for job in jobs if job.ended_at]
        running = 0
        for _, change in sorted(changes):
            running += change
            assert running <= MAX_RUNNING
        for entity in {job.entity_id for job in jobs}:
            times = sorted(job.started_at for job in jobs if job.entity_id == entity)
            assert all(later - earlier >= BETWEEN_JOBS_S for earlier, later in pairwise(times))

    def check_files(self) -> None:
        """Check each exported mailbox against its object: size and digest, and that of the last job."""
        jobs = {job.id: job for job in self.workmail.exports.jobs}
        for mailbox in self.read_manifest().in_state(State.EXPORTED):
            assert mailbox.file is not None
            content = self.read_object(mailbox.file.key)
            job = jobs[mailbox.last.job_id]
            assert (mailbox.file.bytes, mailbox.file.sha384) == (len(content), sha384(content).hexdigest())
            assert (job.state, job.path, job.entity_id) == ("COMPLETED", mailbox.file.key, mailbox.entity_id)
            assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None

    def read_object(self, key: str) -> bytes:
        content: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def _invoke(self, function: str, event: Any) -> Any:
        assert function == FUNCTION
        return self.handler(event)

    def close(self) -> None:
        self._s3.close()


@contextmanager
def run_company(workmail: LocalWorkMail, clock: Clock, topic: str = "") -> Iterator[Company]:
    """Reset a local WorkMail and let boto3 call it."""
    workmail.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in workmail.environment.items():
            patch.setenv(name, value)
        # A client's pauses between its attempts pass at once, too.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=clock.pass_time))
        open_session.cache_clear()
        company = Company(workmail, clock, topic)
        yield company
        company.close()
        open_session.cache_clear()
