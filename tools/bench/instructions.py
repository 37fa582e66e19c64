"""Count instructions by valgrind's cachegrind: unlike times, they do not depend on what else the machine does."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.bench.copies import Copy
from tools.bench.functions import COLD_BARS, FUNCTIONS, PEER, WARM_BARS, Function, serve_message
from tools.bench.measure import print_bar

FEW, MANY = 10, 50

PEER_COLD = 0.69
"""The peer's instructions of a cold start, of those of AWS's sample (see `functions.PEER_COLD`)."""


def main(copies: Sequence[Copy], folder: Path) -> None:
    valgrind = shutil.which("valgrind")
    if not valgrind:
        print("\nInstructions: skipped: valgrind is not installed")
        return
    print(f"\nMillions of instructions, without the kernel's, by valgrind\n{'':66} {'cold':>11} {'a message':>11}")
    with serve_message(folder) as server:
        functions = [Function.peer(server), *(Function.of_copy(copy, name, server) for copy in copies for name in FUNCTIONS)]
        runs = [(each, messages) for each in functions for messages in (0, FEW, MANY)]
        with ThreadPoolExecutor(os.cpu_count()) as executor:
            counts = list(executor.map(lambda run: _count(valgrind, *run), runs))
    cold, warm = {}, {}
    for each, (first, few, many) in zip(functions, zip(*[iter(counts)] * 3, strict=True), strict=True):
        cold[each.name], warm[each.name] = first, (many - few) / (MANY - FEW)
        print(f"{each.name:66} {cold[each.name]:11,.0f} {warm[each.name]:11,.2f}")
    for name in FUNCTIONS:
        ours = copies[0].label(name)
        ratio = cold[ours] / cold[PEER]
        print_bar(f"instructions, cold {name}: {ratio:.2f} of the peer's, of AWS's sample", ratio * PEER_COLD, COLD_BARS[name])
        for other in copies[1:]:
            compared = cold[ours] / cold[other.label(name)], warm[ours] / warm[other.label(name)]
            print(f"  => instructions, compared with {other.name}: cold {compared[0]:.2f}, a message {compared[1]:.2f}")
    ours = copies[0].label("rewrite")
    print_bar("instructions, a message by rewrite, of the peer's", warm[ours] / warm[PEER], WARM_BARS["rewrite"])


def _count(valgrind: str, function: Function, messages: int) -> float:
    command = [valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *function.command(messages)]
    environment = {**function.environment, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"{function.name} failed under valgrind: {done.stderr[-2000:]}")
    return int(found[1].replace(",", "")) / 1e6
