"""Measure the memory of the function `disclaimer` for a message of 38 MiB, in a process of its own, on the local WorkMail."""

import os
import subprocess
import sys
from pathlib import Path

from tools.bench.cold import ROOT, event
from tools.bench.measure import print_limit

MIB = 1024 * 1024
LIMIT = 1.5

ENVIRONMENT = {"DISCLAIMER_TEXT": "This message is from the office.", "DISCLAIMER_POSITION": "append", "POWERTOOLS_LOG_LEVEL": "ERROR"}


def child(message_ids: list[str]) -> None:
    """Process the messages one after the other, and print the peak of memory in bytes after each."""
    sys.path[:0] = [str(ROOT / "layers/mailhooks"), str(ROOT / "functions/disclaimer")]
    import app

    sys.stdout.write("\n")
    for number, message_id in enumerate(message_ids):
        app.handler({**event(number), "messageId": message_id}, None)
        sys.stdout.write(f"peak {_read_peak()}\n")


def _read_peak() -> int:
    """Return bytes, from Linux's /proc: there `ru_maxrss` includes the memory of the parent at the fork."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure_peaks(small: bytes, large: bytes) -> tuple[int, int]:
    """Return the peak in bytes after a small message, when the process has all its clients, and the further bytes for the large one.

    Raises:
        RuntimeError: the function did not change both messages, so the figures would be those of an error.
    """
    from local.workmail import LocalWorkMail

    with LocalWorkMail() as workmail:
        ids = [workmail.store.add(raw, direction="OUTBOUND") for raw in (small, large)]
        done = subprocess.run(
            [sys.executable, str(Path(__file__)), *ids],
            env={**os.environ, **workmail.environment, **ENVIRONMENT, "PYTHONPATH": f"{ROOT}"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        if [workmail.store.puts(message_id) for message_id in ids] != [1, 1]:
            raise RuntimeError(f"the messages were not changed: {done.stdout[-2000:]}")
    idle, peak = (int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("peak "))
    return idle, peak - idle


def main(small: bytes, large: bytes) -> None:
    idle, added = measure_peaks(small, large)
    print(f"\nmemory of the function disclaimer: {idle / MIB:.0f} MiB idle, {added / MIB:.0f} MiB more for {len(large) / MIB:.1f} MiB")
    print_limit("memory for the large message", added / len(large), LIMIT, "times the message")


if __name__ == "__main__":
    child(sys.argv[1:])
