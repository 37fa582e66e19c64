"""Runs all look-ups of one request in parallel, with limits, retries and a deadline."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, NamedTuple

from mailhooks.availability.circuit_breaker import CircuitBreaker
from mailhooks.availability.errors import GenerationFailed, LookupFailed, ServerBusy, TimedOut, Unreachable
from mailhooks.availability.model import Backend, Limits, Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

_FIRST_PAUSE_S: Final = 0.5
"""Pause before the first retry, if the server asks for none; doubled before each further retry."""

_ATTEMPTS: Final = 4

_ATTEMPTS_TO_REACH: Final = 2
"""Attempts for an unreachable server: the first may fail on a kept connection that the server has closed meanwhile."""

_MIN_ATTEMPT_S: Final = 0.3
"""An attempt starts only if this much time is left after the pause."""

_FAIR_S: Final = 5.0
"""A backend that does not respond within less time has not failed: the request came with too little time, or used it up. It is the time
for a connection in `backends.http.client`."""

_FREEZE_S: Final = 1.0
"""A look-up that ends this long after its deadline was stopped: Lambda freezes the process between two requests."""

_HANDOVER_S: Final = 0.2
"""Time reserved between the backends' deadline and the request's (at most a tenth of it), so that late results are still used."""


class BackendQuery(NamedTuple):
    """The mailboxes to look up at one backend, without duplicates."""

    name: str
    backend: Backend
    breaker: CircuitBreaker
    mailboxes: Sequence[str]


class _Job(NamedTuple):
    """One look-up within a backend's limits, in the `part`-th of the windows that the requested one was split into."""

    query: BackendQuery
    mailboxes: Sequence[str]
    window: Window
    part: int


class _Update(NamedTuple):
    """The results of one attempt; `over` after the job's last attempt."""

    job: _Job
    results: Mapping[str, Result]
    over: bool = False


@dataclass
class _Partial:
    """The results of one mailbox, one for each of its windows."""

    expected: int
    results: dict[int, Result] = field(default_factory=dict)

    def join(self) -> Result:
        """Join the windows. A failure in one window fails the mailbox: half a calendar would show busy time as free."""
        schedules = []
        for result in self.results.values():
            if isinstance(result, LookupFailed):
                return result
            schedules.append(result)
        if len(schedules) < self.expected:
            return TimedOut("no answer within the budget")
        # An event that lies in two windows comes twice.
        events = tuple(dict.fromkeys(event for schedule in schedules for event in schedule.events))
        return Schedule(events, next((schedule.working_hours for schedule in schedules if schedule.working_hours), None))


def look_up(queries: Sequence[BackendQuery], window: Window, deadline: Deadline) -> dict[tuple[str, str], Result]:
    """Query all backends in parallel.

    Returns:
        The results by backend name and mailbox: those that came before the deadline, failures for all others.
    """
    partials: dict[tuple[str, str], _Partial] = {}
    updates: SimpleQueue[_Update] = SimpleQueue()
    backend_deadline = Deadline(deadline.at - min(_HANDOVER_S, deadline.left() / 10))
    waiting = 0
    for query in queries:
        limits = query.backend.limits
        windows = list(split_window(window, limits))
        partials |= {(query.name, mailbox): _Partial(len(windows)) for mailbox in query.mailboxes}
        jobs: SimpleQueue[_Job] = SimpleQueue()
        for batch in split_mailboxes(query.mailboxes, limits):
            for number, part in enumerate(windows):
                jobs.put(_Job(query, batch, part, number))
        waiting += jobs.qsize()
        for number in range(min(limits.at_once, jobs.qsize())):
            # A daemon thread, so that one that hangs delays neither the response nor the end of the process.
            Thread(target=_run_jobs, args=(jobs, updates, backend_deadline), name=f"{query.name}-{number}", daemon=True).start()
    while waiting:
        try:
            update = updates.get(timeout=deadline.left())
        except Empty:
            break
        waiting -= update.over
        for mailbox, result in update.results.items():
            partials[update.job.query.name, mailbox].results[update.job.part] = result
    return {key: partial.join() for key, partial in partials.items()}


def split_mailboxes(mailboxes: Sequence[str], limits: Limits) -> Iterator[Sequence[str]]:
    """Yield batches of at most `limits.mailboxes`, of equal size if possible.

    The response waits for the slowest batch.
    """
    count = -(-len(mailboxes) // limits.mailboxes)
    for number in range(count):
        yield mailboxes[len(mailboxes) * number // count : len(mailboxes) * (number + 1) // count]


def split_window(window: Window, limits: Limits) -> Iterator[Window]:
    """Yield consecutive windows of at most `limits.span` that cover the window."""
    start = window.start_date
    while limits.span is not None and window.end_date - start > limits.span:
        yield Window(start, start + limits.span)
        start += limits.span
    yield Window(start, window.end_date)


def _run_jobs(jobs: "SimpleQueue[_Job]", updates: "SimpleQueue[_Update]", deadline: Deadline) -> None:
    while True:
        try:
            job = jobs.get_nowait()
        except Empty:
            return
        try:
            for results in _run_attempts(job, deadline):
                updates.put(_Update(job, results))
        except Exception as error:  # noqa: BLE001 - Python would print its text, which may have a URL
            failure = GenerationFailed(f"{type(error).__name__} in a look-up at the backend {job.query.name}")
            updates.put(_Update(job, dict.fromkeys(job.mailboxes, failure)))
        finally:
            updates.put(_Update(job, {}, over=True))


def _run_attempts(job: _Job, deadline: Deadline) -> Iterator[dict[str, Result]]:
    """Yield the results of each attempt before the pause for the next one. Retry only mailboxes with transient failures."""
    mailboxes = list(job.mailboxes)
    for attempt in range(_ATTEMPTS):
        results = _run_attempt(job, mailboxes, deadline)
        yield results
        retries = {mailbox: result for mailbox, result in results.items() if isinstance(result, LookupFailed) and result.transient}
        if not retries or (attempt + 1 >= _ATTEMPTS_TO_REACH and all(isinstance(failure, Unreachable) for failure in retries.values())):
            return
        pause = max((failure.retry_after or 0.0 for failure in retries.values()), default=0.0) or _FIRST_PAUSE_S * 2**attempt
        if attempt == _ATTEMPTS - 1 or deadline.left() < pause + _MIN_ATTEMPT_S:
            return
        time.sleep(pause)
        mailboxes = list(retries)


def _run_attempt(job: _Job, mailboxes: Sequence[str], deadline: Deadline) -> dict[str, Result]:
    breaker = job.query.breaker
    # The server may have asked another look-up for a pause.
    if pause := breaker.pause_left():
        if deadline.left() < pause + _MIN_ATTEMPT_S:
            return dict.fromkeys(mailboxes, NotAttempted("not queried: the server asked for a longer pause than there is time"))
        time.sleep(pause)
    if not deadline.left():
        return dict.fromkeys(mailboxes, TimedOut("not queried: the time was over"))
    if not breaker.allows_request():
        return dict.fromkeys(mailboxes, NotAttempted("not queried: the backend kept failing"))
    given = deadline.left()
    results = _query_backend(job, mailboxes, deadline)
    failures = [result for result in results.values() if isinstance(result, LookupFailed)]
    breaker.pause(max((failure.retry_after or 0.0 for failure in failures), default=0.0))
    if len(failures) < len(results) or not all(failure.backend_wide for failure in failures):
        breaker.record_success()
    elif _ran_out_of_time(failures, given, deadline):
        breaker.record_nothing()
    else:
        breaker.record_failure(failures[0])
    return results


def _ran_out_of_time(failures: Sequence[LookupFailed], given: float, deadline: Deadline) -> bool:
    """Return whether a look-up failed for lack of our own time, which is not the backend's failure.

    Args:
        given: the seconds until the deadline when the look-up started.
    """
    if time.monotonic() > deadline.at + _FREEZE_S:
        return True
    return given < _FAIR_S and not deadline.left() and any(isinstance(failure, TimedOut) for failure in failures)


def _query_backend(job: _Job, mailboxes: Sequence[str], deadline: Deadline) -> dict[str, Result]:
    """Return a valid result for each mailbox. An unexpected error in a backend must not affect other backends' mailboxes."""
    try:
        results = job.query.backend.look_up(mailboxes, job.window, deadline)
        return {mailbox: _check_result(results.get(mailbox), job.query.name) for mailbox in mailboxes}
    except LookupFailed as failure:
        return dict.fromkeys(mailboxes, failure)
    except Exception as error:  # noqa: BLE001 - see above
        return dict.fromkeys(mailboxes, GenerationFailed(f"{type(error).__name__} in the backend {job.query.name}"))


def _check_result(result: object, name: str) -> Result:
    if isinstance(result, LookupFailed):
        return result
    if isinstance(result, Schedule):
        with suppress(TypeError):
            # A schedule that cannot be hashed contains other values than the contract's.
            hash(result)
            return result
    if result is None:
        return GenerationFailed("the response leaves this mailbox out")
    return GenerationFailed(f"the backend {name} returned neither a Schedule nor a LookupFailed")


class NotAttempted(ServerBusy):
    """The circuit is open, or the server asked for a pause that is too long."""

    transient = False
    backend_wide = False
