"""Measure functions in processes of their own, over HTTP on 127.0.0.1: cold starts, the first message after a restore, warm calls.

The peer (`programs/peer/app.py`) is a function of boto3 and `email.message` that makes the same change in the simplest way.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tools.bench import mail
from tools.bench.copies import Copy
from tools.bench.measure import Bar, find_ratio, measure_in_turn, print_bar, print_heading, print_times, run_process

PROGRAMS = Path(__file__).parent / "programs"

ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": str(PROGRAMS),  # a folder without `.aws`, as in Lambda
    "LANG": "C.UTF-8",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "REWRITE_BUCKET": "bench-rewrite",
    "SUBJECT_TAG": "[EXTERNAL]",
    "ORGANIZATION_DOMAINS": "example.com",
}

PROCESSES = 15
WARM_PROCESSES = 5
MESSAGES = 300
UNCOUNTED = 20  # in programs/one_function.py
PAUSE_S = 0.3

FUNCTIONS = ("rewrite", "mailflow")
PEER = "the peer: boto3 and email.message"

PEER_COLD = 0.87
"""The peer's CPU time of a cold start, of that of a function that does and imports the same as AWS's sample, BeautifulSoup included.

Measured on 29 November 2026 with boto3 1.43 and beautifulsoup4 4.15: both by `programs/one_function.py` in turn, the median of 15 rounds.
Load changes it by some hundredths; 0.69 of the instructions (`instructions.PEER_COLD`) is exact. Warm calls of both need the same
instructions, within 0.1 %.
"""

COLD_BARS = {"rewrite": Bar(0.65, aim=0.5), "mailflow": Bar(0.78, aim=0.6)}
WARM_BARS = {"rewrite": Bar(0.62, aim=0.4)}
"""Bars for ratios to AWS's sample function `workmail-update-email`. `mailflow` has no bar for warm calls."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Milliseconds of CPU time: the whole process, the load, the first message, each message that was counted (0 if none was)."""

    process: float
    load: float
    first: float
    each: float


@dataclass(frozen=True, slots=True)
class Server:
    """The running message server (see `programs/message_server.py`), and the URL by which functions reach it."""

    port: int
    url: str

    def count_puts(self) -> int:
        """Return the number of messages that were stored with the tag."""
        with urlopen(f"http://127.0.0.1:{self.port}/puts") as response:
            return int(response.read())


@contextmanager
def serve_messages(folder: Path, messages: Sequence[bytes] = ()) -> Iterator[Server]:
    """Run the message server, in a process of its own.

    Args:
        messages: the message with the ID of `mail.event(number)` is that at `number`; without any, all IDs have one message of 10 KB.
    """
    contents = messages or [mail.message(10_000)]
    paths = [folder / f"message-{number}.eml" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    command = [sys.executable, str(PROGRAMS / "message_server.py"), *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            port = int(running.stdout.readline() if running.stdout else 0)
            yield Server(port, f"http://127.0.0.1:{port}")
        finally:
            running.kill()


@dataclass(frozen=True, slots=True)
class Function:
    """A function with its name in the tables, the path and environment of its process, and the client of AWS that it must use."""

    name: str
    environment: dict[str, str]
    client: str = "boto3"

    @classmethod
    def of_copy(cls, copy: Copy, name: str, server: Server) -> "Function":
        """Return a function of a copy with its default settings. Checkouts of before 29 November 2026 have boto3's clients only."""
        folder = copy.functions / name
        client = "light" if (copy.site / "mailhooks/aws/light_client.py").exists() else "boto3"
        policy = folder / "policy.yaml"
        return cls(copy.label(name), _environment(server, [folder, copy.site], {"POLICY": str(policy)} if policy.is_file() else {}), client)

    def with_boto3(self) -> "Function":
        """Return the function with boto3's clients."""
        return Function(f"{self.name}, AWS_CLIENT=boto3", {**self.environment, "AWS_CLIENT": "boto3"})

    @classmethod
    def peer(cls, server: Server) -> "Function":
        return cls(PEER, _environment(server, [PROGRAMS / "peer"], {"DISCLAIMER_TEXT": "Confidential."}))

    def command(self, messages: int = 0, pause_s: float = 0) -> list[str]:
        """Return the command that loads the function and processes messages."""
        return [sys.executable, "-P", str(PROGRAMS / "one_function.py"), json.dumps(mail.event()), str(messages), str(pause_s)]

    def run(self, messages: int = 0, pause_s: float = 0) -> Steps:
        """Run the function in a new process.

        Raises:
            RuntimeError: the process failed, or used another client of AWS.
        """
        run = run_process(self.command(messages, pause_s), self.environment)
        steps = self.read_steps(run.output)
        return Steps(run.cpu_ms, steps["load"][0], steps["first"][0], steps["each"][0])

    def read_steps(self, output: str) -> dict[str, Any]:
        """Return the last line of the output of `programs/one_function.py`.

        Raises:
            RuntimeError: the function used another client of AWS than the one that is to be measured.
        """
        steps: dict[str, Any] = json.loads("{" + output.rpartition("\n{")[2])
        if steps["client"] != self.client:
            raise RuntimeError(f"{self.name} used the {steps['client']} client of AWS instead of {self.client}")
        return steps


def list_functions(copies: Sequence[Copy], server: Server) -> list[Function]:
    """Return the peer, the functions of all copies, and those of this checkout with boto3's clients."""
    ours = [Function.of_copy(copies[0], name, server) for name in FUNCTIONS]
    others = [Function.of_copy(copy, name, server) for copy in copies[1:] for name in FUNCTIONS]
    return [Function.peer(server), *ours, *(each.with_boto3() for each in ours), *others]


def _environment(server: Server, path: Sequence[Path], settings: dict[str, str]) -> dict[str, str]:
    endpoints = {f"AWS_ENDPOINT_URL_{service}": server.url for service in ("WORKMAILMESSAGEFLOW", "S3")}
    return {**ENVIRONMENT, **endpoints, **settings, "PYTHONPATH": os.pathsep.join(map(str, path))}


def measure_cold_starts(copies: Sequence[Copy], folder: Path) -> None:
    """Print the CPU time of new processes that load a function and process one message, and that of the message alone.

    With SnapStart all before the message is in the snapshot: the second table has what stays, as far as this machine shows it.
    """
    empty = partial(run_process, [sys.executable, "-c", "pass"], ENVIRONMENT)
    print_heading(f"Cold start: load the function, one message of 10 KB over HTTP, end; CPU time of {PROCESSES} processes in turn")
    print_times("an empty Python process", [empty().cpu_ms for _ in range(PROCESSES)])
    steps = _run_in_turn(copies, folder, lambda each: each.run(pause_s=PAUSE_S), PROCESSES, 1)
    _print_figures("cold", {name: [each.process for each in runs] for name, runs in steps.items()}, copies, COLD_BARS, PEER_COLD)
    print_heading(f"The first message alone, {PAUSE_S} s after the load, as after a restore by SnapStart; CPU time of the same processes")
    _print_figures("restored", {name: [each.first for each in runs] for name, runs in steps.items()}, copies, {})


def measure_warm_calls(copies: Sequence[Copy], folder: Path) -> None:
    """Print the CPU time of each message after the first ones."""
    print_heading(f"Warm: each of {MESSAGES} messages of 10 KB over HTTP; CPU time, {WARM_PROCESSES} processes in turn")
    steps = _run_in_turn(copies, folder, lambda each: each.run(MESSAGES), WARM_PROCESSES, 1 + UNCOUNTED + MESSAGES)
    _print_figures("warm", {name: [each.each for each in runs] for name, runs in steps.items()}, copies, WARM_BARS)


def _run_in_turn(
    copies: Sequence[Copy], folder: Path, run: Callable[[Function], Steps], rounds: int, messages: int
) -> dict[str, list[Steps]]:
    """Return the steps of the peer's and our processes, by the functions' names. A process has `messages` messages."""
    with serve_messages(folder) as server:
        functions = list_functions(copies, server)
        steps = measure_in_turn([partial(run, each) for each in functions], rounds)
        if (puts := server.count_puts()) != len(functions) * (rounds + 1) * messages:
            raise RuntimeError(f"only {puts} messages were stored with the tag: the figures would be those of an error")
    return {each.name: runs for each, runs in zip(functions, steps, strict=True)}


def _print_figures(
    what: str, figures: dict[str, list[float]], copies: Sequence[Copy], bars: dict[str, Bar], peer_of_sample: float = 1
) -> None:
    """Print each function's figures, and ratios to the peer and other copies. `peer_of_sample` is the peer's time of the sample's."""
    for name, times in figures.items():
        print_times(name, times)
    ours, *others = copies
    for name in FUNCTIONS:
        print_ratio_to_peer(
            f"{what} {name}, CPU time", find_ratio(figures[ours.label(name)], figures[PEER]), peer_of_sample, bars.get(name)
        )
        for other in others:
            print(
                f"  => {what} {name}: {find_ratio(figures[ours.label(name)], figures[other.label(name)]):.2f} of the time of {other.name}"
            )


def print_ratio_to_peer(text: str, ratio: float, peer_of_sample: float, bar: Bar | None) -> None:
    """Print a ratio to the peer, and below it the ratio to AWS's sample that follows, with its bar."""
    print(f"  => {text}: {ratio:.2f} of the peer's")
    if bar:
        print_bar(f"{text}, of AWS's sample ({ratio:.2f} of the peer x {peer_of_sample:g})", ratio * peer_of_sample, bar)
