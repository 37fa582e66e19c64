"""`python -m tools.bench.availability`, a part of `make bench`: 100 mailboxes over four backends, one of them hanging, the
cost of the response, and the cost of loading the function. Each figure is of one run on this machine, with its limit.
"""

import contextlib
import io
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mailhooks.availability import answer
from mailhooks.availability.model import Limits, Schedule
from mailhooks.contract.availability import Window
from tests.support.backends import Fake, at, request

LOOK_UP_S = 0.3
RUNS = 15
PROCESSES = 9

SLOWEST_LIMIT = 1.5
OVERRUN_LIMIT_S = 0.5

ROOT = Path(__file__).parents[2]
DOMAINS = ("exchange.example.net", "m365.example.org", "google.example.com", "dav.example.net")


def main() -> None:
    print("\nFree/busy times; medians, in one run")
    _hundred()
    _hanging()
    _large()
    _cold()


def _mailboxes(domains: Sequence[str] = DOMAINS) -> list[str]:
    return [f"user{number}@{domain}" for domain in domains for number in range(100 // len(domains))]


def _backends(delay: float = LOOK_UP_S) -> dict[str, Fake]:
    """Return backends with the limits of four types. 25 mailboxes are one look-up at the first three and 25 at the last one."""
    limits = (Limits(100), Limits(25), Limits(50), Limits(25))
    return {domain: Fake(limits=limit, delay=delay) for domain, limit in zip(DOMAINS, limits, strict=True)}


def _hundred() -> None:
    alone = [_seconds(lambda: answer(request(*_mailboxes(DOMAINS[:1])), _backends())) for _ in range(RUNS)]
    together = [_seconds(lambda: answer(request(*_mailboxes()), _backends())) for _ in range(RUNS)]
    _row(f"100 mailboxes of one backend at {LOOK_UP_S * 1000:.0f} ms a look-up", alone)
    _row(f"100 mailboxes over 4 backends at {LOOK_UP_S * 1000:.0f} ms a look-up", together)
    ratio = statistics.median(together) / LOOK_UP_S
    print(f"  => {ratio:.2f} times the slowest backend; the limit is {SLOWEST_LIMIT}: {_verdict(ratio <= SLOWEST_LIMIT)}")


def _hanging() -> None:
    released = threading.Event()

    def hang(boxes: Sequence[str], _: Window) -> dict[str, Any]:
        released.wait(30)
        return {}

    backends = _backends()
    backends[DOMAINS[0]] = Fake(script=hang)
    started = time.monotonic()
    response = answer(request(*_mailboxes()), backends, budget_s=2.0)
    over = time.monotonic() - started - 2.0
    released.set()
    failed = [mailbox["mailbox"] for mailbox in response["mailboxes"] if "error" in mailbox]
    own = all(mailbox.endswith(DOMAINS[0]) for mailbox in failed) and len(failed) == 25
    print(
        f"one backend of 4 hangs, budget 2 s: the response came {over * 1000:.0f} ms later, {len(failed)} of 100 mailboxes without events"
    )
    print(
        f"  => its own mailboxes only: {_verdict(own)}; the limit is {OVERRUN_LIMIT_S * 1000:.0f} ms: {_verdict(over <= OVERRUN_LIMIT_S)}"
    )


def _large() -> None:
    """Measure a response with 100 mailboxes and 100 events each."""
    events = tuple(at(number / 5, length=0.15) for number in range(100))
    fake = Fake(script=lambda boxes, _: {box: Schedule(events) for box in boxes})
    times = [_seconds(lambda: answer(request(*_mailboxes(), days=1), {"*": fake})) for _ in range(5)]
    size = len(json.dumps(answer(request(*_mailboxes(), days=1), {"*": fake})))
    _row(f"100 mailboxes with 100 events each, no delay ({size / 1e6:.1f} MB of JSON)", times)


_GRAPH = {"type": "graph", "tenantId": "t", "clientId": "c", "clientSecret": "s"}
_EWS = {"type": "ews", "url": "https://mail.example.net/EWS/Exchange.asmx", "auth": {"type": "basic", "username": "u", "password": "p"}}
_ICS = {"type": "ics", "feeds": [{"mailbox": "a@example.net", "url": "https://cal.example.net/a.ics"}]}

_LOAD = """
import sys
sys.path[:0] = ["functions/availability", "layers/mailhooks"]
import app
assert app.handler._configuration, app.handler._config_error
"""


def _cold() -> None:
    """Measure new processes, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        commands: list[tuple[str, str, dict[str, str]]] = [
            ("an empty Python process", "pass", {}),
            ("import boto3", "import boto3", {}),
            ("import exchangelib, boto3", "import exchangelib, boto3", {}),
        ]
        for name, backend in (("ews", _EWS), ("graph", _GRAPH), ("ics", _ICS)):
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps({"backends": {name: backend}, "routes": [{"mailboxes": ["*"], "backend": name}]}))
            commands.append((f"load the function with {name} only", _LOAD, {"AVAILABILITY_CONFIG": str(path)}))
        times: list[list[float]] = [[] for _ in commands]
        for number in range(PROCESSES + 1):
            for (_, program, variables), of_command in zip(commands, times, strict=True):
                seconds = _seconds(lambda program=program, variables=variables: _process(program, variables))
                if number:
                    of_command.append(seconds)
        for (name, _, _), of_command in zip(commands, times, strict=True):
            _row(name, of_command)
        loaded = f"{_LOAD}sys.exit('exchangelib' in sys.modules)"
        _process(loaded, {"AVAILABILITY_CONFIG": str(Path(folder) / "graph.json")})
    print("  => the function does not load exchangelib if only Graph is configured")


def _process(program: str, variables: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env={"PATH": "/usr/bin:/bin"} | variables)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        call()
    return time.perf_counter() - started


def _row(what: str, seconds: Sequence[float]) -> None:
    low, middle, high = (value * 1000 for value in (min(seconds), statistics.median(seconds), max(seconds)))
    print(f"{what:66} {middle:7.0f} ms {low:7.0f} ms {high:7.0f} ms")


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
