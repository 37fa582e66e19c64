"""What was learned in the last seconds: a client asks for the same people again with every change of a meeting's time."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window

_MOST: Final = 2000

Key = tuple[str, str, Window]
"""Backend, mailbox as `address_patterns.canonical` returns it, window."""


@dataclass
class Cache:
    """Schedules by what was asked. Failures are not kept: the next to ask may have better luck.

    Attributes:
        seconds: so long a schedule is good; 0 for no cache.
        clock: seconds, monotonic.
    """

    seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[Key, tuple[float, Schedule]] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, key: Key) -> Schedule | None:
        with self._lock:
            until, schedule = self._kept.get(key, (0.0, None))
            return schedule if self.clock() < until else None

    def put(self, key: Key, schedule: Schedule) -> None:
        if self.seconds <= 0:
            return
        with self._lock:
            self._kept[key] = (self.clock() + self.seconds, schedule)
            self._kept.move_to_end(key)
            # All are good for the same time: the first is the oldest.
            while len(self._kept) > _MOST or next(iter(self._kept.values()))[0] <= self.clock():
                self._kept.popitem(last=False)
