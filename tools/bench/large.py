"""Measure the disclaimer in messages of 10 KB to 38 MiB.

The figures are compared with altermime and with a copy of the bytes. Then messages are doubled: the time should double at most.
"""

import base64
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from mailhooks.content.disclaimer import add_disclaimer
from mailhooks.mime.quotes.reply import find_html_quote
from tests.fidelity import altermime
from tools.bench.copies import Copy
from tools.bench.functions import ENVIRONMENT, PROGRAMS
from tools.bench.measure import find_ratio, measure_in_turn, print_bar, time_call

MIB = 1024 * 1024
TEXT = "This message is confidential.\nIf it is not for you, please delete it."
HTML = "<p>This message is confidential.<br>If it is not for you, please delete it.</p>"

ROUNDS = 15

COPIES_BAR = 1.4
MEMORY_BAR = 1.0
DOUBLING_BAR = 2.2
SEARCH_BAR_MS = 1000
HOSTILE_ROUNDS = 5
HOSTILE_BAR = 1.05
"""1.0, and 0.05 for the noise of the shortest of five runs."""

_LARGE, _MIDDLE, _SMALL = "38 MiB, attachments of 25 MB and 4 MB", "1 MiB, attachment of 700 KB", "10 KB, text and HTML"
BASE_BARS = {_MIDDLE: 0.33, _SMALL: 0.4}
"""Bars for the time compared with commit 8f5e5f8 (the start of November 2026's work on speed). 38 MiB are compared with a copy."""

_HEAD = b"From: a@example.net\r\nTo: b@example.com\r\nSubject: Large\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
_LINE = b"The quick brown fox jumps over the lazy dog, again and again.\r\n"
_OUTER = b"000000000000a1b2c305f0d1e2f3"  # of the length that large mail services use
_RANDOM = random.Random(1)

Adder = Callable[[bytes], bytes]


class Measured(NamedTuple):
    """Milliseconds of each run, and bytes of memory at the peak beyond the message itself."""

    times: list[float]
    extra: float

    @property
    def median(self) -> float:
        return statistics.median(self.times)


def main(copies: Sequence[Copy], folder: Path) -> None:
    print("\nA disclaimer in large messages; medians of one run, in turn")
    print(f"{'':34} {'median':>10} {'min':>10} {'max':>10} {'extra memory':>14}")
    for name, raw, runs in messages():
        print(f"{name}: {len(raw)} bytes")
        _compare(name, raw, runs, copies, folder)
    _measure_searches(copies, folder)
    _measure_doublings()


def add(raw: bytes, position: str = "append") -> bytes:
    return add_disclaimer(raw, text=TEXT, html=HTML, position=position)


def _compare(name: str, raw: bytes, runs: int, copies: Sequence[Copy], folder: Path) -> None:
    """Measure the library, a copy of the bytes, and altermime if it is installed."""
    path = folder / "large.eml"
    path.write_bytes(raw)
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(copy, path)) for copy in copies]
        program = _Altermime(folder, raw) if altermime.FOUND else None
        calls = [*(partial(worker.time, "add", runs) for worker in workers), partial(workers[0].time, "copy", runs)]
        times = measure_in_turn([*calls, *([program.time] if program else [])], ROUNDS)
        added = [Measured(found, worker.find_peak("add")) for found, worker in zip(times, workers, strict=False)]
        copied = Measured(times[len(workers)], workers[0].find_peak("copy"))
        theirs = Measured(times[-1], program.find_peak()) if program else None
    for copy, measured in zip(copies, added, strict=True):
        _print_measured(copy.label("add_disclaimer"), measured, raw)
    _print_measured("altermime, its whole process" if theirs else "altermime: not installed", theirs, raw)
    _print_measured("one copy of the bytes", copied, raw)
    ours, *others = added
    if len(raw) >= 38 * MIB:
        print_bar(f"{name}, compared with a copy", find_ratio(ours.times, copied.times), COPIES_BAR, "times its time")
        print_bar(f"{name}, extra memory with the result", ours.extra / len(raw), MEMORY_BAR, "times the message")
    else:
        print(f"  => {find_ratio(ours.times, copied.times):.2f} times a copy")
    if theirs:
        print_bar(f"{name}, compared with altermime", find_ratio(ours.times, theirs.times), 1, "of its time")
    for copy, other in zip(copies[1:], others, strict=True):
        ratio = find_ratio(ours.times, other.times)
        if name in BASE_BARS:
            print_bar(f"{name}, compared with {copy.name}", ratio, BASE_BARS[name], "of its time")
        else:
            print(f"  => {name}: {ratio:.2f} of the time of {copy.name}")


class _Worker:
    """A process that adds disclaimers by one copy of the library (see `programs/disclaimer_worker.py`)."""

    def __init__(self, copy: Copy, message: Path) -> None:
        command = [sys.executable, "-P", str(PROGRAMS / "disclaimer_worker.py"), str(message), TEXT, HTML]
        environment = {**ENVIRONMENT, "PYTHONPATH": str(copy.site)}
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "_Worker":
        if self._ask("growth") <= 0:
            sys.exit("the message has no disclaimer: the figures would be those of an error")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def time(self, what: str, runs: int) -> float:
        return self._ask(f"{what} {runs}")

    def find_peak(self, what: str) -> float:
        return self._ask(f"{what}-peak")

    def _ask(self, request: str) -> float:
        assert self._process.stdin
        assert self._process.stdout
        print(request, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())


class _Altermime:
    """Runs altermime on a new copy of the message each time, because it changes its file; the copying is not counted."""

    def __init__(self, directory: Path, raw: bytes) -> None:
        self._raw = raw
        self._message, text, html = (directory / name for name in ("message", "text", "html"))
        text.write_text(f"{TEXT}\n")
        html.write_text(f"{HTML}\n")
        self._command = altermime.command(self._message, text, html)

    def time(self) -> float:
        self._message.write_bytes(self._raw)
        milliseconds = time_call(lambda: subprocess.run(self._command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if self._message.stat().st_size <= len(self._raw):
            sys.exit("altermime has added nothing: the figures would be those of an error")
        return milliseconds

    def find_peak(self) -> float:
        """Return the peak of the whole process. A small process starts it: the peak includes the memory of the starting process."""
        self._message.write_bytes(self._raw)
        child = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)"
        child += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        kibibytes = subprocess.run([sys.executable, "-c", child, *self._command], check=True, capture_output=True).stdout
        return int(kibibytes) * 1024


def messages() -> Iterator[tuple[str, bytes, int]]:
    attachment = _attachment(25_000_000)
    rest = 38 * MIB - len(attachment) - 150_000
    yield _LARGE, mixed(alternative(900), [attachment, _attachment(rest * 3 // 4)]), 1
    yield _MIDDLE, mixed(alternative(300), [_attachment(715_000)]), 5
    yield _SMALL, _HEAD + alternative(70), 30


def alternative(lines: int) -> bytes:
    """Return the Content-Type field and the body of a text in both forms."""
    markup = b"<html><head><title>Large</title></head><body>\r\n" + _LINE.replace(b"The", b"<p>The", 1).replace(b"\r", b"</p>\r") * lines
    return (
        b'Content-Type: multipart/alternative; boundary="=-inner"\r\n\r\n'
        b"--=-inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + _LINE * lines + b"\r\n"
        b"--=-inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + markup + b"</body></html>\r\n\r\n--=-inner--\r\n"
    )


def mixed(first: bytes, others: list[bytes]) -> bytes:
    """Return a message of parts, each with its header."""
    parts = b"".join(b"--" + _OUTER + b"\r\n" + part + b"\r\n" for part in (first, *others))
    return _HEAD + b'Content-Type: multipart/mixed; boundary="' + _OUTER + b'"\r\n\r\n' + parts + b"--" + _OUTER + b"--\r\n"


def _attachment(size: int) -> bytes:
    header = b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return header + base64.encodebytes(_RANDOM.randbytes(size)).replace(b"\n", b"\r\n")


def text(size: int, content: bytes = _LINE, kind: bytes = b"plain; charset=utf-8") -> bytes:
    return _HEAD + b"Content-Type: text/" + kind + b"\r\n\r\n" + content * (size // len(content))


def nested(depth: int) -> bytes:
    """Return a text in nested multiparts."""
    opening = b"".join(b'Content-Type: multipart/mixed; boundary="=-%d"\r\n\r\n--=-%d\r\n' % (n, n) for n in range(depth))
    closing = b"".join(b"\r\n--=-%d--\r\n" % n for n in reversed(range(depth)))
    return _HEAD + opening + b"Content-Type: text/plain\r\n\r\nHello\r\n" + closing


_SMALL_PART = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo="
_HELLO = b"Content-Type: text/plain\r\n\r\nHello\r\n"

_LIKE_ATTRIBUTIONS = b"4 May 2026, <ana@example.com>,\r\nBob wrote <ben@example.com\r\n> at 09:14:\r\n> Lunch?\r\n| Lunch?\r\nNo.\r\n"
_LIKE_FIELDS = b"From: Bob <ben@example.com>\r\nTo: Ana; Ben\r\nCarl; Dora\r\nXyz: 4 May 2026 09:14 <ana@example.com>\r\n--- Sent ---\r\n"

DOUBLINGS: list[tuple[str, Callable[[int], bytes], tuple[int, ...], str]] = [
    ("size of an attachment", lambda n: mixed(alternative(20), [_attachment(n)]), (8 * MIB, 16 * MIB, 32 * MIB), "append"),
    ("size of the text", text, (8 * MIB, 16 * MIB, 32 * MIB), "append"),
    ("size of the text, quote searched", lambda n: text(n, b"> " + _LINE), (MIB, 2 * MIB, 4 * MIB), "after-reply"),
    ("lines of a reply like attributions", lambda n: text(n, _LIKE_ATTRIBUTIONS), (MIB // 4, MIB // 2, MIB), "after-reply"),
    ("lines of a reply like header fields", lambda n: text(n, _LIKE_FIELDS), (MIB // 4, MIB // 2, MIB), "after-reply"),
    ("size of the HTML", lambda n: text(n, b"<div>" + _LINE, b"html"), (MIB, 2 * MIB, 4 * MIB), "append"),
    ("size of the HTML, quote searched", lambda n: text(n, b"<div>" + _LINE, b"html"), (MIB, 2 * MIB, 4 * MIB), "after-reply"),
    (
        "lines that look like delimiters",
        lambda n: mixed(_HELLO + (b"--" + _OUTER[:-1] + b"\r\n") * (n // 31), []),
        (MIB, 2 * MIB, 4 * MIB),
        "append",
    ),
    (
        "length of a header line",
        lambda n: _HEAD + b"X-Long: " + b"a " * (n // 2) + b"\r\n\r\nHello",
        (8 * MIB, 16 * MIB, 32 * MIB),
        "append",
    ),
    ("number of parts", lambda n: mixed(_HELLO, [_SMALL_PART] * n), (1000, 2000, 4000, 8000), "append"),
    ("nesting", nested, (12, 24, 48, 96), "append"),
    ("parts with a broken header", lambda n: mixed(_HELLO, [b"no field\r\n" + _SMALL_PART] * n), (250, 500, 1000), "append"),
    ("lines of a broken header", lambda n: mixed(_HELLO, [b"no field\r\n" * n + _SMALL_PART]), (4000, 8000, 16_000), "append"),
]
"""The name of the growing property, the message for a size, the sizes, and the position."""


_ROW = """<tr>
  <td align="left" valign="top" style="padding:0 20px 10px 20px;font-family:Arial,Helvetica,sans-serif;font-size:14px;color:#333333;">
    <a href="https://click.example.com/?qs=%064x" target="_blank" style="color:#0066cc;text-decoration:none;"><img
      src="https://image.example.com/%d.png" width="280" height="180" border="0" style="display:block;" alt="An offer"></a>
    <table width="100%%" cellspacing="0" cellpadding="0"><tr><td class="h3" style="font-weight:bold;">The offer of the day</td></tr>
    <tr><td>The quick brown fox jumps over the lazy dog, again and again, for less.&nbsp;<a href="https://example.com/%d">More</a></td></tr>
    </table>
  </td>
</tr>
"""

_HALF_ATTRIBUTED = "On 1/2/12 at 3:45 or so, or on 12/3/11,<br>Bob 12 said, wrote::<br>&gt; Lunch<br>No.<br>"


def searches() -> Iterator[tuple[str, str]]:
    """Yield HTML of 5 MB without a quote, so that the search reads all of it."""
    size = 5_000_000
    yield "a newsletter", "<table>" + "".join(_ROW % (n, n, n) for n in range(size // len(_ROW))) + "</table>"
    yield "hostile: short tags", "<p>" * (size // 3)
    yield "hostile: attributes", "".join(f"<div a{n}=b class='x_x_c x_{n}_1 d'>" for n in range(size // 36))
    yield "hostile: halves of attributions", _HALF_ATTRIBUTED * (size // len(_HALF_ATTRIBUTED))
    yield "hostile: half a block of fields", "---a:---<br>From: x<br>To: y<br>" * (size // 32)


def _measure_searches(copies: Sequence[Copy], folder: Path) -> None:
    print("\nThe search for a quote in 5 MB of HTML; the shortest of several runs")
    worst = 0.0
    for name, html in searches():
        raw = _HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
        if find_html_quote(html, str) is not None:
            sys.exit(f"{name}: there is a quote: the figures would be those of a part of the search")
        alone = min(time_call(lambda html=html: find_html_quote(html, str)) for _ in range(5))
        whole = min(time_call(lambda raw=raw: add(raw, "after-reply")) for _ in range(5))
        worst = max(worst, alone)
        print(f"  {name:32} {alone:7.1f} ms; with the disclaimer at the end {whole:7.1f} ms")
    print_bar("the longest search", worst, SEARCH_BAR_MS, "ms")
    if len(copies) > 1:
        _compare_hostile(copies, folder)


def _compare_hostile(copies: Sequence[Copy], folder: Path) -> None:
    """Compare the disclaimer in hostile messages of 5 MB with other checkouts: the shortest runs, in turn."""
    path = folder / "hostile.eml"
    for name, html in searches():
        path.write_bytes(_HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode())
        with ExitStack() as stack:
            workers = [stack.enter_context(_Worker(copy, path)) for copy in copies]
            ours, *others = measure_in_turn([partial(worker.time, "add-after-reply", 1) for worker in workers], HOSTILE_ROUNDS)
        for copy, other in zip(copies[1:], others, strict=True):
            print_bar(f"5 MB of HTML, {name}, compared with {copy.name}", min(ours) / min(other), HOSTILE_BAR, "of its time")


def _measure_doublings() -> None:
    print("\nTwice as much; the shortest of several runs")
    for name, make, sizes, position in DOUBLINGS:
        shortest = []
        for size in sizes:
            raw = make(size)
            if len(add(raw, position)) <= len(raw):
                sys.exit(f"{name}, {size}: the message has no disclaimer, the figures would be those of an error")
            shortest.append(_find_shortest(partial(add, raw, position)))
        worst = max(after / before for before, after in pairwise(shortest))
        steps = " -> ".join(f"{milliseconds:.1f}" for milliseconds in shortest)
        print(f"  {name:36} {sizes[0]:>9,} to {sizes[-1]:>10,}: {steps} ms")
        print_bar(f"{name}: the longest, compared with half the size", worst, DOUBLING_BAR, "times its time")


def _find_shortest(call: Callable[[], object]) -> float:
    """Return the shortest time of seven runs, or of as many as need 0.3 s."""
    times: list[float] = []
    while len(times) < 7 or sum(times) < 300:
        times.append(time_call(call))
    return min(times)


def _print_measured(name: str, measured: Measured | None, raw: bytes) -> None:
    if measured is None:
        print(f"  {name}")
        return
    figures = f"{measured.median:7.3g} ms {min(measured.times):7.3g} ms {max(measured.times):7.3g} ms"
    print(f"  {name:32} {figures} {measured.extra / MIB:7.1f} MiB, {measured.extra / len(raw):.2f} x")
