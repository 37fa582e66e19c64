"""All look-ups of one request: split to each backend's limits, made side by side, tried again where that may help, over when time is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from mailhooks.availability.circuit_breaker import CircuitBreaker
from mailhooks.availability.errors import GenerationFailed, LookupFailed, ServerBusy, TimedOut, Unreachable
from mailhooks.availability.model import Backend, Limits, Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

_FIRST_PAUSE_S: Final = 0.5
"""Before a second attempt, where the server does not say when; twice as long before each further one."""

_ATTEMPTS: Final = 4

_ATTEMPTS_TO_REACH: Final = 2
"""A connection that breaks may be one that was kept open too long; a server that cannot be reached twice is not there."""

_WORTHWHILE_S: Final = 0.3
"""What an attempt needs at least, beyond the pause before it."""

_HANDOVER_S: Final = 0.2
"""Kept back from a backend's time, a tenth of it at most: what it learns in the last moment has to be in the answer."""


@dataclass(frozen=True, slots=True)
class BackendQuery:
    """One backend and what it is asked for.

    Attributes:
        name: the backend's, for logs.
        mailboxes: each once.
    """

    name: str
    backend: Backend
    breaker: CircuitBreaker
    mailboxes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Job:
    """One look-up within a backend's limits; `part` numbers the windows that the one asked for was split to."""

    asked: BackendQuery
    mailboxes: Sequence[str]
    window: Window
    part: int


@dataclass(frozen=True, slots=True)
class _News:
    """What an attempt has brought; `over` when it was the job's last."""

    job: _Job
    results: Mapping[str, Result]
    over: bool = False


@dataclass
class _Collected:
    """The results of one mailbox: one a window, when all have come."""

    expected: int
    results: dict[int, Result] = field(default_factory=dict)

    def joined(self) -> Result:
        """One failure is the mailbox's: half of a calendar would show busy time as free."""
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


def look_up(asked: Sequence[BackendQuery], window: Window, deadline: Deadline) -> dict[tuple[str, str], Result]:
    """Asks all backends at once.

    Returns:
        By backend name and mailbox: what is known when the last answer has come or the deadline is over.
    """
    collected: dict[tuple[str, str], _Collected] = {}
    news: SimpleQueue[_News] = SimpleQueue()
    left = deadline.left()
    theirs = Deadline(deadline.at - min(_HANDOVER_S, left / 10))
    waiting = 0
    for one in asked:
        limits = one.backend.limits
        windows = list(split_window(window, limits))
        collected |= {(one.name, mailbox): _Collected(len(windows)) for mailbox in one.mailboxes}
        jobs: SimpleQueue[_Job] = SimpleQueue()
        found = [_Job(one, batch, part, n) for batch in split_mailboxes(one.mailboxes, limits) for n, part in enumerate(windows)]
        for job in found:
            jobs.put(job)
        waiting += len(found)
        for number in range(min(limits.at_once, len(found))):
            # A daemon, so that one which hangs keeps neither the answer nor the process.
            Thread(target=_work, args=(jobs, news, theirs), name=f"{one.name}-{number}", daemon=True).start()
    while waiting:
        try:
            latest = news.get(timeout=deadline.left())
        except Empty:
            break
        waiting -= latest.over
        for mailbox, result in latest.results.items():
            collected[latest.job.asked.name, mailbox].results[latest.job.part] = result
    return {key: entry.joined() for key, entry in collected.items()}


def split_mailboxes(mailboxes: Sequence[str], limits: Limits) -> Iterator[Sequence[str]]:
    """Batches of at most `limits.mailboxes`, as even as can be: the slowest batch is what everybody waits for."""
    count = -(-len(mailboxes) // limits.mailboxes)
    for number in range(count):
        yield mailboxes[len(mailboxes) * number // count : len(mailboxes) * (number + 1) // count]


def split_window(window: Window, limits: Limits) -> Iterator[Window]:
    """Windows of at most `limits.span` that together are this one."""
    start = window.start_date
    while limits.span is not None and window.end_date - start > limits.span:
        yield Window(start, start + limits.span)
        start += limits.span
    yield Window(start, window.end_date)


def _work(jobs: "SimpleQueue[_Job]", news: "SimpleQueue[_News]", deadline: Deadline) -> None:
    while True:
        try:
            job = jobs.get_nowait()
        except Empty:
            return
        try:
            for results in _attempts(job, deadline):
                news.put(_News(job, results))
        finally:
            news.put(_News(job, {}, over=True))


def _attempts(job: _Job, deadline: Deadline) -> Iterator[dict[str, Result]]:
    """The results of one attempt after another, as many as help and as time allows: what has come is told before what may come is waited
    for. Only those mailboxes are asked for again that may come.
    """
    left = list(job.mailboxes)
    for attempt in range(_ATTEMPTS):
        results = _attempt(job, left, deadline)
        yield results
        again = {mailbox: result for mailbox, result in results.items() if isinstance(result, LookupFailed) and result.transient}
        if not again or (attempt + 1 >= _ATTEMPTS_TO_REACH and all(isinstance(failure, Unreachable) for failure in again.values())):
            return
        pause = max((failure.retry_after or 0.0 for failure in again.values()), default=0.0) or _FIRST_PAUSE_S * 2**attempt
        if attempt == _ATTEMPTS - 1 or deadline.left() < pause + _WORTHWHILE_S:
            return
        time.sleep(pause)
        left = list(again)


def _attempt(job: _Job, mailboxes: Sequence[str], deadline: Deadline) -> dict[str, Result]:
    breaker = job.asked.breaker
    if paused := breaker.paused():
        # Another look-up was told so: this one need not be told too.
        if deadline.left() < paused + _WORTHWHILE_S:
            return dict.fromkeys(
                mailboxes, NotAttempted("not asked, as the server wants to be left in peace for longer than there is time")
            )
        time.sleep(paused)
    if not deadline.left():
        return dict.fromkeys(mailboxes, TimedOut("not asked, as the time for an answer was over"))
    if not breaker.admits():
        return dict.fromkeys(mailboxes, NotAttempted("not asked, as the backend kept failing"))
    results = _asked(job, mailboxes, deadline)
    failures = [result for result in results.values() if isinstance(result, LookupFailed)]
    breaker.pause(max((failure.retry_after or 0.0 for failure in failures), default=0.0))
    if len(failures) == len(results) and all(failure.counts for failure in failures):
        breaker.failed(failures[0])
    else:
        breaker.succeeded()
    return results


def _asked(job: _Job, mailboxes: Sequence[str], deadline: Deadline) -> dict[str, Result]:
    """What the backend says of each. Whatever it does, a mistake of its own is its mailboxes' failure and nobody else's, and nothing but a
    `Schedule` is taken for a calendar.
    """
    try:
        found = job.asked.backend.look_up(mailboxes, job.window, deadline)
        return {mailbox: _result(found.get(mailbox), job.asked.name) for mailbox in mailboxes}
    except LookupFailed as failure:
        return dict.fromkeys(mailboxes, failure)
    except Exception as error:  # noqa: BLE001 - see above
        return dict.fromkeys(mailboxes, GenerationFailed(f"{type(error).__name__} in the backend {job.asked.name}"))


def _result(found: object, name: str) -> Result:
    if isinstance(found, LookupFailed):
        return found
    if isinstance(found, Schedule):
        with suppress(TypeError):
            # What cannot be hashed is made of something else than the contract's values.
            hash(found)
            return found
    if found is None:
        return GenerationFailed("the source left this mailbox out")
    return GenerationFailed(f"the backend {name} answered with neither a Schedule nor a LookupFailed")


class NotAttempted(ServerBusy):
    """To wait within this request would be of no use."""

    transient = False
    counts = False
