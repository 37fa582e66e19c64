"""The time by which a response must be sent."""

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
            raise NoTimeLeft(f"{what}: not at its end, as the time that WorkMail waits is nearly over")

    def wait_for(self, what: str, call: Callable[[], T]) -> T:
        """Make a call that may block, and wait for it until the deadline.

        The call runs in a thread: time-outs of a socket limit one read each, so that a server that sends one octet after the other never
        meets them. After the deadline the call continues, and its result is ignored: it must do no harm if it ends late.

        Args:
            what: the name of the call, for the text of the error.

        Raises:
            NoTimeLeft: the deadline passed first.
            Exception: the error of the call.
        """
        outcome: Future[T] = Future()

        def run() -> None:
            try:
                outcome.set_result(call())
            except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
                outcome.set_exception(error)

        left = self.left()
        if not left:
            raise NoTimeLeft(f"{what}: not started, as the time that WorkMail waits is nearly over")
        Thread(target=run, name=what, daemon=True).start()
        try:
            return outcome.result(left)
        except TimeoutError:
            if outcome.done():  # the call itself raised TimeoutError, or its result came at the last moment
                return outcome.result()
            raise NoTimeLeft(f"{what}: no answer within the time that WorkMail waits") from None
