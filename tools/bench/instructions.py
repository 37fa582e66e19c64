"""Count instructions by valgrind's cachegrind: unlike times, they do not depend on what else the machine does."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.bench.copies import Copy
from tools.bench.functions import COLD_BARS, FUNCTIONS, PEER, WARM_BARS, Function, list_functions, print_ratio_to_peer, serve_messages

FEW, MANY = 10, 50

PEER_COLD = 0.69
"""The peer's instructions of a cold start, of those of a function like AWS's sample (see `functions.PEER_COLD`): 1,230 of 1,778 million."""


def main(copies: Sequence[Copy], folder: Path) -> None:
    valgrind = shutil.which("valgrind")
    if not valgrind:
        print("\nInstructions: skipped: valgrind is not installed")
        return
    print(f"\nMillions of instructions, without the kernel's, by valgrind\n{'':66} {'cold':>11} {'a message':>11}")
    with serve_messages(folder) as server:
        functions = list_functions(copies, server)
        runs = [(each, messages) for each in functions for messages in (0, FEW, MANY)]
        with ThreadPoolExecutor(os.cpu_count()) as executor:
            counts = list(executor.map(lambda run: _count(valgrind, *run), runs))
    cold, warm = {}, {}
    for each, (first, few, many) in zip(functions, zip(*[iter(counts)] * 3, strict=True), strict=True):
        cold[each.name], warm[each.name] = first, (many - few) / (MANY - FEW)
        print(f"{each.name:66} {cold[each.name]:11,.0f} {warm[each.name]:11,.2f}")
    for name in FUNCTIONS:
        ours = copies[0].label(name)
        print_ratio_to_peer(f"instructions, cold {name}", cold[ours] / cold[PEER], PEER_COLD, COLD_BARS[name])
        print_ratio_to_peer(f"instructions, a message by {name}", warm[ours] / warm[PEER], 1, WARM_BARS.get(name))
        for other in copies[1:]:
            compared = cold[ours] / cold[other.label(name)], warm[ours] / warm[other.label(name)]
            print(f"  => instructions, compared with {other.name}: cold {compared[0]:.2f}, a message {compared[1]:.2f}")


def _count(valgrind: str, function: Function, messages: int) -> float:
    millions, output = count_instructions(valgrind, function.command(messages), function.environment)
    function.read_steps(output)
    return millions


def count_instructions(valgrind: str, command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """Run a process. Return its millions of instructions and its output.

    Raises:
        RuntimeError: it failed.
    """
    options = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run([valgrind, *options, *command], env={**environment, "PYTHONHASHSEED": "0"}, capture_output=True, text=True)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"{' '.join(command)[:200]} failed under valgrind: {done.stdout[-1000:]} {done.stderr[-1000:]}")
    return int(found[1].replace(",", "")) / 1e6, done.stdout
