"""An attempt that starts before its time, on request."""

import threading
from functools import partial
from typing import Any

import pytest

from mailhooks.contract import FlowDirection
from tests.support.queue import ALL, ANA, BEN, NORA, RAW, Queue
from tests.support.waiting import wait_until
from tests.unit.workmail_local.queue.conftest import Start
from workmail_local.mail.history import Destination, MessageTrace, State
from workmail_local.mail.submission import Submission


@pytest.fixture
def wait(start: Start) -> Start:
    """`wait(*responses, rule="", more="")`: a queue whose pauses are so long that no attempt starts by itself."""
    return partial(start, speed=0.001)


def accept(queue: Queue, *recipients: str) -> int:
    return queue.workers.accept(Submission(FlowDirection.INBOUND, NORA, recipients or (ANA,), RAW))


def trace(queue: Queue, number: int) -> MessageTrace:
    found = queue.spool.trace(number)
    assert found
    return found


def retry(queue: Queue, number: int, jobs: int = 1) -> None:
    """Wait until the jobs wait for their next attempt, and start it."""
    found = 0

    def started() -> bool:
        nonlocal found
        found += queue.workers.retry_now(number)
        return found == jobs

    wait_until(started)


def test_a_waiting_job_runs_at_once_as_its_next_attempt(wait: Start) -> None:
    queue = wait(ValueError("odd"), ALL)
    number = accept(queue)
    retry(queue, number)
    [run] = queue.trace(number).rule_runs
    assert [attempt.number for attempt in run.attempts] == [1, 2]
    assert {result.destination for result in run.results} == {Destination.INBOX}


def test_the_pause_counts_as_if_it_had_passed(wait: Start) -> None:
    """One minute of retries is pauses of 1, 2, 4, 8, 16 and the remaining 29 seconds, however fast they are skipped."""
    queue = wait(ValueError("odd"), rule='timeout-minutes = 1\nfallback = "bounce"\n')
    number = accept(queue)
    for _ in range(6):
        retry(queue, number)
    [run] = queue.trace(number).rule_runs
    assert len(run.attempts) == 7
    assert "in 7 attempts: the fallback action applies" in run.problems[-1]


def test_all_waiting_jobs_of_the_message_run_and_no_other_message(wait: Start) -> None:
    rule = '[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "lambda"\nsenders = ["example.net"]\nfunction = "mailflow"\n'
    queue = wait(*[ValueError("odd")] * 3, ALL, more=f'{rule}recipients = ["{BEN}"]\nsynchronous = false\n')
    other = accept(queue)
    wait_until(lambda: trace(queue, other).rule_runs[0].due)
    number = accept(queue, ANA, BEN)
    wait_until(lambda: all(run.attempts for run in trace(queue, number).rule_runs))
    retry(queue, number, jobs=2)
    queue.workers.wait_for(number, 20)
    assert [len(run.attempts) for run in trace(queue, number).rule_runs] == [2, 2]
    assert trace(queue, other).summary.state is State.RETRYING
    assert len(trace(queue, other).rule_runs[0].attempts) == 1


def test_an_asynchronous_function_is_called_again_and_nothing_delivered_again(wait: Start) -> None:
    queue = wait(ValueError("odd"), ALL, rule="synchronous = false\n")
    number = accept(queue)
    retry(queue, number)
    [run] = queue.trace(number).rule_runs
    assert len(run.attempts) == 2


def test_a_job_that_runs_is_not_started_again(wait: Start) -> None:
    entered, go = threading.Event(), threading.Event()

    def answer() -> Any:
        entered.set()
        assert go.wait(20)
        return ALL

    queue = wait(ValueError("odd"), answer)
    number = accept(queue)
    retry(queue, number)
    assert entered.wait(20)
    assert [queue.workers.retry_now(number) for _ in range(3)] == [0, 0, 0]
    go.set()
    queue.trace(number)
    assert len(queue.function.events) == 2


def test_many_requests_at_once_start_one_attempt(wait: Start) -> None:
    queue = wait(ValueError("odd"), ALL)
    number = accept(queue)
    wait_until(lambda: trace(queue, number).rule_runs[0].due)
    found: list[int] = []
    together = threading.Barrier(8)

    def request() -> None:
        together.wait(20)
        for _ in range(50):
            found.append(queue.workers.retry_now(number))

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not sum(found):
        retry(queue, number)
    queue.trace(number)
    assert sum(found) <= 1
    assert len(queue.function.events) == 2


def test_a_message_that_is_done_or_unknown_has_no_waiting_job(wait: Start) -> None:
    queue = wait(ALL)
    number = accept(queue)
    queue.trace(number)
    assert queue.workers.retry_now(number) == queue.workers.retry_now(99) == 0
