"""Runs functions in Lambda's base image with different memory sizes, and measures each with messages of different sizes."""

import base64
import json
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools.bench import mail
from tools.bench.container import Laboratory, Running, read_availability_request
from tools.bench.copies import ROOT

MEMORY_SIZES_MB: Final = (256, 512, 1024, 1769, 3008)
USUAL_MB: Final = 1024
TIMEOUT_S: Final = 14
"""The functions' timeout in template.yaml. WorkMail waits 15 s."""

COLD_STARTS: Final = 3
_WARM_CALLS: Final = 5
_WARM_CALLS_OF_LARGE: Final = 2
_LARGE: Final = 5_000_000
_RANDOM: Final = random.Random(1)


@dataclass(frozen=True, slots=True)
class Size:
    """A message: its name in the tables, and the bytes of its attachment."""

    name: str
    attachment: int


SIZES: Final = (
    Size("10 KB", 4_000),
    Size("100 KB", 70_000),
    Size("1 MB", 725_000),
    Size("10 MB", 7_300_000),
    Size("40 MB", 29_000_000),
)
"""The last is the largest that WorkMail accepts: 29 MB of attachments (guide, "Quotas"), 40 MB as base64."""

SETTINGS: Final = {
    "rewrite": {"SUBJECT_TAG": "[EXTERNAL]"},
    "disclaimer": {"DISCLAIMER_TEXT": "Example GmbH. This message is meant for its recipients alone."},
    "mailflow": {},
}
"""The functions that change messages, and their variables."""

OTHERS: Final = {"observe": {}, "bounce": {"BOUNCE_RULES": '[{"action": "DROP", "senders": ["*.example.org"]}]'}, "availability": {}}
"""Functions that are measured with one message and one memory size."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One function with one memory size.

    Attributes:
        cold_ms: what a cold start adds to the first message: the init phase, and what the first message needs beyond later ones.
        warm_ms: by the size's name; None where the function did not end in time or its memory was too small.
        peak_mb: the process's largest memory, up to and with that size.
    """

    cold_ms: float
    warm_ms: dict[str, float | None] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)


def build_message(size: Size) -> bytes:
    """Return a message with text, HTML and one attachment, and the header fields of a large mail service."""
    head, _, _ = mail.message(0).partition(b"Content-Type:")
    line = "The quick brown fox jumps over the lazy dog, again and again."
    text = "\r\n".join([line] * 25)
    lines = "<br>\r\n".join([line] * 25)
    html = f"<html><body>{lines}</body></html>"
    attachment = base64.encodebytes(b"%PDF-1.7\n" + _RANDOM.randbytes(size.attachment)).replace(b"\n", b"\r\n")
    kinds = "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n%s\r\n"
    inner = "".join(f"--inner\r\n{kinds % each}" for each in (("plain", text), ("html", html)))
    return b"".join(
        [
            head,
            b'Content-Type: multipart/mixed; boundary="outer"\r\n\r\n--outer\r\n',
            b'Content-Type: multipart/alternative; boundary="inner"\r\n\r\n',
            f"{inner}--inner--\r\n--outer\r\n".encode(),
            b'Content-Type: application/pdf; name="report.pdf"\r\nContent-Disposition: attachment; filename="report.pdf"\r\n',
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            attachment,
            b"--outer--\r\n",
        ]
    )


class Bench:
    """Measures functions of this checkout with built layers.

    Args:
        lab: serves the messages of `SIZES`.
        layers: the folders for /opt, of the mail functions and of `availability`.
    """

    def __init__(self, lab: Laboratory, layers: tuple[Path, Path]) -> None:
        self._lab = lab
        self._layers = layers

    def measure(self, function: str, memory_mb: int, sizes: Sequence[Size] = SIZES, settings: dict[str, str] | None = None) -> Figures:
        """Return the figures of some new containers; the last one also has the warm calls.

        Raises:
            RuntimeError: the function failed, or left a message unchanged that it should change.
        """
        cold: list[float] = []
        warm: dict[str, float | None] = {}
        peak: dict[str, float] = {}
        for number in range(COLD_STARTS):
            with self._open(function, memory_mb, settings or {}) as running:
                first = self._send(running, function, sizes[0])
                if first is None:
                    raise RuntimeError(f"{function} with {memory_mb} MB failed for the smallest message")
                cold.append(running.init + first)
                if number == COLD_STARTS - 1:
                    for size in sizes:
                        warm[size.name] = self._find_warm(running, function, size)
                        peak[size.name] = running.find_peak_mb()
                    _check_log(running, function)
        return Figures(statistics.median(cold) - (warm[sizes[0].name] or 0), warm, peak)

    def _find_warm(self, running: Running, function: str, size: Size) -> float | None:
        times = []
        for _ in range(_WARM_CALLS if size.attachment < _LARGE else _WARM_CALLS_OF_LARGE):
            if (time := self._send(running, function, size)) is None:
                return None
            times.append(time)
        return statistics.median(times)

    def _send(self, running: Running, function: str, size: Size) -> float | None:
        """Return the milliseconds of one message; None when the function did not end in time."""
        call = running.send(_make_event(function, SIZES.index(size)))
        if call.problem and "NoTimeLeft" not in call.problem:
            raise RuntimeError(f"{function}: {call.problem[:2000]}")
        return None if call.problem else call.milliseconds

    def _open(self, function: str, memory_mb: int, settings: dict[str, str]) -> Any:
        opt = self._layers[function == "availability"]
        return self._lab.open(ROOT / "functions" / function, opt, settings, memory_mb)


_calls = iter(range(10**9))


def _make_event(function: str, number: int) -> Any:
    """Return a new event for the message at `number`."""
    if function == "availability":
        # Another time for each request: the function keeps answers for a while.
        day = next(_calls) % 28 + 1
        window = {"startDate": f"2021-06-{day:02}T00:00:00.000Z", "endDate": f"2021-07-{day:02}T00:00:00.000Z"}
        return read_availability_request() | {"window": window}
    return mail.event(number) | {"invocationId": f"{next(_calls):032x}"}


def _check_log(running: Running, function: str) -> None:
    """Raise RuntimeError when a message was left unchanged: the figures would be those of an error."""
    reports = [line for line in _read_reports(running.read_log()) if "changed" in line]
    unchanged = [line for line in reports if not line["changed"] and line.get("reason") != "NoTimeLeft"]
    if function in SETTINGS and (unchanged or not reports):
        raise RuntimeError(f"{function} left {len(unchanged)} of {len(reports)} messages unchanged: {unchanged[:1]}")


def _read_reports(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
