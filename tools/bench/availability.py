"""Measure look-ups at several backends, the response and the cold start."""

import contextlib
import io
import json
import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import boto3

from mailhooks.availability import answer
from mailhooks.availability.model import Limits, Schedule
from mailhooks.contract.availability import Window
from tests.support.backends import Fake, at, request
from tools.bench.copies import Copy
from tools.bench.functions import ENVIRONMENT
from tools.bench.instructions import count_instructions
from tools.bench.measure import find_ratio, measure_in_turn, print_bar, print_heading, print_times, run_process, time_call
from workmail_local.aws.moto_server import run_moto

LOOK_UP_S = 0.3
RUNS = 15
PROCESSES = 9

EXCHANGE = "import exchangelib, boto3"
GRAPH_BAR = 0.6
SLOWEST_BAR = 1.5
OVERRUN_BAR_MS = 500

DOMAINS = ("exchange.example.net", "m365.example.org", "google.example.com", "dav.example.net")


def main(copies: Sequence[Copy]) -> None:
    print("\nFree/busy times; medians, in one run")
    _measure_backends()
    _measure_hanging_backend()
    _measure_large_response()
    _measure_cold_starts(copies)


def _mailboxes(domains: Sequence[str] = DOMAINS) -> list[str]:
    return [f"user{number}@{domain}" for domain in domains for number in range(100 // len(domains))]


def _backends(delay: float = LOOK_UP_S) -> dict[str, Fake]:
    """Return backends with the limits of four types. 25 mailboxes are one look-up at the first three and 25 at the last one."""
    limits = (Limits(100), Limits(25), Limits(50), Limits(25))
    return {domain: Fake(limits=limit, delay=delay) for domain, limit in zip(DOMAINS, limits, strict=True)}


def _measure_backends() -> None:
    alone = [_time_quietly(lambda: answer(request(*_mailboxes(DOMAINS[:1])), _backends())) for _ in range(RUNS)]
    together = [_time_quietly(lambda: answer(request(*_mailboxes()), _backends())) for _ in range(RUNS)]
    print_times(f"100 mailboxes of one backend at {LOOK_UP_S * 1000:.0f} ms a look-up", alone)
    print_times(f"100 mailboxes over 4 backends at {LOOK_UP_S * 1000:.0f} ms a look-up", together)
    print_bar("compared with the slowest backend", statistics.median(together) / (LOOK_UP_S * 1000), SLOWEST_BAR, "times its time")


def _measure_hanging_backend() -> None:
    released = threading.Event()

    def hang(boxes: Sequence[str], _: Window) -> dict[str, Any]:
        released.wait(30)
        return {}

    backends = _backends()
    backends[DOMAINS[0]] = Fake(script=hang)
    started = time.monotonic()
    response = answer(request(*_mailboxes()), backends, budget_s=2.0)
    over = (time.monotonic() - started - 2.0) * 1000
    released.set()
    failed = [mailbox["mailbox"] for mailbox in response["mailboxes"] if "error" in mailbox]
    own = all(mailbox.endswith(DOMAINS[0]) for mailbox in failed) and len(failed) == 25
    which = "all of that backend" if own else "NOT those of that backend"
    print(f"one backend of 4 hangs, budget 2 s: {len(failed)} of 100 mailboxes without events, {which}")
    print_bar("response after the budget", over, OVERRUN_BAR_MS, "ms")


def _measure_large_response() -> None:
    """Measure a response with 100 mailboxes and 100 events each."""
    events = tuple(at(number / 5, length=0.15) for number in range(100))
    fake = Fake(script=lambda boxes, _: {box: Schedule(events) for box in boxes})
    times = [_time_quietly(lambda: answer(request(*_mailboxes(), days=1), {"*": fake})) for _ in range(5)]
    size = len(json.dumps(answer(request(*_mailboxes(), days=1), {"*": fake})))
    print_times(f"100 mailboxes with 100 events each, no delay ({size / 1e6:.1f} MB of JSON)", times)


_GRAPH = {"type": "graph", "tenantId": "t", "clientId": "c", "clientSecret": "s"}
_EWS = {"type": "ews", "url": "https://mail.example.net/EWS/Exchange.asmx", "auth": {"type": "basic", "username": "u", "password": "p"}}
_ICS = {"type": "ics", "feeds": [{"mailbox": "a@example.net", "url": "https://cal.example.net/a.ics"}]}

_LOAD = "import app, sys; assert any(name.startswith('mailhooks.availability.') and '.{type}' in name for name in sys.modules)"
"""Loads the function, and fails if its configuration has an error: then no module of the backend is loaded."""


def _measure_cold_starts(copies: Sequence[Copy]) -> None:
    """Measure new processes, in turn. Each reads its configuration from Secrets Manager, as the deployed function does."""
    print_heading(f"Cold start of availability: load the function, read its secret; CPU time of {PROCESSES} processes in turn")
    with run_moto(0) as url:
        _compare_cold_starts(copies, url)


def _compare_cold_starts(copies: Sequence[Copy], url: str) -> None:
    environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_SECRETS_MANAGER": url}
    secrets = boto3.client("secretsmanager", "us-east-1", endpoint_url=url, aws_access_key_id="bench", aws_secret_access_key="bench")
    commands: dict[str, tuple[str, dict[str, str]]] = {
        "an empty Python process": ("pass", {}),
        "import boto3": ("import boto3", {}),
        EXCHANGE: (EXCHANGE, {}),
    }
    for backend in (_EWS, _GRAPH, _ICS):
        name = backend["type"]
        configuration = {"backends": {name: backend}, "routes": [{"mailboxes": ["*"], "backend": name}]}
        secrets.create_secret(Name=f"bench-{name}", SecretString=json.dumps(configuration))
        for copy in copies:
            variables = {"AVAILABILITY_SECRET": f"bench-{name}", "PYTHONPATH": f"{copy.functions}/availability{os.pathsep}{copy.site}"}
            commands[copy.label(f"load the function with {name} only")] = (_LOAD.format_map(backend), variables)
    runs = [partial(_run_process, program, environment | variables) for program, variables in commands.values()]
    figures = dict(zip(commands, measure_in_turn(runs, PROCESSES), strict=True))
    for name, times in figures.items():
        print_times(name, times)
    graph = f"load the function with {_GRAPH['type']} only"
    print_bar(f"availability with Graph alone, compared with `{EXCHANGE}`", find_ratio(figures[graph], figures[EXCHANGE]), GRAPH_BAR)
    if valgrind := shutil.which("valgrind"):
        ours, theirs = (
            count_instructions(valgrind, _command(commands[name][0]), environment | commands[name][1])[0] for name in (graph, EXCHANGE)
        )
        print_bar(f"instructions of the same ({ours:,.0f} and {theirs:,.0f} million)", ours / theirs, GRAPH_BAR)
    for other in copies[1:]:
        print(f"  => compared with {other.name}: {find_ratio(figures[graph], figures[other.label(graph)]):.2f} of its time")
    _run_process(f"{commands[graph][0]}; sys.exit(bool({'exchangelib', 'boto3'} & sys.modules.keys()))", environment | commands[graph][1])
    print("  => the function loads neither exchangelib nor boto3 if only Graph is configured")


def _run_process(program: str, variables: dict[str, str]) -> float:
    return run_process(_command(program), variables).cpu_ms


def _command(program: str) -> list[str]:
    return [sys.executable, "-P", "-c", program]


def _time_quietly(call: Callable[[], object]) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        return time_call(call)
