"""Caches schedules for a minute.

A client requests the same mailboxes again whenever a user changes a meeting's time.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window

_MAX_ENTRIES: Final = 2000

Key = tuple[str, str, Window]
"""Backend, mailbox as `address_patterns.canonical` returns it, window."""


@dataclass
class Cache:
    """Schedules by backend, mailbox and window. Failures are not cached, because the next look-up may succeed.

    Attributes:
        seconds: how long a schedule is used; 0 turns the cache off.
    """

    seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _entries: OrderedDict[Key, tuple[float, Schedule]] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, key: Key) -> Schedule | None:
        with self._lock:
            until, schedule = self._entries.get(key, (0.0, None))
            return schedule if self.clock() < until else None

    def put(self, key: Key, schedule: Schedule) -> None:
        if self.seconds <= 0:
            return
        with self._lock:
            self._entries[key] = (self.clock() + self.seconds, schedule)
            self._entries.move_to_end(key)
            # All entries have the same lifetime, so the first one expires first.
            while len(self._entries) > _MAX_ENTRIES or next(iter(self._entries.values()))[0] <= self.clock():
                self._entries.popitem(last=False)
