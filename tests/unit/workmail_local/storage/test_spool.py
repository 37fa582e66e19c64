"""The messages that the spool keeps, and their jobs."""

from contextlib import closing
from pathlib import Path

import pytest

from mailhooks.contract import FlowDirection
from workmail_local.mail.history import RuleRun, State
from workmail_local.mail.job import DeliveryJob, QueuedMessage
from workmail_local.mail.submission import Submission
from workmail_local.storage.spool import Spool

RAW = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"
ARRIVED = Submission(FlowDirection.INBOUND, "nora@example.net", ("ana@example.com",), RAW)


def create_job(message: QueuedMessage, state: State = State.ACCEPTED) -> DeliveryJob:
    run = RuleRun(f"m{message.number}", "i", message.direction, "R", "", "f", True, message.recipients, state)
    return DeliveryJob(message.number, message.received, message.mail_from, run)


def accept(spool: Spool, state: State = State.DONE) -> int:
    return spool.accept(ARRIVED, lambda message: [create_job(message, state)]).number


def numbers(spool: Spool) -> list[int]:
    return [summary.number for summary in spool.summaries()]


def test_no_more_messages_are_kept_at_any_time(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=3)) as spool:
        for count in range(1, 12):
            accept(spool)
            assert spool.count() == min(count, 3)
        assert numbers(spool) == [11, 10, 9]
        assert spool.original(8) is None
        assert [spool.is_done(number) for number in (1, 8, 9, 11, 12)] == [True, True, True, True, False]


def test_unfinished_messages_are_kept_until_they_are_done(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=2)) as spool:
        first, [job] = spool.accept(ARRIVED, lambda message: [create_job(message)])
        for _ in range(4):
            accept(spool)
        assert numbers(spool) == [5, 4, first]
        assert [*spool.unfinished_jobs()] == [job]
        spool.save(job.with_run(state=State.DONE))
        accept(spool)
        assert numbers(spool) == [6, 5]


def test_a_lower_number_holds_from_the_start(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=10)) as spool:
        for _ in range(8):
            accept(spool)
    with closing(Spool(tmp_path, keep=2)) as spool:
        assert numbers(spool) == [8, 7]


def test_a_message_is_stored_with_its_jobs_or_not_at_all(tmp_path: Path) -> None:
    def fail(message: QueuedMessage) -> list[DeliveryJob]:
        raise ValueError(message.number)

    with closing(Spool(tmp_path)) as spool:
        with pytest.raises(ValueError, match="1"):
            spool.accept(ARRIVED, fail)
        assert (spool.count(), spool.has_unfinished(), spool.original(1)) == (0, False, None)
        assert accept(spool) == 1


def test_the_summary_counts_all_jobs_in_their_order(tmp_path: Path) -> None:
    def create(message: QueuedMessage) -> list[DeliveryJob]:
        job = create_job(message)
        return [job.with_run(message_id=name, rule=name) for name in "cab"]

    with closing(Spool(tmp_path)) as spool:
        number, jobs = spool.accept(ARRIVED, create)
        for job in jobs[1:]:
            spool.save(job.with_run(state=State.DONE, problems=("odd",)))
        assert spool.summaries()[0] == spool.summaries()[0]._replace(state=State.ACCEPTED, rules=("c", "a", "b"), has_problems=True)
        spool.save(jobs[0].with_run(state=State.DONE, changed=True))
        [summary] = spool.summaries()
        assert (summary.number, summary.state, summary.changed, summary.has_problems) == (number, State.DONE, True, True)
