"""The time by which a response must be sent."""

import os
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, Self, TypeVar, cast

from mailhooks.errors import NoTimeLeft

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds until the deadline; 0.0 when it is over."""
        return max(0.0, self.at - time.monotonic())

    def check(self, what: str) -> None:
        """Raise NoTimeLeft, with the name of the work that is not at its end, if the deadline is over."""
        if not self.left():
            raise NoTimeLeft(f"{what}: not at its end, as the time for the message is nearly over")

    def wait_for(self, what: str, call: Callable[[], T]) -> T:
        """Make a call that may block, and wait for it until the deadline.

        The call runs in a thread: time-outs of a socket limit one read each, so that a server that sends one octet after the other never
        meets them. After the deadline the call continues, and its result is ignored: it must do no harm if it ends late. There are as many
        threads as calls that have not ended, and up to `_MAX_IDLE` that wait for the next call.

        Args:
            what: the name of the call, for the text of the error.

        Raises:
            NoTimeLeft: the deadline passed first.
            Exception: the error of the call.
        """
        left = self.left()
        if not left:
            raise NoTimeLeft(f"{what}: not started, as the time for the message is nearly over")
        answers = _start_call(call)
        try:
            result, error = answers.get(timeout=left)
        except Empty:
            if answers.empty():
                raise NoTimeLeft(f"{what}: no answer within the time for the message") from None
            result, error = answers.get()  # it came at the last moment
        if error is None:
            return cast("T", result)
        try:
            raise error
        finally:
            del error  # its traceback refers to this frame: a circle would keep the message in memory


_Answers = SimpleQueue[tuple[object, BaseException | None]]

_MAX_IDLE: Final = 16
"""The number of idle threads that are kept: as many as `mailhooks.policy.rules.rate_condition` has calls at once."""


class _Worker:
    """A thread that makes one call after the other: to start a new one costs more than to hand over a call."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[[], object], _Answers]] = SimpleQueue()
        Thread(target=self._run, name="mailhooks-call", daemon=True).start()

    def _run(self) -> None:
        while True:
            # No variable: this frame must not refer to the last message while it waits for the next one.
            self._make(*self.calls.get())
            if len(_idle) > _MAX_IDLE:
                try:
                    _idle.remove(self)
                except ValueError:
                    continue  # the next call is in the queue
                return

    def _make(self, call: Callable[[], object], answers: _Answers) -> None:
        """Make a call in a context of its own, as in a new thread. The worker is idle when the answer is in the queue."""
        try:
            result = Context().run(call)
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            _idle.append(self)
            answers.put((None, error))
        else:
            _idle.append(self)
            answers.put((result, None))


_idle: Final[list[_Worker]] = []
"""The workers that wait for a call. A worker whose call never ends is not in it, and so delays no other call."""

# The child of a fork has the list, but not the threads.
os.register_at_fork(after_in_child=_idle.clear)


def _start_call(call: Callable[[], object]) -> _Answers:
    """Start a call in an idle worker, or in a new one. Return the queue of its answer."""
    answers: _Answers = SimpleQueue()
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    worker.calls.put((call, answers))
    return answers
