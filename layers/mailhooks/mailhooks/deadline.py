"""The one clock: until when an answer is worth anything."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Self, TypeVar

from mailhooks.errors import NoTimeLeft

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds until the deadline, 0.0 when it is over."""
        return max(0.0, self.at - time.monotonic())

    def wait_for(self, what: str, call: Callable[[], T]) -> T:
        """Makes a call that may block for long, and waits for it until the deadline, no longer.

        A socket's own time-outs bound one read each, so that a slow drip passes them for ever; hence a thread. When the deadline passes,
        the call goes on unheard: it must be one that does no harm when it ends late.

        Raises:
            NoTimeLeft: the deadline passed first. `what` names the call in the error's text.
            Exception: whatever the call raised.
        """
        outcome: Future[T] = Future()

        def run() -> None:
            try:
                outcome.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
                outcome.set_exception(error)

        left = self.left()
        if not left:
            raise NoTimeLeft(f"{what}: not begun, as the time that WorkMail waits is nearly over")
        Thread(target=run, name=what, daemon=True).start()
        try:
            return outcome.result(left)
        except TimeoutError:
            if outcome.done():  # the time-out is the call's own, or its result came in the last moment
                return outcome.result()
            raise NoTimeLeft(f"{what}: no answer within the time that WorkMail waits") from None
