"""A queue of items that are due at a time."""

import heapq
import threading
import time
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DelayQueue(Generic[Item]):
    """Items ordered by due time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item, due: float = 0.0) -> None:
        """Add an item with a due time in seconds since the epoch; 0 is at once. Items with equal due times keep their order."""
        with self._changed:
            heapq.heappush(self._heap, (due, next(self._numbers), item))
            self._changed.notify()

    def get(self) -> Item | None:
        """Wait until an item is due and remove it; return None when the queue is closed."""
        with self._changed:
            while not self._closed:
                wait = self._heap[0][0] - time.time() if self._heap else None
                if wait is not None and wait <= 0:
                    item = heapq.heappop(self._heap)[2]
                    # Another thread may be waiting for a later due time: let it look at the next item.
                    self._changed.notify()
                    return item
                self._changed.wait(wait)
            return None

    def close(self) -> None:
        """Wake all waiting threads; `get` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
