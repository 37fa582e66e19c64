"""Measure the local WorkMail: messages per second from SMTP to the mailbox, and memory. Fail if a message is lost or duplicated."""

import resource
import smtplib
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from local.workmail import LocalWorkMail

SENDERS = 20
ANA, NORA = "ana@example.com", "nora@example.net"
_ORGANIZATION = 'organization = { domains = ["example.com"] }\n'
_RULE = '[[rules]]\nname = "Hook"\ndirection = "inbound"\naction = "lambda"\nsenders = ["*"]\nfunction = "%s"\n'
_BODY = b"Hello, hello, hello, hello, hello, hello, hello, hello, hello, hello.\r\n" * 140


def message(number: int) -> bytes:
    """Return a message of 10 KB with its number in the subject."""
    return f"From: {NORA}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {number}.\r\n\r\n".encode() + _BODY


def main() -> None:
    print("\nThe local WorkMail: messages of 10 KB, 20 senders at once, spool and mailboxes on disk")
    measure("no rule", "", 2_000)
    measure("a verdict (bounce)", "bounce", 2_000)
    measure("read and written (rewrite)", "rewrite", 10_000)


def measure(name: str, function: str, messages: int) -> None:
    """Send messages, wait until all are delivered, and check the mailbox."""
    with TemporaryDirectory() as folder, LocalWorkMail(_ORGANIZATION + (_RULE % function if function else ""), folder=Path(folder)) as wm:
        wm.send(message(0), to=[ANA])
        port, before = wm.smtp_port("INBOUND"), _resident_mb()
        started = time.perf_counter()
        share = messages // SENDERS
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda first: _send(port, range(first, first + share)), range(1, messages + 1, share)))
        accepted = time.perf_counter() - started
        wm.wait_until_idle(1800)
        delivered = time.perf_counter() - started
        after = _resident_mb()
        found = Counter(_number(copy.raw) for copy in wm.delivered(ANA))
    if found != Counter(range(messages + 1)):
        sys.exit(f"{name}: lost {len(set(range(messages + 1)) - found.keys())}, duplicated {sum(count > 1 for count in found.values())}")
    print(
        f"  {name:28} {messages:6,} messages: {messages / accepted:6,.0f}/s accepted, {messages / delivered:5,.0f}/s delivered, "
        f"all once; resident {before:,.0f} -> {after:,.0f} MB"
    )


def _send(port: int, numbers: range) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        for number in numbers:
            client.sendmail(NORA, [ANA], message(number))


def _number(raw: bytes) -> int:
    """Return the number in the subject, with or without a tag."""
    line = next(line for line in raw.split(b"\r\n") if line.startswith(b"Subject:"))
    return int(line.rstrip(b".").rpartition(b" ")[2])


def _resident_mb() -> float:
    """Return this process's memory: the current one on Linux, the highest so far elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
