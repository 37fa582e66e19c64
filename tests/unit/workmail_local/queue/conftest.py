"""Queues that end with their test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support.queue import ALL, Queue, Scripted, configure


class Start(Protocol):
    """`start(*responses, speed=100_000.0, rule="", direction="inbound", more="")`: a queue whose function gives these responses."""

    def __call__(self, *responses: Any, speed: float = ..., **configuration: str) -> Queue: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    queues: list[Queue] = []

    def start_queue(*responses: Any, speed: float = 100_000.0, **configuration: str) -> Queue:
        queue = Queue(tmp_path / f"queue-{len(queues)}", configure(**configuration), Scripted(*(responses or (ALL,))), speed)
        queues.append(queue)
        queue.workers.start()
        return queue

    yield start_queue
    for queue in queues:
        queue.workers.stop()
        queue.spool.close()
