"""When each mailbox is exported: at most ten jobs at once, one of a mailbox in 24 hours (guide, "Exporting mailbox content"). Pure.

The limits count all jobs of the organization, also those that others started. The token of a job is in the manifest before the job starts,
and in the job's description, so that a job is found again whose answer was lost.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mailhooks.aws.export_jobs import Job
from mailhooks.mailbox_export.manifest import Attempt, Mailbox, Manifest, State
from mailhooks.mailbox_export.plan import make_folder

MAX_JOBS: Final = 10
BETWEEN_JOBS: Final = timedelta(hours=24, minutes=5)
"""Between the starts of two jobs of a mailbox: 24 hours, and a margin for clocks."""

MAX_TRIES: Final = 3
"""Jobs of a mailbox that fail in one run before the mailbox counts as failed."""

AFTER_LIMIT: Final = timedelta(minutes=30)
"""Until the next start of a mailbox that WorkMail refused because of a limit: the guide does not define from when the 24 hours count."""

MAX_LIMIT_REFUSALS: Final = 100
AFTER_REFUSAL: Final = timedelta(minutes=10)
"""Until the next start after another refusal: a new role may not be known everywhere yet."""

MAX_REFUSALS: Final = 3
LONGEST_JOB: Final = timedelta(days=7)
"""After which a job that still runs, or that WorkMail does not know any more, counts as failed: the execution ends with a report."""

POLL: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=1)

_DESCRIPTION: Final = "workmail-hooks "


def describe(attempt: Attempt) -> str:
    """Return the description of an attempt's job."""
    return _DESCRIPTION + attempt.token


def settle(manifest: Manifest, jobs: Iterable[Job], now: datetime) -> Manifest:
    """Return the manifest with the states of its jobs. A job is found by its ID, or by the token in its description."""
    by_id = {job.job_id: job for job in jobs}
    by_token = {job.description.removeprefix(_DESCRIPTION): job for job in by_id.values()}
    changed = []
    for mailbox in manifest.mailboxes.values():
        if not mailbox.attempts or mailbox.last.state not in {"STARTING", "REFUSED", "RUNNING"}:
            continue
        job = by_id.get(mailbox.last.job_id) or by_token.get(mailbox.last.token)
        if job is not None:
            changed.append(_apply(mailbox, job, now))
        elif mailbox.state is State.RUNNING and _is_too_long(mailbox.last, now):
            changed.append(record_failure(mailbox.with_last(state="FAILED"), "WorkMail does not know the job any more"))
    return manifest.with_mailboxes(changed)


def choose_next(manifest: Manifest, jobs: Collection[Job], tokens: Iterable[str], now: datetime) -> Manifest:
    """Return the manifest with the mailboxes to start now as STARTING: the largest first, as many as the limits allow.

    Args:
        jobs: all jobs of the organization of the last seven days.
        tokens: unique tokens for new attempts.
    """
    listed = {job.job_id for job in jobs} | {job.description.removeprefix(_DESCRIPTION) for job in jobs}
    # A job that another program started may have no description, as a job that starts has no ID yet.
    listed.discard("")
    unlisted = [each for each in manifest.in_state(State.STARTING, State.RUNNING) if not {each.last.job_id, each.last.token} & listed]
    free = MAX_JOBS - len(unlisted) - sum(job.state == "RUNNING" for job in jobs)
    ready = sorted(
        (each for each in manifest.in_state(State.PENDING) if find_start(each, jobs, now) <= now),
        key=lambda each: (-(each.size_mb or 0.0), each.label),
    )
    return manifest.with_mailboxes(_prepare(mailbox, token, now) for mailbox, token in zip(ready[: max(0, free)], tokens, strict=False))


def find_start(mailbox: Mailbox, jobs: Iterable[Job], now: datetime) -> datetime:
    """Return when a mailbox may be started, as far as it is known."""
    starts = [job.started_at for job in jobs if job.entity_id == mailbox.entity_id and job.started_at]
    starts += [each.started_at or each.prepared_at for each in mailbox.attempts if each.job_id]
    is_running = any(job.entity_id == mailbox.entity_id and job.state == "RUNNING" for job in jobs)
    return max(
        mailbox.not_before or now,
        max(starts) + BETWEEN_JOBS if starts else now,
        now + POLL if is_running else now,
    )


def record_start(mailbox: Mailbox, job_id: str, now: datetime) -> Mailbox:
    """Return a mailbox whose job was started."""
    return replace(mailbox, state=State.RUNNING, refusals=0, reason="", not_before=None).with_last(
        job_id=job_id, state="RUNNING", started_at=mailbox.last.started_at or now
    )


def record_limit(mailbox: Mailbox, reason: str, now: datetime) -> Mailbox:
    """Return a mailbox whose job WorkMail refused because of a limit. Its attempt stays: the job of an earlier call may yet appear."""
    return _refuse(mailbox, reason, now + AFTER_LIMIT, MAX_LIMIT_REFUSALS)


def record_refusal(mailbox: Mailbox, reason: str, now: datetime) -> Mailbox:
    """Return a mailbox whose job WorkMail refused for another reason."""
    return _refuse(mailbox, reason, now + AFTER_REFUSAL, MAX_REFUSALS)


def record_missing(mailbox: Mailbox, reason: str) -> Mailbox:
    """Return a mailbox that WorkMail does not find: skipped, if it was disabled; otherwise failed."""
    state = State.SKIPPED if mailbox.is_uncertain else State.FAILED
    return replace(mailbox, state=state, reason=reason).with_last(state="REFUSED", error=reason)


def record_failure(mailbox: Mailbox, reason: str) -> Mailbox:
    """Return a mailbox whose job failed: pending again, unless too many have failed."""
    tries = mailbox.tries + 1
    state = State.FAILED if tries >= MAX_TRIES else State.PENDING
    return replace(mailbox, state=state, tries=tries, checks=0, reason=reason, not_before=None)


def find_wait(manifest: Manifest, jobs: Collection[Job], now: datetime) -> timedelta:
    """Return how long the state machine waits before the next step."""
    if manifest.in_state(State.STARTING, State.RUNNING):
        return POLL
    waiting = [find_start(each, jobs, now) for each in manifest.in_state(State.PENDING)]
    waiting += [each.not_before for each in manifest.in_state(State.CHECKING) if each.not_before]
    return min(LONGEST_WAIT, max(POLL, min(waiting, default=now) - now))


def _prepare(mailbox: Mailbox, token: str, now: datetime) -> Mailbox:
    """Return a mailbox with the attempt to start. A refused attempt has no job: it is used again, with its token."""
    starting = replace(mailbox, state=State.STARTING, checks=0, not_before=None)
    if mailbox.attempts and mailbox.last.state == "REFUSED":
        return starting.with_last(state="STARTING", error="")
    folder = f"{make_folder(mailbox)}{now:%Y-%m-%d}-{token[:8]}/"
    return replace(starting, attempts=(*mailbox.attempts, Attempt(token, folder, now)))


def _refuse(mailbox: Mailbox, reason: str, not_before: datetime, limit: int) -> Mailbox:
    refusals = mailbox.refusals + 1
    state = State.FAILED if refusals >= limit else State.PENDING
    return replace(mailbox, state=state, refusals=refusals, reason=reason, not_before=not_before).with_last(state="REFUSED", error=reason)


def _apply(mailbox: Mailbox, job: Job, now: datetime) -> Mailbox:
    found = mailbox.with_last(
        job_id=job.job_id,
        state=job.state,
        progress=100 if job.state == "COMPLETED" else job.progress,
        started_at=job.started_at or mailbox.last.started_at,
        ended_at=job.ended_at,
        error=job.error,
    )
    match job.state:
        case "COMPLETED":
            return replace(found, state=State.CHECKING, reason="", refusals=0, not_before=None)
        case "FAILED":
            return record_failure(found, f"the job failed: {job.error or 'WorkMail gives no reason'}")
        case "CANCELLED":
            return replace(found, state=State.CANCELLED, reason="the job was cancelled by another program or administrator")
        case _ if _is_too_long(found.last, now):
            reason = f"the job has run for {LONGEST_JOB.days} days: wait for it, or cancel it, and start the export again"
            return replace(found, state=State.FAILED, reason=reason)
        case _:
            return replace(found, state=State.RUNNING, reason="", refusals=0, not_before=None)


def _is_too_long(attempt: Attempt, now: datetime) -> bool:
    return now - (attempt.started_at or attempt.prepared_at) > LONGEST_JOB
