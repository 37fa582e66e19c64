"""`make bench`: measure cold start and warm time of `rewrite` without the network, then run the other benchmarks, on this machine."""

import compileall
import contextlib
import io
import os
import platform
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from tools.bench import availability, cold, large, local, memory, policy
from tools.bench.measure import measure_in_turn, print_limit, print_times, time_call

COLD = [sys.executable, str(Path(cold.__file__))]
BASELINE = [sys.executable, "-c", "import boto3; boto3.client('s3'); boto3.client('workmailmessageflow')"]
EMPTY = [sys.executable, "-c", "pass"]

PROCESSES = 15
MESSAGES = 400

COLD_LIMIT_MS = 150
WARM_LIMIT_MS = 3


def main() -> None:
    os.environ.update(cold.ENVIRONMENT)
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; medians of one run, with processes in turn\n")
    print(f"{'':66} {'median':>11} {'min':>11} {'max':>11}")
    # As the layer is built (layers/mailhooks/Makefile): where Python writes no bytecode, each process would compile the last changes.
    compileall.compile_dir(cold.ROOT / "layers/mailhooks/mailhooks", quiet=1)
    commands = (BASELINE, COLD, [*COLD, "mailflow"], EMPTY)
    baseline, loaded, whole, empty = measure_in_turn([partial(time_process, command) for command in commands], PROCESSES)
    print_times("an empty Python process", empty)
    print_times("baseline: import boto3, make the two clients", baseline)
    print_times("cold: load rewrite, first 10 KB message, end", loaded)
    print_times("cold: load mailflow and its policy, first message, end", whole)
    for name, times in (("cold", loaded), ("mailflow", whole)):
        above = statistics.median(a - b for a, b in zip(times, baseline, strict=True))
        print_limit(f"{name} above the baseline, pair by pair", above, COLD_LIMIT_MS, "ms")
    warm = time_warm_calls(10_000)
    print_times(f"warm: each of {MESSAGES} messages of 10 KB", warm)
    print_limit("warm", statistics.median(warm), WARM_LIMIT_MS, "ms")
    print_times("  the rewrite alone, without the hook and botocore", time_rewrites(10_000))
    print_times("warm: a message of 1 MB", time_warm_calls(1_000_000, 50))
    print()
    large.main()
    by_size = sorted((raw for _, raw, _ in large.messages()), key=len)
    memory.main(by_size[0], by_size[-1])
    policy.main()
    availability.main()
    local.main()


def time_process(command: list[str]) -> float:
    """Return the milliseconds of a whole process."""
    return time_call(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def time_warm_calls(size: int, messages: int = MESSAGES) -> list[float]:
    """Return the milliseconds of one handler's calls, each for a new message; the first ten are not counted."""
    puts: list[bytes] = []
    times = []
    with cold.without_network(cold.message(size), puts), contextlib.redirect_stdout(io.StringIO()):
        sys.modules.pop("app", None)
        handler = cold.load().handler
        for number in range(messages + 10):
            times.append(time_call(partial(handler, cold.event(number), None)))
    if len(puts) != messages + 10:
        sys.exit("not every message was rewritten: the figures would be those of an error")
    return times[10:]


def time_rewrites(size: int) -> list[float]:
    """Return the milliseconds of the policy of `rewrite` alone."""
    from mailhooks.hooks.functions.rewrite import Rewrite
    from mailhooks.settings import env
    from tests.support.hooks import apply_policy

    policy_of_rewrite, message = Rewrite.from_settings(env()).policy(), cold.message(size)
    if b"X-Checked: yes" not in apply_policy(policy_of_rewrite, message):
        sys.exit("the message was not rewritten: the figures would be those of an error")
    return [time_call(lambda: apply_policy(policy_of_rewrite, message)) for _ in range(MESSAGES)]


if __name__ == "__main__":
    main()
