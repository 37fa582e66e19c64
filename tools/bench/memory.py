"""What the function `disclaimer` needs of memory for a message of 38 MiB: a process of its own, against the local WorkMail in this one."""

import os
import subprocess
import sys
from pathlib import Path

from tools.bench.cold import ROOT, event

MIB = 1024 * 1024
BAR = 1.5

ENVIRONMENT = {"DISCLAIMER_TEXT": "This message is from the office.", "DISCLAIMER_POSITION": "append", "POWERTOOLS_LOG_LEVEL": "ERROR"}


def child(message_ids: list[str]) -> None:
    """Handles the messages one after the other; prints the most memory it has had, in bytes, after each."""
    sys.path[:0] = [str(ROOT / "layers/mailhooks"), str(ROOT / "functions/disclaimer")]
    import app

    sys.stdout.write("\n")
    for number, message_id in enumerate(message_ids):
        app.handler({**event(number), "messageId": message_id}, None)
        sys.stdout.write(f"peak {_peak()}\n")


def _peak() -> int:
    """Bytes. From Linux's /proc, as `ru_maxrss` there counts what the parent had when it forked."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def peak_above_idle(small: bytes, large: bytes) -> tuple[int, int]:
    """Bytes of peak memory after a small message (the idle process, with all its clients made), and what the large one adds.

    Raises:
        RuntimeError: the function did not change both messages, so that the figure would be that of a fault.
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
    idle, added = peak_above_idle(small, large)
    ratio = added / len(large)
    print(f"\nmemory of the function disclaimer: {idle / MIB:.0f} MiB idle, {added / MIB:.0f} MiB more for {len(large) / MIB:.1f} MiB")
    print(f"  => {ratio:.2f} x the message; the bar is {BAR} x: {'met' if ratio <= BAR else 'MISSED'}")


if __name__ == "__main__":
    child(sys.argv[1:])
