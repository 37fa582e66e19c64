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

ROWS = (("no rule", "", 2_000, 1.35), ("a verdict (bounce)", "bounce", 2_000, 1.3), ("read and written (rewrite)", "rewrite", 10_000, 1.8))
"""Name, function, number of messages, and the bar compared with commit 8f5e5f8."""

ROUNDS_IN_TURN = 2


def main(copies: Sequence[Copy]) -> None:
    print("\nThe local WorkMail: messages of 10 KB, 20 senders at once, spool and mailboxes on disk")
    for name, function, messages, bar in ROWS:
        rounds = ROUNDS_IN_TURN if len(copies) > 1 else 1
        runs = [partial(_run, copy, messages // rounds, function) for copy in copies]
        results = measure_in_turn(runs, rounds, uncounted=0)
        for copy, found in zip(copies, results, strict=True):
            accepted, delivered = (statistics.mean(each[key] for each in found) for key in ("accepted", "delivered"))
            memory = " and ".join(f"{each['before']:,.0f} -> {each['after']:,.0f}" for each in found)
            print(
                f"  {copy.label(name):34} {rounds} x {messages // rounds:6,} messages: {accepted:6,.0f}/s accepted, "
                f"{delivered:5,.0f}/s delivered, all once; resident {memory} MB",
                flush=True,
            )
        ours, *others = ([each["delivered"] for each in found] for found in results)
        for copy, theirs in zip(copies[1:], others, strict=True):
            ratio = statistics.mean(ours) / statistics.mean(theirs)
            print_bar(f"local WorkMail, {name}, compared with {copy.name}", ratio, bar, "times its messages per second", at_least=True)


def _run(copy: Copy, messages: int, function: str) -> dict[str, Any]:
    path = os.pathsep.join(map(str, (copy.checkout / "layers/mailhooks", copy.checkout)))
    command = [sys.executable, "-P", str(PROGRAMS / "local_throughput.py"), str(messages), *([function] if function else [])]
    output = run_process(command, {**os.environ, "PYTHONPATH": path}).output
    found: dict[str, Any] = json.loads(output.strip().rpartition("\n")[2])
    return found
