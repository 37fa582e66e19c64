"""Circuit breaker: skips a backend that keeps failing or that asks for a pause."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailhooks.availability.errors import AuthenticationFailed, LookupFailed

_MAX_PAUSE_S: Final = 600.0
"""Longest pause that a server may ask for."""


@dataclass
class CircuitBreaker:
    """The state of one backend in this process, shared by all its look-ups.

    Counts consecutive failures of the backend as a whole (`LookupFailed.backend_wide`), and stores pauses that a server asks for
    (Retry-After).

    Attributes:
        failures: this many consecutive failures open the breaker. Rejected credentials open it at the second failure, because servers lock
            accounts that keep trying.
        seconds: how long the breaker stays open. Then one look-up may try the backend.
    """

    failures: int = 5
    seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _consecutive: int = 0
    _open_until: float = 0.0
    _trial_until: float = 0.0
    _paused_until: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def allows_request(self) -> bool:
        """Return whether a look-up may start now. If it may, the caller must call one of the following three methods after it."""
        with self._lock:
            now = self.clock()
            if not self._open_until:
                return True
            if now < self._open_until or now < self._trial_until:
                return False
            # If the result of this trial is never recorded, another look-up may try after the same time.
            self._trial_until = now + self.seconds
            return True

    def record_success(self) -> None:
        with self._lock:
            self._consecutive, self._open_until, self._trial_until = 0, 0.0, 0.0

    def record_failure(self, failure: LookupFailed) -> None:
        """Count a failure. One that is not backend-wide shows that the backend works, so it counts as a success."""
        if not failure.backend_wide:
            self.record_success()
            return
        with self._lock:
            self._consecutive += 1
            limit = min(2, self.failures) if isinstance(failure, AuthenticationFailed) else self.failures
            if self._open_until or self._consecutive >= limit:
                self._open_until = self.clock() + self.seconds
            self._trial_until = 0.0

    def record_nothing(self) -> None:
        """End a look-up whose result shows neither that the backend works nor that it fails. Another one may try the backend at once."""
        with self._lock:
            self._trial_until = 0.0

    def pause(self, seconds: float) -> None:
        """Store that the server asks for a pause."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + min(seconds, _MAX_PAUSE_S))

    def pause_left(self) -> float:
        """Return the seconds that are left of a pause; 0.0 if there is none."""
        return max(0.0, self._paused_until - self.clock())
