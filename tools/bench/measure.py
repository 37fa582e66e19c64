"""Time calls and processes, and print the figures with their bars."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

Figure = TypeVar("Figure")

_BARS: list[tuple[str, bool]] = []


class Bar(NamedTuple):
    """The highest value that is good enough, and the one to aim at."""

    value: float
    aim: float


def time_call(call: Callable[[], object]) -> float:
    """Return the milliseconds of a call, without the release of its result."""
    started = time.perf_counter()
    result = call()
    milliseconds = (time.perf_counter() - started) * 1000
    del result
    return milliseconds


@dataclass(frozen=True, slots=True)
class Run:
    """A process that has ended: milliseconds of CPU time of all its threads, and its standard output."""

    cpu_ms: float
    output: str


def run_process(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a process to its end.

    Raises:
        RuntimeError: it failed; the text is the end of its output.
    """
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = running.stdout.read() if running.stdout else ""
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]} failed: {output[-2000:]}")
    return Run((usage.ru_utime + usage.ru_stime) * 1000, output)


def measure_in_turn(measurements: Sequence[Callable[[], Figure]], rounds: int, *, uncounted: int = 1) -> list[list[Figure]]:
    """Return the figures of each measurement, run A B C A B C ..., so that a drift of the machine affects all alike.

    The first `uncounted` rounds are not among the figures.
    """
    figures = [[measure() for measure in measurements] for _ in range(rounds + uncounted)]
    return [list(column) for column in zip(*figures[uncounted:], strict=True)]


def find_ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of two series that were measured in turn, round by round."""
    return statistics.median(a / b for a, b in zip(ours, others, strict=True))


def print_heading(text: str) -> None:
    """Print the heading of a table of `print_times`."""
    print(f"\n{text}\n{'':66} {'median':>11} {'min':>11} {'max':>11}")


def print_times(name: str, times: Sequence[float]) -> None:
    """Print the median, the lowest and the highest of some milliseconds."""
    print(f"{name:66} {statistics.median(times):8.2f} ms {min(times):8.2f} ms {max(times):8.2f} ms", flush=True)


def print_bar(text: str, value: float, bar: float | Bar, unit: str = "", *, at_least: bool = False) -> None:
    """Print a value, rounded, and whether it meets its bar, and keep the line for `print_bars`."""
    value = round(value, 2)
    bar, aim = bar if isinstance(bar, Bar) else (bar, None)
    line = f"{text}: {value:,.2f}{unit and f' {unit}'}; the bar is {bar:g}" + ("" if aim is None else f", the aim {aim:g}")
    met = value >= bar if at_least else value <= bar
    _BARS.append((line, met))
    print(f"  => {line}: {'met' if met else 'MISSED'}", flush=True)


def print_bars() -> None:
    """Print all bars of this run again, those that were missed first."""
    missed = [line for line, met in _BARS if not met]
    print(f"\n{len(_BARS)} bars: {len(_BARS) - len(missed)} met, {len(missed)} missed")
    for line in missed:
        print(f"  MISSED  {line}")
    for line, met in _BARS:
        if met:
            print(f"  met     {line}")
