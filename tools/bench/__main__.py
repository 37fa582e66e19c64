"""`make bench`: cold start and warm time of `rewrite`, network excluded; every figure of one run, on this machine, with its bar."""

import compileall
import contextlib
import io
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.bench import availability, cold, large, local, memory, policy

COLD = [sys.executable, str(Path(cold.__file__))]
BASELINE = [sys.executable, "-c", "import boto3; boto3.client('s3'); boto3.client('workmailmessageflow')"]
EMPTY = [sys.executable, "-c", "pass"]

PROCESSES = 15
MESSAGES = 400

COLD_BAR_MS = 150
WARM_BAR_MS = 3


def main() -> None:
    os.environ.update(cold.ENVIRONMENT)
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; medians, in one run, processes taken in turn\n")
    print(f"{'':58} {'median':>9} {'min':>9} {'max':>9}")
    # As the layer is built (layers/mailhooks/Makefile); where Python writes no bytecode, each process would compile what was changed last.
    compileall.compile_dir(cold.ROOT / "layers/mailhooks/mailhooks", quiet=1)
    baseline, loaded, whole, empty = in_turn([BASELINE, COLD, [*COLD, "mailflow"], EMPTY])
    row("an empty Python process", empty)
    row("baseline: import boto3, make the two clients", baseline)
    row("cold: load rewrite, first 10 KB message, end", loaded)
    row("cold: load mailflow and its policy, first message, end", whole)
    above = statistics.median(a - b for a, b in zip(loaded, baseline, strict=True))
    verdict(f"cold above the baseline, pair by pair: {above:.0f} ms", above, COLD_BAR_MS)
    above = statistics.median(a - b for a, b in zip(whole, baseline, strict=True))
    verdict(f"mailflow above the baseline: {above:.0f} ms", above, COLD_BAR_MS)
    warm = warm_times(10_000)
    row(f"warm: each of {MESSAGES} messages of 10 KB", warm)
    verdict(f"warm: {statistics.median(warm):.2f} ms", statistics.median(warm), WARM_BAR_MS)
    row("  of which the rewrite itself, without shell and botocore", rewrite_times(10_000))
    row("warm: a message of 1 MB", warm_times(1_000_000, 50))
    print()
    large.main()
    by_size = sorted((raw for _, raw, _ in large.messages()), key=len)
    memory.main(by_size[0], by_size[-1])
    policy.main()
    availability.main()
    local.main()


def in_turn(commands: list[list[str]]) -> list[list[float]]:
    """Milliseconds of whole processes: one uncounted run of each, then A B C A B C ..., so that a drift of the machine meets all alike."""
    times: list[list[float]] = [[] for _ in commands]
    for number in range(PROCESSES + 1):
        for command, of_command in zip(commands, times, strict=True):
            milliseconds = timed(lambda command=command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
            if number:
                of_command.append(milliseconds)
    return times


def warm_times(size: int, messages: int = MESSAGES) -> list[float]:
    """Milliseconds of one handler's calls, each for a new message; the first ten are not counted."""
    puts: list[bytes] = []
    times = []
    with cold.without_network(cold.message(size), puts), contextlib.redirect_stdout(io.StringIO()):
        sys.modules.pop("app", None)
        handler = cold.load().handler
        for number in range(messages + 10):
            event = cold.event(number)
            times.append(timed(lambda event=event: handler(event, None)))
    if len(puts) != messages + 10:
        sys.exit("not every message was rewritten: the figures would be those of a fault")
    return times[10:]


def rewrite_times(size: int) -> list[float]:
    from mailhooks.hooks.functions.rewrite import Rewrite
    from mailhooks.settings import env

    rewrite = Rewrite.from_settings(env())
    message = cold.message(size)
    return [timed(lambda: rewrite.apply(message)) for _ in range(MESSAGES)]


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def row(what: str, times: list[float]) -> None:
    print(f"{what:58} {statistics.median(times):6.2f} ms {min(times):6.2f} ms {max(times):6.2f} ms")


def verdict(what: str, value: float, bar: float) -> None:
    print(f"  => {what}; the bar is {bar} ms: {'met' if value <= bar else 'MISSED'}")


if __name__ == "__main__":
    main()
