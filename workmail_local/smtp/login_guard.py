"""Slows down clients that guess logins, and refuses those that go too far."""

import time
from collections.abc import Callable
from typing import Final

FAILURES_A_CONNECTION: Final = 5
"""Failed logins after which a connection is closed."""

FAILURES_AN_ADDRESS: Final = 20
"""Failed logins after which an address has to wait for `FORGET_S`, over all its connections."""

FORGET_S: Final = 60.0
"""Seconds after its last failure for which an address is remembered."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_MAX_ADDRESSES: Final = 1000


class LoginGuard:
    """The failed logins of each address, without those of addresses whose last failure is long ago.

    Args:
        clock: returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Ordered by the time of the last failure.
        self._failures: dict[str, tuple[int, float]] = {}

    def pause(self, address: str) -> float:
        """Return the seconds to wait before the next login of an address: twice as long after each failure."""
        count = self._count(address)
        return min(_FIRST_PAUSE_S * 2.0 ** (count - 1), _LONGEST_PAUSE_S) if count else 0.0

    def is_refused(self, address: str) -> bool:
        """Return whether an address has too many failures."""
        return self._count(address) >= FAILURES_AN_ADDRESS

    def add_failure(self, address: str) -> None:
        """Count a failed login. Of more than `_MAX_ADDRESSES` addresses, the one that failed first is forgotten."""
        count = self._count(address)
        self._failures.pop(address, None)
        self._failures[address] = count + 1, self._clock()
        if len(self._failures) > _MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]

    def forget(self, address: str) -> None:
        """Forget the failures of an address, after a login."""
        self._failures.pop(address, None)

    def _count(self, address: str) -> int:
        count, last = self._failures.get(address, (0, 0.0))
        return count if self._clock() - last < FORGET_S else 0
