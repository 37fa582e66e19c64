"""Leaves a backend alone for a while that keeps failing, or that asks for it: those who ask wait neither for it nor on it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailhooks.availability.errors import AuthenticationFailed, LookupFailed

_LONGEST_PAUSE_S: Final = 600.0
"""That a server's wish is believed for."""


@dataclass
class CircuitBreaker:
    """Counts failures in a row that speak for a backend as a whole (`LookupFailed.counts`), and remembers until when a server wants to be
    left in peace (Retry-After). Per process, so per Lambda container; shared by all look-ups of the backend.

    Attributes:
        failures: so many in a row open it. Refused credentials open it at the second: servers lock accounts that keep trying.
        seconds: so long it stays open; then one look-up may try.
        clock: seconds, monotonic.
    """

    failures: int = 5
    seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _row: int = 0
    _open_until: float = 0.0
    _tried_until: float = 0.0
    _paused_until: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def admits(self) -> bool:
        """Whether a look-up may be made now. Who is admitted reports `succeeded` or `failed` afterwards."""
        with self._lock:
            now = self.clock()
            if not self._open_until:
                return True
            if now < self._open_until or now < self._tried_until:
                return False
            # Should its report never come, another may try after as long again.
            self._tried_until = now + self.seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._row, self._open_until, self._tried_until = 0, 0.0, 0.0

    def failed(self, failure: LookupFailed) -> None:
        """A failure that does not count is an answer: the backend is there."""
        if not failure.counts:
            self.succeeded()
            return
        with self._lock:
            self._row += 1
            most = min(2, self.failures) if isinstance(failure, AuthenticationFailed) else self.failures
            if self._open_until or self._row >= most:
                self._open_until = self.clock() + self.seconds
            self._tried_until = 0.0

    def pause(self, seconds: float) -> None:
        """The server does not want to be asked before so many seconds are over."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + min(seconds, _LONGEST_PAUSE_S))

    def paused(self) -> float:
        """Seconds until the server may be asked, 0.0 when it may now."""
        return max(0.0, self._paused_until - self.clock())
