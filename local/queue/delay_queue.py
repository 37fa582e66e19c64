"""What is to be done, and when: the queue of the workers."""

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DelayQueue(Generic[Item]):
    """Items by the time at which they are due. Safe to use from several threads.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item, due: float = 0.0) -> None:
        """Adds an item that is due at a time, in seconds since the epoch; at once by default. Of two that are due the first goes first."""
        with self._changed:
            heapq.heappush(self._heap, (due, next(self._numbers), item))
            self._changed.notify()

    def take(self) -> Item | None:
        """Waits for an item to be due, and takes it; None when the agenda is closed."""
        with self._changed:
            while not self._closed:
                wait = self._heap[0][0] - self._clock() if self._heap else None
                if wait is not None and wait <= 0:
                    item = heapq.heappop(self._heap)[2]
                    # Whoever waits for another time may have the next one.
                    self._changed.notify()
                    return item
                self._changed.wait(wait)
            return None

    def close(self) -> None:
        """Nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._heap)
