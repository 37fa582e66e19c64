"""Measure the memory of the function `disclaimer` for a message of 38 MiB, in a process of its own, on the local WorkMail."""

import json
import os
import sys
from collections.abc import Sequence

from tools.bench import large, mail
from tools.bench.copies import Copy
from tools.bench.functions import ENVIRONMENT, PROGRAMS
from tools.bench.measure import print_bar, run_process

MIB = 1024 * 1024
BAR = 1.5

SETTINGS = {"DISCLAIMER_TEXT": "This message is from the office.", "POWERTOOLS_LOG_LEVEL": "ERROR"}


def main(copies: Sequence[Copy]) -> None:
    by_size = sorted((raw for _, raw, _ in large.messages()), key=len)
    small, whole = by_size[0], by_size[-1]
    print()
    for copy in copies:
        idle, added = _measure_peaks(copy, small, whole)
        name = copy.label("memory of the function disclaimer")
        print(f"{name}: {idle / MIB:.0f} MiB idle, {added / MIB:.0f} MiB more for {len(whole) / MIB:.1f} MiB")
        if copy is copies[0]:
            print_bar("memory for the large message", added / len(whole), BAR, "times the message")


def _measure_peaks(copy: Copy, small: bytes, whole: bytes) -> tuple[int, int]:
    """Return the peak in bytes after a small message, when the process has all its clients, and the further bytes for the large one.

    Raises:
        RuntimeError: the function did not change both messages, so the figures would be those of an error.
    """
    from workmail_local.workmail import LocalWorkMail

    with LocalWorkMail() as workmail:
        ids = [workmail.store.add(raw, direction="OUTBOUND") for raw in (small, whole)]
        command = [sys.executable, "-P", str(PROGRAMS / "peak_memory.py"), json.dumps({**mail.event(), "flowDirection": "OUTBOUND"}), *ids]
        path = os.pathsep.join([str(copy.functions / "disclaimer"), str(copy.site)])
        output = run_process(command, {**ENVIRONMENT, **workmail.environment, **SETTINGS, "PYTHONPATH": path}).output
        if [workmail.store.puts(message_id) for message_id in ids] != [1, 1]:
            raise RuntimeError(f"the messages were not changed: {output[-2000:]}")
    idle, peak = (int(line.split()[1]) for line in output.splitlines() if line.startswith("peak "))
    return idle, peak - idle
