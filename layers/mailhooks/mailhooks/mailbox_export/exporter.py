"""The tasks of the state machine: plan, step, verify. Each can be repeated at any point, and may run twice at once.

Their state is in the manifest. Each task reads it, and writes it on the condition that it is unchanged.
"""

import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from mailhooks.aws.export_bucket import ExportBucket
from mailhooks.aws.export_jobs import ExportJobs, ExportLimitReached, Job, NoSuchMailbox
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, TransientError
from mailhooks.mailbox_export import schedule
from mailhooks.mailbox_export.manifest import Mailbox, Manifest, State
from mailhooks.mailbox_export.manifest_store import ManifestStore
from mailhooks.mailbox_export.plan import plan_mailboxes
from mailhooks.mailbox_export.verification import DamagedExport, MissingExport, verify_export

_SIZES_S: Final = 300.0
"""Seconds for the sizes of mailboxes, which only decide their order."""

_MAX_CHECKS: Final = 3
"""Verifications that are begun for one export: a file at which the function ends each time must not keep the others waiting."""

_AFTER_MISSING: Final = timedelta(minutes=2)
"""Until a file is looked for again that is not there yet."""

_VERIFY_S: Final = 240.0
"""Seconds after which no further file is read in one task, because no job is started meanwhile."""

_RESERVE_S: Final = 30.0
"""Seconds reserved for writing the manifest after a file was read."""


class Exporter:
    """Exports the mailboxes of one organization.

    Args:
        clock: the time, in UTC.
        store: None for the manifest in the bucket.
    """

    def __init__(self, jobs: ExportJobs, bucket: ExportBucket, store: ManifestStore, clock: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self._bucket = bucket
        self._store = store
        self._clock = clock

    def plan(self, wanted: Collection[str], *, execution: str, again: bool, deadline: Deadline) -> Manifest:
        """Add the wanted mailboxes to the manifest; see `plan_mailboxes`.

        Raises:
            TransientError, Misconfigured: WorkMail or S3 cannot be read.
        """
        listed = self._jobs.list_mailboxes(deadline)

        def change(before: Manifest) -> Manifest:
            return plan_mailboxes(before, listed, wanted, execution=execution, again=again, now=self._clock())

        planned = change(self._read(deadline))
        sizes = dict(self._read_sizes(planned, deadline))

        def change_with_sizes(before: Manifest) -> Manifest:
            after = change(before)
            sized = [replace(each, size_mb=sizes[each.entity_id]) for each in after.mailboxes.values() if each.entity_id in sizes]
            return after.with_mailboxes(sized)

        return self._store.update(change_with_sizes, deadline)

    def step(self, deadline: Deadline) -> tuple[Manifest, timedelta]:
        """Read the states of the jobs and start the next ones.

        Returns:
            The manifest, and how long to wait before the next step.

        Raises:
            TransientError, Misconfigured: WorkMail or S3 cannot be read. A job that cannot be started is no error.
        """
        jobs = self._list_jobs(deadline)
        tokens = (uuid.uuid4().hex for _ in iter(int, 1))

        def change(before: Manifest) -> Manifest:
            now = self._clock()
            return schedule.choose_next(schedule.settle(before, jobs, now), jobs, islice(tokens, schedule.MAX_JOBS), now)

        manifest = self._store.update(change, deadline)
        if starting := manifest.in_state(State.STARTING):
            outcomes = {mailbox.last.token: record for mailbox, record in self._start(starting, deadline)}
            manifest = self._store.update(lambda before: _record(before, outcomes), deadline)
        return manifest, schedule.find_wait(manifest, jobs, self._clock())

    def verify(self, deadline: Deadline) -> Manifest:
        """Verify exported files, as many as fit into the time.

        Raises:
            TransientError, Misconfigured: S3 cannot be read.
        """
        limit = Deadline(min(deadline.at - _VERIFY_S, Deadline.after(_VERIFY_S).at))
        manifest = self._read(deadline)
        while limit.left() and (waiting := find_unverified(manifest, self._clock())):
            begun = replace(waiting[0], checks=waiting[0].checks + 1)
            self._store.update(partial(_replace_same_attempt, mailbox=begun), deadline)
            verified = self._verify(begun, deadline)
            manifest = self._store.update(partial(_replace_same_attempt, mailbox=verified), deadline)
        return manifest

    def _read(self, deadline: Deadline) -> Manifest:
        return self._store.read(deadline) or self._store.make_empty()

    def _verify(self, mailbox: Mailbox, deadline: Deadline) -> Mailbox:
        # A file at which the function ended each time gets no time: its size and entries are read, and no digest.
        limit = Deadline(deadline.at - _RESERVE_S) if mailbox.checks <= _MAX_CHECKS else Deadline.after(0)
        try:
            file = verify_export(self._bucket, mailbox.last.prefix, Deadline(deadline.at - _RESERVE_S / 2), digest_deadline=limit)
        except MissingExport as error:
            if mailbox.checks < _MAX_CHECKS:
                return replace(mailbox, not_before=self._clock() + _AFTER_MISSING)
            return schedule.record_failure(mailbox, str(error))
        except DamagedExport as error:
            return schedule.record_failure(mailbox, str(error))
        return replace(mailbox, state=State.EXPORTED, file=file, reason="", not_before=None, tries=0, checks=0)

    def _read_sizes(self, manifest: Manifest, deadline: Deadline) -> Iterator[tuple[str, float]]:
        limit = Deadline(min(deadline.at, Deadline.after(_SIZES_S).at))
        for mailbox in manifest.in_state(State.PENDING):
            if mailbox.kind != "user" or not limit.left():
                continue
            if (size := self._jobs.read_size(mailbox.entity_id, limit)) is not None:
                yield mailbox.entity_id, size

    def _list_jobs(self, deadline: Deadline) -> list[Job]:
        """Return the jobs of the last seven days, and older ones that still run. Those that failed have their error."""
        jobs = {job.job_id: job for job in self._jobs.list_jobs(deadline)}
        attempts = [each.last for each in self._read(deadline).mailboxes.values() if each.attempts]
        for job_id in [each.job_id for each in attempts if each.state == "RUNNING"]:
            if job_id not in jobs or jobs[job_id].state == "FAILED":
                try:
                    jobs[job_id] = self._jobs.describe_job(job_id, deadline)
                except NoSuchMailbox:
                    continue
        return list(jobs.values())

    def _start(self, starting: list[Mailbox], deadline: Deadline) -> Iterator[tuple[Mailbox, "_Record"]]:
        """Start jobs. Yield each mailbox with the change of its state; none for a job that may have started: the next step decides."""
        for mailbox in starting:
            attempt = mailbox.last
            now = self._clock()
            try:
                job_id = self._jobs.start_job(
                    mailbox.entity_id,
                    token=attempt.token,
                    description=schedule.describe(attempt),
                    prefix=attempt.prefix,
                    deadline=deadline,
                )
            except TransientError:
                # Throttled, or the answer was lost.
                return
            except ExportLimitReached as error:
                yield mailbox, partial(schedule.record_limit, reason=str(error), now=now)
                return
            except NoSuchMailbox as error:
                yield mailbox, partial(schedule.record_missing, reason=str(error))
            except Misconfigured as error:
                yield mailbox, partial(schedule.record_refusal, reason=str(error), now=now)
            else:
                yield mailbox, partial(schedule.record_start, job_id=job_id, now=now)


_Record = Callable[[Mailbox], Mailbox]


def find_unverified(manifest: Manifest, now: datetime) -> list[Mailbox]:
    """Return the mailboxes whose exported file can be verified now."""
    return [each for each in manifest.in_state(State.CHECKING) if each.not_before is None or each.not_before <= now]


def _record(manifest: Manifest, outcomes: dict[str, _Record]) -> Manifest:
    """Record the starts, except of a mailbox in which another execution has recorded something meanwhile."""
    starting = [each for each in manifest.in_state(State.STARTING) if each.last.token in outcomes]
    return manifest.with_mailboxes(outcomes[each.last.token](each) for each in starting)


def _replace_same_attempt(manifest: Manifest, mailbox: Mailbox) -> Manifest:
    """Replace a mailbox, unless another execution has verified it meanwhile."""
    known = manifest.mailboxes[mailbox.entity_id]
    is_same = known.state is State.CHECKING and known.last.token == mailbox.last.token
    return manifest.with_mailboxes([mailbox] if is_same else [])
