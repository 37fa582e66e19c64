"""Add a disclaimer to one message by the package `mailhooks` of PYTHONPATH, as often as the standard input requests it.

python -P disclaimer_worker.py MESSAGE TEXT HTML

Each line of the input has one line of output: `add N`, `add-after-reply N` and `copy N` have the median milliseconds of N calls, `add-peak`
and `copy-peak` the bytes that Python has allocated at the peak of a call, with its result, and `growth` the octets that the message grows
by.
"""

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from mailhooks.disclaimer import add_disclaimer


def main(path: str, text: str, html: str) -> None:
    raw = Path(path).read_bytes()

    def add(position: str = "append") -> bytes:
        return add_disclaimer(raw, text=text, html=html, position=position)

    def copy() -> bytes:
        """Return the message joined from two pieces: the least work of any edit."""
        view = memoryview(raw)
        return b"".join((view[: len(raw) // 2], view[len(raw) // 2 :]))

    for line in sys.stdin:
        match line.split():
            case ["growth"]:
                print(len(add()) - len(raw), flush=True)
            case [("add-peak" | "copy-peak") as which]:
                print(find_peak(add if which == "add-peak" else copy), flush=True)
            case [("add" | "add-after-reply" | "copy") as which, count]:
                call = {"add": add, "add-after-reply": lambda: add("after-reply"), "copy": copy}[which]
                print(statistics.median(time_call(call) for _ in range(int(count))), flush=True)


def time_call(call: Callable[[], bytes]) -> float:
    """Return the milliseconds of a call, without the release of its result."""
    started = time.perf_counter()
    result = call()
    milliseconds = (time.perf_counter() - started) * 1000
    del result
    return milliseconds


def find_peak(call: Callable[[], bytes]) -> int:
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
