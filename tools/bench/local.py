"""Measure the local WorkMail: messages per second from SMTP to the mailbox, and memory, in processes of its own."""

import json
import os
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from tools.bench.copies import Copy
from tools.bench.functions import PROGRAMS
from tools.bench.measure import measure_in_turn, print_bar, run_process

ROWS = (("no rule", "", 1.35), ("a verdict (bounce)", "bounce", 1.3), ("read and written (rewrite)", "rewrite", 1.8))
"""Name, function, and the bar compared with commit 8f5e5f8."""

MESSAGES = 10_000
"""Of each row and checkout. `make bench ONLY=local MESSAGES=2000` sends fewer; a run with BASE needs 20 minutes with all."""

ROUNDS_IN_TURN = 2
MEMORY_BAR = 1.1


def main(copies: Sequence[Copy], messages: int) -> None:
    print("\nThe local WorkMail: messages of 10 KB, 20 senders at once, spool and mailboxes on disk")
    rounds = ROUNDS_IN_TURN if len(copies) > 1 else 1
    for name, function, bar in ROWS:
        runs = [partial(_run, copy, messages // rounds, function) for copy in copies]
        results = measure_in_turn(runs, rounds, uncounted=0)
        for copy, found in zip(copies, results, strict=True):
            accepted, delivered = (statistics.mean(each[key] for each in found) for key in ("accepted", "delivered"))
            memory = " and ".join(f"{each['before']:,.0f}, {each['middle']:,.0f}, {each['after']:,.0f}" for each in found)
            print(
                f"  {copy.label(name):34} {rounds} x {messages // rounds:6,} messages: {accepted:6,.0f}/s accepted, "
                f"{delivered:5,.0f}/s delivered; resident before, in the middle, after: {memory} MB",
                flush=True,
            )
        ours, *others = results
        print_bar(f"local WorkMail, {name}, lost messages", sum(each["lost"] for each in ours), 0)
        print_bar(f"local WorkMail, {name}, messages delivered twice", sum(each["twice"] for each in ours), 0)
        growth = max(each["after"] / each["middle"] for each in ours)
        print_bar(f"local WorkMail, {name}, memory at the end", growth, MEMORY_BAR, "times that in the middle")
        for copy, theirs in zip(copies[1:], others, strict=True):
            ratio = statistics.mean(each["delivered"] for each in ours) / statistics.mean(each["delivered"] for each in theirs)
            print_bar(f"local WorkMail, {name}, compared with {copy.name}", ratio, bar, "times its messages per second", at_least=True)


def _run(copy: Copy, messages: int, function: str) -> dict[str, Any]:
    path = os.pathsep.join(map(str, (copy.checkout / "layers/mailhooks", copy.checkout)))
    command = [sys.executable, "-P", str(PROGRAMS / "local_throughput.py"), str(messages), *([function] if function else [])]
    output = run_process(command, {**os.environ, "PYTHONPATH": path}).output
    found: dict[str, Any] = json.loads(output.strip().rpartition("\n")[2])
    return found
