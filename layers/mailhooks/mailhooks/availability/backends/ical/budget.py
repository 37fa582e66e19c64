"""Limits the work of reading one feed, so that a hostile calendar cannot delay the other look-ups."""

import time
from dataclasses import dataclass, field
from typing import Final

from mailhooks.availability.errors import GenerationFailed
from mailhooks.deadline import Deadline

MAX_SECONDS: Final = 5.0
"""Processor time of the reading thread for one expansion: 5,000 series that are still in use need less than one second."""

MAX_STEPS: Final = 1_000_000
"""Recurrences, and periods of rules without one."""

MAX_VALUES: Final = 100_000
"""Events, and dates in lists."""

_STEPS_PER_CHECK: Final = 1000
"""Reading the clock at each step would double the time."""


@dataclass(slots=True)
class Budget:
    """The remaining work for one expansion.

    The limit on time counts the processor time of the calling thread: other threads, which share the processor, do not use it up.
    """

    deadline: Deadline
    steps: int = field(default_factory=lambda: MAX_STEPS)
    values: int = field(default_factory=lambda: MAX_VALUES)
    _until: float = field(default_factory=lambda: time.thread_time() + MAX_SECONDS)

    def __post_init__(self) -> None:
        self.check_time()

    def count_step(self) -> None:
        """Count a recurrence, or a period without one.

        Raises:
            GenerationFailed: the limit is exceeded.
        """
        self.steps -= 1
        if self.steps % _STEPS_PER_CHECK == 0:
            if self.steps <= 0:
                raise GenerationFailed(f"the rules of the calendar need more than {MAX_STEPS:,} steps")
            self.check_time()

    def count_values(self, number: int) -> None:
        """Count events and dates before they are read.

        Raises:
            GenerationFailed: the limit is exceeded.
        """
        self.values -= number
        if self.values < 0:
            raise GenerationFailed(f"the calendar has more than {MAX_VALUES:,} events and dates that may concern the window")
        self.check_time()

    def check_time(self) -> None:
        """Check the processor time and the deadline.

        Raises:
            GenerationFailed: one of them is over.
        """
        if time.thread_time() > self._until:
            raise GenerationFailed(f"the calendar needs more than {MAX_SECONDS:.0f} s of processor time")
        if not self.deadline.left():
            raise GenerationFailed("the time for the response was over before the calendar was read")
