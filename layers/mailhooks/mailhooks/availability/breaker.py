"""Leaves a backend that keeps failing alone for a while, so that those who ask wait neither for it nor on it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from .errors import AuthenticationFailed, LookupFailed


@dataclass
class Breaker:
    """Counts failures in a row that speak for a backend as a whole (`LookupFailed.counts`). Per process, so per Lambda container.

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
    _trying: bool = False
    _lock: Lock = field(default_factory=Lock, repr=False)

    def admits(self) -> bool:
        """Whether a look-up may be made now. Who is admitted reports `succeeded` or `failed` afterwards."""
        with self._lock:
            if not self._open_until:
                return True
            if self._trying or self.clock() < self._open_until:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._row, self._open_until, self._trying = 0, 0.0, False

    def failed(self, failure: LookupFailed) -> None:
        """A failure that does not count is an answer: the backend is there."""
        if not failure.counts:
            self.succeeded()
            return
        with self._lock:
            self._row += 1
            most = min(2, self.failures) if isinstance(failure, AuthenticationFailed) else self.failures
            if self._trying or self._row >= most:
                self._open_until = self.clock() + self.seconds
            self._trying = False
