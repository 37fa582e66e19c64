"""Send messages of 10 KB through the local WorkMail of PYTHONPATH, from 20 senders at once, until all are in the mailbox.

python -P local_throughput.py MESSAGES [FUNCTION]

The last line of the output is JSON: messages per second that SMTP accepted and that were delivered, this process's memory in MB before, in
the middle and after, and the numbers of messages that were lost and that were delivered twice.
"""

import json
import resource
import smtplib
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from workmail_local.workmail import LocalWorkMail

SENDERS = 20
ANA, NORA = "ana@example.com", "nora@example.net"
_ORGANIZATION = 'organization = { domains = ["example.com"] }\n'
_RULE = '[[rules]]\nname = "Hook"\ndirection = "inbound"\naction = "lambda"\nsenders = ["*"]\nfunction = "%s"\n'
_BODY = b"Hello, hello, hello, hello, hello, hello, hello, hello, hello, hello.\r\n" * 140


def main(messages: str, function: str = "") -> None:
    count = int(messages)
    with TemporaryDirectory() as folder, LocalWorkMail(_ORGANIZATION + (_RULE % function if function else ""), folder=Path(folder)) as wm:
        wm.send(_make_message(0), to=[ANA])
        port, before = wm.smtp_port("INBOUND"), _read_resident_mb()
        samples, ended = [before], Event()
        Thread(target=_sample_memory, args=(samples, ended), daemon=True).start()
        started = time.perf_counter()
        share = count // SENDERS
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda first: _send(port, range(first, first + share)), range(1, count + 1, share)))
        accepted = time.perf_counter() - started
        # Checkouts of before 29 November 2026 have another name for it (`make bench BASE=...`).
        (wm.wait_until_idle if hasattr(wm, "wait_until_idle") else wm.engine.flow.settle)(1800)
        delivered = time.perf_counter() - started
        ended.set()
        memory = {"before": before, "middle": samples[len(samples) // 2], "after": _read_resident_mb()}
        found = Counter(_read_number(copy.raw) for copy in wm.delivered(ANA))
    errors = {"lost": len(set(range(count + 1)) - found.keys()), "twice": sum(copies > 1 for copies in found.values())}
    print("\n" + json.dumps({"accepted": count / accepted, "delivered": count / delivered, **memory, **errors}))


def _sample_memory(samples: list[float], ended: Event) -> None:
    while not ended.wait(0.5):
        samples.append(_read_resident_mb())


def _make_message(number: int) -> bytes:
    """Return a message of 10 KB with its number in the subject."""
    return f"From: {NORA}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {number}.\r\n\r\n".encode() + _BODY


def _send(port: int, numbers: range) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        for number in numbers:
            client.sendmail(NORA, [ANA], _make_message(number))


def _read_number(raw: bytes) -> int:
    """Return the number in the subject, with or without a tag."""
    line = next(line for line in raw.split(b"\r\n") if line.startswith(b"Subject:"))
    return int(line.rstrip(b".").rpartition(b" ")[2])


def _read_resident_mb() -> float:
    """Return this process's memory: the current one on Linux, the highest so far elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main(*sys.argv[1:])
