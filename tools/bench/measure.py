"""Time calls, and print the figures with their limits."""

import statistics
import time
from collections.abc import Callable, Sequence


def time_call(call: Callable[[], object]) -> float:
    """Return the milliseconds of a call, without the release of its result."""
    started = time.perf_counter()
    result = call()
    milliseconds = (time.perf_counter() - started) * 1000
    del result
    return milliseconds


def measure_in_turn(measurements: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Return the figures of each measurement, run A B C A B C ..., so that a drift of the machine affects all alike.

    The first round is not counted.
    """
    figures = [[measure() for measure in measurements] for _ in range(rounds + 1)]
    return [list(column) for column in zip(*figures[1:], strict=True)]


def print_times(name: str, times: Sequence[float]) -> None:
    """Print the median, the lowest and the highest of some milliseconds."""
    print(f"{name:66} {statistics.median(times):8.2f} ms {min(times):8.2f} ms {max(times):8.2f} ms")


def print_limit(text: str, value: float, limit: float, unit: str) -> None:
    """Print a value and whether it is within its limit."""
    print(f"  => {text}: {value:,.2f} {unit}; the limit is {limit} {unit}: {'met' if value <= limit else 'MISSED'}")
