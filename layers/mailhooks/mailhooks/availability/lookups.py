"""All look-ups of one request: split to each backend's limits, made side by side, tried again where that may help, over when time is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from ..contract.availability import Window
from ..deadline import Deadline
from .breaker import Breaker
from .errors import GenerationFailed, LookupFailed, ServerBusy, TimedOut, Unreachable
from .model import Backend, Limits, Schedule

_FIRST_PAUSE_S: Final = 0.5
"""Before a second attempt, where the server does not say when; twice as long before each further one."""

_ATTEMPTS: Final = 4

_ATTEMPTS_TO_REACH: Final = 2
"""A connection that breaks may be one that was kept open too long; a server that cannot be reached twice is not there."""

_WORTHWHILE_S: Final = 0.3
"""What an attempt needs at least, beyond the pause before it."""

Result = Schedule | LookupFailed


@dataclass(frozen=True, slots=True)
class Asked:
    """One backend and what it is asked for.

    Attributes:
        name: the backend's, for logs.
        mailboxes: each once.
    """

    name: str
    backend: Backend
    breaker: Breaker
    mailboxes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Job:
    """One look-up within a backend's limits."""

    asked: Asked
    mailboxes: Sequence[str]
    window: Window


@dataclass
class _Collected:
    """The results of one mailbox: one a window, when all have come."""

    expected: int
    results: list[Result] = field(default_factory=list)

    def joined(self) -> Result:
        """One failure is the mailbox's: half of a calendar would show busy time as free."""
        failure = next((result for result in self.results if isinstance(result, LookupFailed)), None)
        if failure is not None:
            return failure
        if len(self.results) < self.expected:
            return TimedOut("no answer within the budget")
        schedules = [result for result in self.results if isinstance(result, Schedule)]
        # An event that lies in two windows comes twice.
        events = tuple(dict.fromkeys(event for schedule in schedules for event in schedule.events))
        return Schedule(events, next((schedule.working_hours for schedule in schedules if schedule.working_hours), None))


def look_up(asked: Sequence[Asked], window: Window, deadline: Deadline) -> dict[tuple[str, str], Result]:
    """Asks all backends at once.

    Returns:
        By backend name and mailbox: what is known when the last answer has come or the deadline is over.
    """
    collected: dict[tuple[str, str], _Collected] = {}
    outcomes: SimpleQueue[tuple[_Job, Mapping[str, Result]]] = SimpleQueue()
    waiting = 0
    for one in asked:
        windows = list(split_window(window, one.backend.limits))
        collected |= {(one.name, mailbox): _Collected(len(windows)) for mailbox in one.mailboxes}
        jobs: SimpleQueue[_Job] = SimpleQueue()
        count = 0
        for batch in split_mailboxes(one.mailboxes, one.backend.limits):
            for part in windows:
                jobs.put(_Job(one, batch, part))
                count += 1
        waiting += count
        for number in range(min(one.backend.limits.at_once, count)):
            # A daemon, so that one which hangs keeps neither the answer nor the process.
            Thread(target=_work, args=(jobs, outcomes, deadline), name=f"{one.name}-{number}", daemon=True).start()
    while waiting:
        try:
            job, results = outcomes.get(timeout=deadline.left())
        except Empty:
            break
        waiting -= 1
        for mailbox in job.mailboxes:
            found = results.get(mailbox, GenerationFailed("the backend left this mailbox out"))
            collected[job.asked.name, mailbox].results.append(found)
    return {key: entry.joined() for key, entry in collected.items()}


def split_mailboxes(mailboxes: Sequence[str], limits: Limits) -> Iterator[Sequence[str]]:
    """Batches of at most `limits.mailboxes`, as even as can be: the slowest batch is what everybody waits for."""
    count = -(-len(mailboxes) // limits.mailboxes)
    for number in range(count):
        yield mailboxes[len(mailboxes) * number // count : len(mailboxes) * (number + 1) // count]


def split_window(window: Window, limits: Limits) -> Iterator[Window]:
    """Windows of at most `limits.span` that together are this one."""
    span = limits.span or window.end_date - window.start_date
    start = window.start_date
    while start < window.end_date:
        end = min(start + span, window.end_date)
        yield Window(start, end)
        start = end


def _work(jobs: "SimpleQueue[_Job]", outcomes: "SimpleQueue[tuple[_Job, Mapping[str, Result]]]", deadline: Deadline) -> None:
    while True:
        try:
            job = jobs.get_nowait()
        except Empty:
            return
        outcomes.put((job, _attempts(job, deadline)))


def _attempts(job: _Job, deadline: Deadline) -> dict[str, Result]:
    """The results of a job, after as many attempts as help and as time allows. Only those mailboxes are asked for again that may come."""
    results: dict[str, Result] = {}
    left = list(job.mailboxes)
    for attempt in range(_ATTEMPTS):
        results |= _attempt(job, left, deadline)
        again = {mailbox: failure for mailbox in left if isinstance(failure := results[mailbox], LookupFailed) and failure.passing}
        if not again or (attempt + 1 >= _ATTEMPTS_TO_REACH and all(isinstance(failure, Unreachable) for failure in again.values())):
            break
        pause = max((failure.retry_after or 0.0 for failure in again.values()), default=0.0) or _FIRST_PAUSE_S * 2**attempt
        if attempt == _ATTEMPTS - 1 or deadline.left() < pause + _WORTHWHILE_S:
            break
        time.sleep(pause)
        left = list(again)
    return results


def _attempt(job: _Job, mailboxes: Sequence[str], deadline: Deadline) -> dict[str, Result]:
    asked = job.asked
    if not deadline.left():
        return dict.fromkeys(mailboxes, TimedOut("not asked, as the time for an answer was over"))
    if not asked.breaker.admits():
        return dict.fromkeys(mailboxes, LeftAlone("not asked, as the backend kept failing"))
    try:
        found = asked.backend.look_up(mailboxes, job.window, deadline)
    except LookupFailed as failure:
        asked.breaker.failed(failure)
        return dict.fromkeys(mailboxes, failure)
    except Exception as error:  # noqa: BLE001 - a backend's mistake is its mailboxes' failure and nobody else's
        asked.breaker.succeeded()
        return dict.fromkeys(mailboxes, GenerationFailed(f"{type(error).__name__} in the backend {asked.name}"))
    results = {mailbox: found.get(mailbox, GenerationFailed("the source left this mailbox out")) for mailbox in mailboxes}
    failures = [result for result in results.values() if isinstance(result, LookupFailed) and result.counts]
    if len(failures) == len(results):
        asked.breaker.failed(failures[0])
    else:
        asked.breaker.succeeded()
    return results


class LeftAlone(ServerBusy):
    """To wait for the breaker within this request would be of no use."""

    passing = False
