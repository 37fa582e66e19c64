"""Measure the start and the first call of functions in Lambda's base image, with a share of one processor as in Lambda.

This process is Lambda: it serves the Runtime API, so it sees when a function has ended its init phase (the function asks for its first
event) and when it answers. The function's container is in the network of a relay to servers on 127.0.0.1 and reaches nothing else.
"""

import json
import os
import shutil
import statistics
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from local.containers.relay import IMAGE, Relay
from local.errors import ServerError
from tests.support.servers.certificates import Authority
from tests.support.servers.graph import CLIENT, SECRET, TENANT, MicrosoftCloud, User
from tests.support.servers.hosting import ServerPool
from tools.bench import mail
from tools.bench.copies import ROOT, Copy
from tools.bench.functions import ENVIRONMENT, Server, serve_message

CPUS = 0.58
"""Lambda gives a function of 1024 MB this share of a processor: one whole processor for 1769 MB (developer guide, "Memory")."""

MEMORY_MB = 1024
RUNS = 7
FUNCTIONS = ("rewrite", "mailflow", "availability")
_TIMEOUT_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Start:
    """Milliseconds of wall time and of CPU time: of the init phase, with the start of the interpreter, and of the first call."""

    init: float
    init_cpu: float
    call: float
    call_cpu: float


def main(copies: Sequence[Copy], folder: Path) -> None:
    python = os.environ.get("PYTHON313")
    if not python:
        print("\nLambda container: skipped: no CPython 3.13, which compiles the layers: set PYTHON313=/path/to/it")
        return
    try:
        with ExitStack() as stack:
            lab = stack.enter_context(_open_laboratory(folder))
            layers = {copy.name: _build_layers(copy, folder / f"layers-{number}", python) for number, copy in enumerate(copies)}
            _measure(lab, copies, layers)
    except ServerError as error:
        print(f"\nLambda container: skipped: {error}")


def _measure(lab: "Laboratory", copies: Sequence[Copy], layers: Mapping[str, "Layers"]) -> None:
    print(f"\nLambda's base image, {CPUS} of a processor, {MEMORY_MB} MB; medians of {RUNS} new containers, in turn; no bars")
    print(f"{'':34} {'init':>12} {'its CPU':>12} {'first call':>12} {'its CPU':>12} {'both':>12}")
    for function in FUNCTIONS:
        runs: dict[str, list[Start]] = {copy.label(function): [] for copy in copies}
        for copy in copies:
            lab.check_client(copy, function, layers[copy.name])
        for _ in range(RUNS):
            for copy in copies:
                runs[copy.label(function)].append(lab.start(copy, function, layers[copy.name]))
        for name, starts in runs.items():
            columns = [[each.init for each in starts], [each.init_cpu for each in starts], [each.call for each in starts]]
            columns += [[each.call_cpu for each in starts], [each.init + each.call for each in starts]]
            print(f"{name:34} " + " ".join(f"{statistics.median(column):9.0f} ms" for column in columns), flush=True)


@dataclass(frozen=True, slots=True)
class Layers:
    """The folders for /opt: of the mail functions, and of `availability`, which has two layers."""

    mail: Path
    availability: Path


def _build_layers(copy: Copy, folder: Path, python: str) -> Layers:
    """Build the layers as `sam build` does, from a copy of their sources, because the Makefiles write into their folders."""
    sources = folder / "sources"
    shutil.copytree(copy.checkout / "layers", sources, ignore=shutil.ignore_patterns("__pycache__", ".wheels"))
    built = Layers(folder / "mail", folder / "availability")
    for name, target, place in (("mailhooks", "MailhooksLayer", built.mail), ("availability", "AvailabilityLayer", built.availability)):
        place.mkdir()
        options = [f"ARTIFACTS_DIR={place}", f"PYTHON313={python}"]
        command = ["make", "-s", "-C", str(sources / name), f"build-{target}", *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"the {target} of {copy.checkout} cannot be built: {done.stdout[-2000:]}")
    shutil.copytree(built.mail, built.availability, dirs_exist_ok=True)
    return built


class Laboratory:
    """Everything that a function's container reaches: the Runtime API, the message server and Microsoft's cloud."""

    def __init__(self, relay: Relay, api: "RuntimeApi", server: Server, authority: Authority, cloud: MicrosoftCloud, folder: Path) -> None:
        self._network = f"container:{relay.network}-relay"
        self._api, self._server = api, server
        self._roots = authority.pem
        self._configuration = folder / "availability.json"
        graph = {"type": "graph", "tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET}
        backend = {**graph, "authority": cloud.url, "endpoint": cloud.url}
        routes = [{"mailboxes": ["*"], "backend": "graph"}]
        self._configuration.write_text(json.dumps({"backends": {"graph": backend}, "routes": routes}))

    def start(self, copy: Copy, function: str, layers: Layers) -> Start:
        """Start a function in a new container and send it its first event.

        Raises:
            RuntimeError: the function failed, or delivered the message unchanged.
        """
        puts = self._server.count_puts()
        is_mail = function != "availability"
        event = mail.event() if is_mail else _read_request()
        start, _log = self._run(copy, function, layers.mail if is_mail else layers.availability, event, {})
        if is_mail and self._server.count_puts() != puts + 1:
            raise RuntimeError(f"{function} stored no message with the tag")
        return start

    def check_client(self, copy: Copy, function: str, layers: Layers) -> None:
        """Start a function for mail once more, and read from its log which modules it imports.

        Raises:
            RuntimeError: the layer has the light client, and the function does not use it alone.
        """
        if function == "availability" or not (layers.mail / "python/mailhooks/aws/light_client.py").exists():
            return
        _start, log = self._run(copy, function, layers.mail, mail.event(), {"PYTHONPROFILEIMPORTTIME": "1"})
        modules = {line.rpartition("|")[2].strip() for line in log.splitlines()}
        if "mailhooks.aws.light_client" not in modules or "mailhooks.aws.session" in modules:
            raise RuntimeError(f"{function} does not use the light client in the container: the figures would be those of boto3's clients")

    def _run(self, copy: Copy, function: str, opt: Path, event: Any, more: Mapping[str, str]) -> tuple[Start, str]:
        """Return the figures and the log of a new container with `more` variables."""
        name = f"workmail-hooks-bench-{uuid.uuid4().hex[:12]}"
        options = ["--detach", "--pull", "never", "--name", name, "--network", self._network, "--cpus", str(CPUS)]
        options += ["--memory", f"{MEMORY_MB}m", "--entrypoint", "/var/runtime/bootstrap"]
        options += ["--volume", f"{opt}:/opt:ro", "--volume", f"{copy.checkout}/functions/{function}:/var/task:ro"]
        options += ["--volume", f"{self._configuration}:/availability.json:ro"]
        if (certifi := opt / "python/certifi/cacert.pem").exists():
            options += ["--volume", f"{self._add_root(certifi)}:/opt/python/certifi/cacert.pem:ro"]
        for variable, value in {**self._variables(function), **more}.items():
            options += ["--env", f"{variable}={value}"]
        self._api.begin()
        try:
            _docker("run", *options, IMAGE)
            state = json.loads(_docker("inspect", "--format", "{{json .State}}", name))
            start = self._measure(state["Pid"], datetime.fromisoformat(state["StartedAt"]).timestamp(), event)
            return start, _docker("logs", name)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{_docker('logs', name)[-2000:]}") from None
        finally:
            _docker("rm", "--force", name)

    def _measure(self, pid: int, started: float, event: Any) -> Start:
        ready = self._api.wait("next")
        init_cpu = _read_cpu_ms(pid)
        sent = time.time()
        self._api.send(event)
        answered = self._api.wait("response")
        call_cpu = _read_cpu_ms(pid) - init_cpu
        return Start((ready - started) * 1000, init_cpu, (answered - sent) * 1000, call_cpu)

    def _add_root(self, bundle: Path) -> Path:
        """Return a bundle of certificates with that of Microsoft's cloud on this machine: the function reads all roots, as in Lambda."""
        extended = bundle.with_name("with-test-root.pem")
        extended.write_text(bundle.read_text("utf-8") + self._roots, "utf-8")
        return extended

    def _variables(self, function: str) -> dict[str, str]:
        endpoints = {f"AWS_ENDPOINT_URL_{service}": self._server.url for service in ("WORKMAILMESSAGEFLOW", "S3")}
        settings = {name: value for name, value in ENVIRONMENT.items() if name not in {"PATH", "LANG", "HOME"}}
        return {
            **settings,
            **endpoints,
            "POLICY": "/var/task/policy.yaml",
            "AVAILABILITY_CONFIG": "/availability.json",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "POWERTOOLS_SERVICE_NAME": "workmail-hooks",
            "POWERTOOLS_METRICS_NAMESPACE": "workmail-hooks",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "XRAY_TRACING": "false",
            "_HANDLER": "app.handler",
        }


@contextmanager
def _open_laboratory(folder: Path) -> Iterator[Laboratory]:
    authority = Authority.new()
    with ServerPool() as pool, RuntimeApi() as api, serve_message(folder) as server:
        cloud = MicrosoftCloud({mailbox: User() for mailbox in _read_request()["mailboxes"]})
        with pool.host(cloud, authority.issue(folder / "certificate")):
            ports = [urlsplit(url).port or 80 for url in (f"http://{api.address}", server.url, cloud.url)]
            with Relay(IMAGE, ports) as relay:
                yield Laboratory(relay, api, server, authority, cloud, folder)


class RuntimeApi:
    """Lambda's Runtime API for one function at a time, while entered (developer guide, "Lambda runtime API")."""

    def __init__(self) -> None:
        self.begin()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "RuntimeApi":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def begin(self) -> None:
        """Forget the last function, whose request for a second event has no answer."""
        self._events: Queue[bytes] = Queue()
        self._steps: Queue[tuple[str, float, bytes]] = Queue()

    def send(self, event: Any) -> None:
        """Send an event to the function that waits for it."""
        self._events.put(json.dumps(event).encode())

    def wait(self, step: str) -> float:
        """Wait until the function makes its next request, and return the time.

        Raises:
            RuntimeError: the request is not `step`: the function reports an error.
        """
        name, at, body = self._steps.get(timeout=_TIMEOUT_S)
        if name != step or b'"error"' in body:
            raise RuntimeError(f"the function sent {name}: {body[:2000].decode(errors='replace')}")
        return at

    def _make_handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api._steps.put(("next", time.time(), b""))
                self._respond(200, api._events.get())

            def do_POST(self) -> None:
                at = time.time()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api._steps.put((self.path.rpartition("/")[2], at, body))
                self._respond(202, b"{}")

            def _respond(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Lambda-Runtime-Aws-Request-Id", str(uuid.uuid4()))
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 14) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _read_request() -> Any:
    """Return the request of WorkMail's guide, for one mailbox."""
    request = json.loads((ROOT / "events/availability/guide.json").read_text("utf-8"))
    return {**request, "mailboxes": request["mailboxes"][:1]}


def _read_cpu_ms(pid: int) -> float:
    """Return the CPU time of a process and all its threads, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S)
    if done.returncode:
        raise ServerError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout + (done.stderr if arguments[0] == "logs" else "")
