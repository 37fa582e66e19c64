"""The limits of WorkMail, and the states of mailboxes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailhooks.aws.export_jobs import Job
from mailhooks.mailbox_export import schedule
from mailhooks.mailbox_export.manifest import Mailbox, Manifest, State
from mailhooks.mailbox_export.plan import reopen

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
TOKENS = [f"token-{number}" for number in range(10)]


def manifest_of(*mailboxes: Mailbox) -> Manifest:
    return Manifest("m-1", NOW, NOW, "e", {each.entity_id: each for each in mailboxes})


def make_mailbox(name: str, size_mb: float | None = None) -> Mailbox:
    return Mailbox(f"id-{name}", "user", name, f"{name}@example.com", size_mb=size_mb)


def make_job(name: str, state: str = "RUNNING", *, hours: float = 0, description: str = "by hand", job_id: str = "") -> Job:
    return Job(job_id or f"job-{name}", f"id-{name}", description, state, 40, "", NOW - timedelta(hours=hours), None, "no disk")


def list_starting(manifest: Manifest, jobs: Iterable[Job] = (), now: datetime = NOW) -> list[str]:
    return [each.name for each in schedule.choose_next(manifest, list(jobs), TOKENS, now).in_state(State.STARTING)]


def start(mailbox: Mailbox, jobs: Iterable[Job] = (), now: datetime = NOW) -> Mailbox:
    """Return a mailbox as it is chosen."""
    return schedule.choose_next(manifest_of(mailbox), list(jobs), TOKENS, now).mailboxes[mailbox.entity_id]


def settle(mailbox: Mailbox, *jobs: Job, now: datetime = NOW) -> Mailbox:
    return schedule.settle(manifest_of(mailbox), jobs, now).mailboxes[mailbox.entity_id]


def test_the_largest_mailboxes_are_first_and_those_of_unknown_size_last() -> None:
    chosen = schedule.choose_next(manifest_of(*map(make_mailbox, "abc", (1, None, 20))), [], TOKENS[:2], NOW)
    assert [each.name for each in chosen.in_state(State.STARTING)] == ["a", "c"]


@pytest.mark.parametrize("foreign, started", [(0, 10), (3, 7), (10, 0), (12, 0)])
def test_at_most_ten_jobs_run_at_once_with_those_of_others(foreign: int, started: int) -> None:
    mailboxes = [make_mailbox(f"m{number}") for number in range(15)]
    jobs = [make_job(f"other{number}") for number in range(foreign)]
    assert len(list_starting(manifest_of(*mailboxes), jobs)) == started


def test_a_job_that_is_not_listed_yet_counts_too_and_a_listed_one_once() -> None:
    mailboxes = [make_mailbox(f"m{number:02}") for number in range(15)]
    first = schedule.choose_next(manifest_of(*mailboxes), [], TOKENS[:6], NOW)
    listed = [make_job(each.name, description=schedule.describe(each.last)) for each in first.in_state(State.STARTING)[:2]]
    assert len(list_starting(first, listed)) == 10


def test_a_starting_job_counts_if_a_job_of_others_has_no_description() -> None:
    first = schedule.choose_next(manifest_of(*(make_mailbox(f"m{number:02}") for number in range(15))), [], TOKENS[:6], NOW)
    assert len(list_starting(first, [make_job("other", description="")])) == 9


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED"])
def test_a_mailbox_waits_24_hours_after_any_job_that_others_started(state: str) -> None:
    manifest = manifest_of(make_mailbox("a"))
    assert list_starting(manifest, [make_job("a", state, hours=24)]) == []
    assert list_starting(manifest, [make_job("a", state, hours=24.1)]) == ["a"]
    assert list_starting(manifest, [make_job("a", "RUNNING", hours=30)]) == []


def test_a_mailbox_waits_24_hours_after_an_own_job_that_is_not_listed_any_more() -> None:
    failed = settle(schedule.record_start(start(make_mailbox("a")), "j", NOW), make_job("a", "FAILED", job_id="j"))
    assert failed.state is State.PENDING
    assert list_starting(manifest_of(failed), [], NOW + timedelta(hours=24)) == []
    assert list_starting(manifest_of(failed), [], NOW + timedelta(hours=24.1)) == ["a"]


def test_a_job_whose_answer_was_lost_is_found_by_its_description() -> None:
    starting = start(make_mailbox("a"))
    found = settle(starting, make_job("a", description=schedule.describe(starting.last), job_id="j7"))
    assert (found.state, found.last.job_id, found.last.progress) == (State.RUNNING, "j7", 40)


def test_a_refused_start_keeps_its_token_and_its_job_is_found_if_there_is_one_after_all() -> None:
    refused = schedule.record_limit(start(make_mailbox("a")), "limit", NOW)
    assert (refused.state, refused.reason) == (State.PENDING, "limit")
    assert list_starting(manifest_of(refused)) == []
    later = start(refused, now=NOW + schedule.AFTER_LIMIT)
    assert (later.state, later.last.token, len(later.attempts)) == (State.STARTING, refused.last.token, 1)
    assert settle(refused, make_job("a", description=schedule.describe(refused.last))).state is State.RUNNING


def test_a_failed_job_is_tried_three_times_with_its_reason() -> None:
    mailbox, now, states = make_mailbox("a"), NOW, []
    for number in range(3):
        mailbox = schedule.record_start(start(mailbox, now=now), f"j{number}", now)
        mailbox = settle(mailbox, make_job("a", "FAILED", job_id=f"j{number}"))
        states.append(mailbox.state)
        now += timedelta(hours=25)
    assert states == [State.PENDING, State.PENDING, State.FAILED]
    assert mailbox.reason == "the job failed: no disk"
    assert len({each.prefix for each in mailbox.attempts}) == 3


def test_a_job_without_an_end_counts_as_failed_until_it_ends_after_all() -> None:
    running = schedule.record_start(start(make_mailbox("a")), "j", NOW)
    for now, state in ((NOW + schedule.LONGEST_JOB, State.RUNNING), (NOW + timedelta(days=8), State.FAILED)):
        found = settle(running, make_job("a", job_id="j"), now=now)
        assert found.state is state
    assert "cancel it" in found.reason
    assert settle(reopen(found), make_job("a", job_id="j"), now=now).state is State.FAILED
    assert settle(reopen(found), make_job("a", "COMPLETED", job_id="j"), now=now).state is State.CHECKING


def test_a_job_that_workmail_does_not_know_any_more_is_started_again() -> None:
    running = schedule.record_start(start(make_mailbox("a")), "j", NOW)
    assert settle(running, now=NOW + timedelta(hours=1)).state is State.RUNNING
    lost = settle(running, now=NOW + timedelta(days=8))
    assert (lost.state, lost.reason) == (State.PENDING, "WorkMail does not know the job any more")
    assert len(start(lost, now=NOW + timedelta(days=8)).attempts) == 2


def test_a_job_that_others_cancelled_is_not_started_again() -> None:
    cancelled = settle(schedule.record_start(start(make_mailbox("a")), "j", NOW), make_job("a", "CANCELLED", job_id="j"))
    assert cancelled.state is State.CANCELLED
    assert "cancelled by another" in cancelled.reason


def test_refusals_end_in_a_failure() -> None:
    mailbox = make_mailbox("a")
    for _ in range(schedule.MAX_REFUSALS):
        mailbox = schedule.record_refusal(replace(start(mailbox), not_before=None), "no right", NOW - schedule.AFTER_REFUSAL)
    assert (mailbox.state, mailbox.reason) == (State.FAILED, "no right")


def test_a_mailbox_that_workmail_does_not_find_is_skipped_only_if_its_user_was_disabled() -> None:
    starting = start(make_mailbox("a"))
    assert schedule.record_missing(starting, "not found").state is State.FAILED
    assert schedule.record_missing(replace(starting, is_uncertain=True), "not found").state is State.SKIPPED


@pytest.mark.parametrize(
    "mailboxes, minutes",
    [
        ([start(make_mailbox("a"))], 1),
        ([replace(make_mailbox("a"), not_before=NOW + timedelta(minutes=20))], 20),
        ([replace(make_mailbox("a"), not_before=NOW + timedelta(hours=20))], 60),
        ([replace(make_mailbox("a"), state=State.CHECKING, not_before=NOW + timedelta(minutes=2))], 2),
        ([], 1),
    ],
)
def test_the_state_machine_waits_no_longer_than_needed(mailboxes: list[Mailbox], minutes: int) -> None:
    assert schedule.find_wait(manifest_of(*mailboxes), [], NOW) == timedelta(minutes=minutes)
