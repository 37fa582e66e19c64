"""The way of accepted messages: each through its rules to where it ends, by a few workers. The next start takes up what is unfinished."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from local.config.configuration import Configuration
from local.errors import LocalError
from local.mail.history import State
from local.mail.submission import Submission
from local.queue.delay_queue import DelayQueue
from local.queue.job_processor import Means, go_on
from local.queue.routing import legs
from local.rules.matching import RuleSet

_AGAIN_S: Final = 5.0
"""After which is tried again what failed for a reason of this machine: a full disk."""

_WORKERS: Final = 4

_log = logging.getLogger(__name__)


class SettleTimeout(LocalError):
    """A message is not done in the time that was given."""


class Workers:
    """Takes messages in and sees to them.

    Args:
        means: what is needed.
        workers: how many messages are worked on at once, for each function and for all that need none.
    """

    def __init__(self, means: Means, workers: int = _WORKERS) -> None:
        self._means = means
        self._spool = means.spool
        self._workers = workers
        self._lanes: dict[str, tuple[DelayQueue[tuple[int, str]], list[threading.Thread]]] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._rules: tuple[Configuration, RuleSet] | None = None
        self._changed = threading.Condition()

    def start(self) -> None:
        """Takes up what is unfinished, and begins."""
        self._spool.forget_undecided()
        for number in self._spool.unfinished():
            self._put((number, ""))

    def stop(self) -> None:
        """Returns when what is being done is done; the rest is on disk."""
        with self._lock:
            self._stopped = True
            lanes = list(self._lanes.values())
        for agenda, _ in lanes:
            agenda.close()
        for _, threads in lanes:
            for thread in threads:
                thread.join()

    def accept(self, submission: Submission) -> int:
        """Store a message on disk, start its processing, and return its number. Raises SpoolError when it cannot be stored."""
        number = self._spool.accept(submission)
        self._put((number, ""))
        return number

    def wait(self, number: int, timeout_s: float) -> None:
        """Returns when a message is done, and what came of it.

        Raises:
            SettleTimeout: it is not done in time.
        """
        deadline = time.monotonic() + timeout_s
        waiting = [number]
        while waiting:
            each = waiting.pop()
            self._wait_for(partial(self._is_done, each), deadline)
            waiting += self._spool.came_of(each)

    def settle(self, timeout_s: float) -> None:
        """Returns when all messages are done. Raises SettleTimeout."""
        self._wait_for(lambda: not self._spool.unfinished(), time.monotonic() + timeout_s)

    def _wait_for(self, is_so: Callable[[], bool], deadline: float) -> None:
        with self._changed:
            while not is_so():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise SettleTimeout("not done in time: it waits for its next attempt, or there is more to do than fits into that time")
                # Not for ever at once: what is done between the question and the wait would be missed.
                self._changed.wait(min(left, 0.1))

    def _is_done(self, number: int) -> bool:
        return self._spool.state(number) is State.DONE

    def _put(self, item: tuple[int, str], due: float = 0.0, function: str = "") -> None:
        """Each function has workers of its own, as many as it has processes: one that is slow holds up nobody else's mail."""
        with self._lock:
            if self._stopped:
                return
            if function not in self._lanes:
                agenda: DelayQueue[tuple[int, str]] = DelayQueue(self._means.clock)
                names = (f"mail-flow-{function}-{number}" for number in range(self._workers))
                threads = [threading.Thread(target=self._work, args=(agenda, function), name=name, daemon=True) for name in names]
                self._lanes[function] = agenda, threads
                for thread in threads:
                    thread.start()
            self._lanes[function][0].put(item, due)

    def _work(self, agenda: "DelayQueue[tuple[int, str]]", function: str) -> None:
        while (item := agenda.take()) is not None:
            try:
                self._do(*item)
            except Exception as error:  # noqa: BLE001 - it is on disk, and is tried again; no thread must be lost
                # Not the error's text: it may name an address.
                _log.error("message %d has to wait: %s", item[0], type(error).__name__)
                self._put(item, self._means.clock() + _AGAIN_S, function)
            with self._changed:
                self._changed.notify_all()

    def _do(self, number: int, message_id: str) -> None:
        """A message is sorted by its rules; then each passage is an item of its own, and there is never more than one of it."""
        if not message_id:
            if not self._spool.is_begun(number):
                self._spool.begin(number, legs(self._spool.accepted(number), self._rule_set()))
            for each in self._spool.legs(number):
                self._put((number, each.passage.message_id), each.passage.due or 0.0, each.passage.function)
            return
        leg = self._spool.leg(message_id)
        onward = go_on(leg, self._means) if leg else None
        if onward is not None:
            self._put((onward, ""))
        if leg and leg.passage.due is not None:
            self._put((number, message_id), leg.passage.due, leg.passage.function)

    def _rule_set(self) -> RuleSet:
        configuration = self._means.configuration()
        if self._rules is None or self._rules[0] is not configuration:
            self._rules = configuration, RuleSet(configuration.rules)
        return self._rules[1]
