"""The worker threads that process accepted messages. Unfinished messages are resumed at the next start."""

import heapq
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple

from workmail_local.config.configuration import Configuration
from workmail_local.errors import LocalError
from workmail_local.mail.history import State
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.submission import Submission
from workmail_local.queue.job_processor import JobProcessor
from workmail_local.queue.retry_schedule import LONGEST_PAUSE_S
from workmail_local.queue.routing import create_jobs
from workmail_local.runtime.sandbox import LIMIT
from workmail_local.storage.spool import NewMessage, Spool

_ERROR_PAUSE_S: Final = 5.0
"""Seconds before the next try after an error of this machine, such as a full disk."""

_LOG_PAUSE_S: Final = 60.0

_log = logging.getLogger(__name__)


class SettleTimeout(LocalError):
    """A message is not done in the given time."""


class _Task(NamedTuple):
    """A job to be advanced: the number of its message, and its own ID. The job itself is on disk, as there may be many."""

    number: int
    message_id: str


class _DelayQueue:
    """Tasks ordered by due time. Safe to use from several threads.

    The times are those of `time.monotonic`: a task is due after its delay, also when the clock of this machine is set.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Task]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, task: _Task, delay_s: float = 0.0) -> None:
        """Add a task that is due after some seconds; 0 is at once. Tasks without a delay keep their order."""
        with self._changed:
            due = time.monotonic() + delay_s if delay_s > 0 else 0.0
            heapq.heappush(self._heap, (due, next(self._numbers), task))
            self._changed.notify()

    def get(self) -> _Task | None:
        """Wait until a task is due and remove it; return None when the queue is closed."""
        with self._changed:
            while not self._closed:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    task = heapq.heappop(self._heap)[2]
                    # Another thread may be waiting for a later due time: let it look at the next task.
                    self._changed.notify()
                    return task
                self._changed.wait(wait)
            return None

    def advance(self, number: int) -> int:
        """Make the delayed tasks of a message due at once; return how many there were.

        A task that a thread has removed is not here, so that no job runs twice.
        """
        with self._changed:
            now = time.monotonic()
            delayed = {entry for entry in self._heap if entry[2].number == number and entry[0] > now}
            if delayed:
                self._heap = [(0.0, *entry[1:]) if entry in delayed else entry for entry in self._heap]
                heapq.heapify(self._heap)
                self._changed.notify_all()
            return len(delayed)

    def close(self) -> None:
        """Wake all waiting threads; `get` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Workers:
    """Accepts messages and processes their jobs in threads.

    Each function has its own threads, as many as it has processes, so that a slow function does not delay other mail.

    Args:
        spool: stores messages and jobs.
        processor: advances the jobs.
        configuration: returns the current configuration.
        announce: is called with the number of each message that is accepted, and again when it is done. It neither waits nor raises an
            error, and may get the same call again.
        on_progress: is called in a worker's thread with each job that was advanced.
    """

    def __init__(
        self,
        spool: Spool,
        processor: JobProcessor,
        configuration: Callable[[], Configuration],
        announce: Callable[[int, State], None] = lambda _number, _state: None,
        on_progress: Callable[[DeliveryJob], None] | None = None,
    ) -> None:
        self._spool = spool
        self._processor = processor
        self._configuration = configuration
        self._announce = announce
        self._on_progress = on_progress
        self._queues: dict[str, tuple[_DelayQueue, list[threading.Thread]]] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._changed = threading.Condition()
        self._next_logs: dict[str, float] = {}

    def start(self) -> None:
        """Resume the unfinished jobs."""
        self._spool.discard_undecided_content()
        for job in self._spool.unfinished_jobs():
            self._put_job(job)

    def stop(self) -> None:
        """Stop after the current jobs; the others stay on disk."""
        with self._lock:
            self._stopped = True
            queues = list(self._queues.values())
        for queue, _ in queues:
            queue.close()
        for _, threads in queues:
            for thread in threads:
                thread.join()

    def accept(self, submission: Submission) -> int:
        """Store a message on disk, start its processing, and return its number. Raises SpoolError when it cannot be stored."""
        return self._start_jobs(self._spool.accept(submission, partial(create_jobs, configuration=self._configuration())))

    def accept_with_event(self, submission: Submission, event: Mapping[str, Any]) -> int:
        """Accept a message that has an event of its own; return its number.

        Raises:
            ContractError: the event breaks the contract.
            InvalidArgument: the recipients meet several rules, or one without a function.
        """
        return self._start_jobs(self._spool.accept(submission, partial(create_jobs, configuration=self._configuration(), event=event)))

    def retry_now(self, number: int) -> int:
        """Start the next attempt of each job of a message that waits for one; return how many jobs waited.

        The pause counts for the rule's timeout as if it had passed. A job that runs already is not affected.
        """
        with self._lock:
            queues = [queue for queue, _ in self._queues.values()]
        return sum(queue.advance(number) for queue in queues)

    def wait_for(
        self,
        number: int,
        timeout_s: float,
        check: Callable[[int], None] = lambda _: None,
        *,
        accepts_held: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """Wait until a message, and every message that it created, is done.

        Args:
            check: is called with the number of each of them while it is processed and when it is done; its errors end the wait.
            accepts_held: is called with the number of a held message; whether this ends the wait too.

        Raises:
            SettleTimeout: a message is not done in time.
        """
        deadline = time.monotonic() + timeout_s
        waiting = [number]
        while waiting:
            each = waiting.pop()
            self._wait_until(partial(self._is_done, each, check, accepts_held), deadline)
            waiting += self._spool.child_messages(each)

    def _is_done(self, number: int, check: Callable[[int], None], accepts_held: Callable[[int], bool]) -> bool:
        done = self._spool.is_done(number) or (self._spool.is_held(number) and accepts_held(number))
        check(number)
        return done

    def wait_until_idle(self, timeout_s: float) -> None:
        """Wait until all messages are done. Raises SettleTimeout when they are not done in time."""
        self._wait_until(lambda: not self._spool.has_unfinished(), time.monotonic() + timeout_s)

    def _wait_until(self, condition: Callable[[], bool], deadline: float) -> None:
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise SettleTimeout("mail is not done in time: it waits for its next attempt, or there is too much of it")
                # A change between the check and the wait would be missed: check again soon.
                self._changed.wait(min(left, 0.1))

    def _start_jobs(self, message: NewMessage) -> int:
        for job in message.jobs:
            self._put_job(job)
        self._announce(message.number, State.ACCEPTED)
        return message.number

    def _put_job(self, job: DeliveryJob) -> None:
        self._put(_Task(job.number, job.run.message_id), _delay(job), job.run.function)

    def _put(self, task: _Task, delay_s: float, function: str) -> None:
        with self._lock:
            if self._stopped:
                return
            if function not in self._queues:
                self._queues[function] = self._start_threads(function)
            self._queues[function][0].put(task, delay_s)

    def _start_threads(self, function: str) -> tuple[_DelayQueue, list[threading.Thread]]:
        queue = _DelayQueue()
        names = (f"mail-flow-{function}-{number}" for number in range(LIMIT))
        threads = [threading.Thread(target=self._work, args=(queue, function), name=name, daemon=True) for name in names]
        for thread in threads:
            thread.start()
        return queue, threads

    def _work(self, queue: _DelayQueue, function: str) -> None:
        while (task := queue.get()) is not None:
            try:
                self._process(task)
            except Exception as error:  # noqa: BLE001 - the message is on disk and is tried again; the thread must not end
                self._log_error(task.number, type(error).__name__)
                self._put(task, _ERROR_PAUSE_S, function)
            with self._changed:
                self._changed.notify_all()

    def _log_error(self, number: int, name: str) -> None:
        """Log an error of this machine; the same error of all messages once a minute, because it may affect each try of each message.

        The text of the error is not logged: it may contain an address.
        """
        now = time.monotonic()
        if now >= self._next_logs.get(name, now):
            self._next_logs[name] = now + _LOG_PAUSE_S
            _log.error("message %d has to wait: %s (other messages may too; logged once a minute)", number, name)

    def _process(self, task: _Task) -> None:
        """Advance a job. Each job is one task at a time, never two."""
        stored = self._spool.job(task.message_id)
        if stored is None:
            return
        job, created = self._processor.advance(stored)
        if created is not None:
            self._start_jobs(created)
        self._report(job)
        if job.run.due is not None:
            self._put_job(job)
        elif self._spool.is_done(job.number):
            self._announce(job.number, State.DONE)

    def _report(self, job: DeliveryJob) -> None:
        try:
            if self._on_progress:
                self._on_progress(job)
        except Exception as error:  # noqa: BLE001 - it must not end the thread, or process the job again
            self._log_error(job.number, type(error).__name__)


def _delay(job: DeliveryJob) -> float:
    """Return the seconds until the next attempt of a job, at most the longest pause: the clock may have been set since the last one."""
    return min(max(job.run.due - time.time(), 0.0), LONGEST_PAUSE_S) if job.run.due else 0.0
