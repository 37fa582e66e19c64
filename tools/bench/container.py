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
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tests.support.containers.relay import IMAGE, Relay
from tests.support.servers.certificates import Authority
from tests.support.servers.graph import CLIENT, SECRET, TENANT, MicrosoftCloud, User
from tests.support.servers.hosting import ServerPool
from tools.bench import mail
from tools.bench.copies import ROOT, Copy
from tools.bench.functions import ENVIRONMENT, Server, serve_messages
from workmail_local.errors import ServerError

MEMORY_MB = 1024
MEMORY_OF_ONE_CPU_MB = 1769
"""Lambda gives a function processors in proportion to its memory: one for this size (developer guide, "Memory")."""

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
            lab = stack.enter_context(open_laboratory(folder))
            layers = {copy.name: build_layers(copy, folder / f"layers-{number}", python) for number, copy in enumerate(copies)}
            _measure(lab, copies, layers)
    except ServerError as error:
        print(f"\nLambda container: skipped: {error}")


def _measure(lab: "Laboratory", copies: Sequence[Copy], layers: Mapping[str, "Layers"]) -> None:
    print(
        f"\nLambda's base image, {find_cpus(MEMORY_MB):.2f} of a processor, {MEMORY_MB} MB; "
        f"medians of {RUNS} new containers, in turn; no bars"
    )
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
class Call:
    """Milliseconds of wall time and of CPU time of one event, and the problem that the function reported; "" for none."""

    milliseconds: float
    cpu: float
    problem: str = ""


class Running:
    """A function that has ended its init phase, in its container.

    Attributes:
        init: milliseconds of wall time of the init phase, with the start of the interpreter.
        init_cpu: its CPU time.
    """

    def __init__(self, name: str, api: "RuntimeApi") -> None:
        self._name = name
        self._api = api
        state = json.loads(run_docker("inspect", "--format", "{{json .State}}", name))
        self._pid: int = state["Pid"]
        ready = api.wait("next")
        self.init = (ready - datetime.fromisoformat(state["StartedAt"]).timestamp()) * 1000
        self.init_cpu = _read_cpu_ms(self._pid)

    def send(self, event: Any) -> Call:
        """Send an event, and wait until the function has answered and asks for the next.

        Raises:
            RuntimeError: the function's process ended, or did not answer.
        """
        before, sent = _read_cpu_ms(self._pid), time.time()
        self._api.send(event)
        step, answered, body = self._api.receive()
        problem = "" if step == "response" and b'"error"' not in body else body.decode(errors="replace")
        call = Call((answered - sent) * 1000, _read_cpu_ms(self._pid) - before, problem)
        self._api.wait("next")
        return call

    def find_peak_mb(self) -> float:
        """Return the largest memory of the process since its start, in MB."""
        status = Path(f"/proc/{self._pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def read_log(self) -> str:
        """Return all that the function has logged."""
        return run_docker("logs", self._name)


@dataclass(frozen=True, slots=True)
class Layers:
    """The folders for /opt: of the mail functions, and of `availability`, which has two layers."""

    mail: Path
    availability: Path


def build_layers(copy: Copy, folder: Path, python: str) -> Layers:
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
        event = mail.event() if is_mail else read_availability_request()
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
        with self.open(copy.checkout / "functions" / function, opt, more) as running:
            call = running.send(event)
            if call.problem:
                raise RuntimeError(f"the function failed: {call.problem[:2000]}")
            return Start(running.init, running.init_cpu, call.milliseconds, call.cpu), running.read_log()

    @contextmanager
    def open(self, code: Path, opt: Path, more: Mapping[str, str], memory_mb: int = MEMORY_MB) -> Iterator[Running]:
        """Run a function in a new container with a memory size and its share of processors.

        Args:
            code: the folder of the function; its name is that of the function.
            opt: the folder of its layers.
            more: variables beyond the usual ones.

        Raises:
            RuntimeError: the function failed; the text ends with its log.
        """
        name = f"workmail-hooks-bench-{uuid.uuid4().hex[:12]}"
        options = ["--detach", "--pull", "never", "--name", name, "--network", self._network, "--cpus", f"{find_cpus(memory_mb):.3f}"]
        # Without swap, as in Lambda.
        options += ["--memory", f"{memory_mb}m", "--memory-swap", f"{memory_mb}m", "--entrypoint", "/var/runtime/bootstrap"]
        options += ["--volume", f"{opt}:/opt:ro", "--volume", f"{code}:/var/task:ro"]
        options += ["--volume", f"{self._configuration}:/availability.json:ro"]
        if (certifi := opt / "python/certifi/cacert.pem").exists():
            options += ["--volume", f"{self._add_root(certifi)}:/opt/python/certifi/cacert.pem:ro"]
        variables = {**self._variables(code.name), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb), **more}
        for variable, value in variables.items():
            options += ["--env", f"{variable}={value}"]
        self._api.begin()
        try:
            run_docker("run", *options, IMAGE)
            yield Running(name, self._api)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\nThe end of its log:\n{run_docker('logs', name)[-2000:]}") from None
        finally:
            run_docker("rm", "--force", name)

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
            **({"POLICY": "/var/task/policy.yaml"} if function == "mailflow" else {}),
            "AVAILABILITY_CONFIG": "/availability.json",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "POWERTOOLS_SERVICE_NAME": "workmail-hooks",
            "POWERTOOLS_METRICS_NAMESPACE": "workmail-hooks",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "XRAY_TRACING": "false",
            "_HANDLER": "app.handler",
        }


@contextmanager
def open_laboratory(folder: Path, messages: Sequence[bytes] = ()) -> Iterator[Laboratory]:
    """Start all that functions reach. Messages: see `serve_messages`."""
    authority = Authority.new()
    with ServerPool() as pool, RuntimeApi() as api, serve_messages(folder, messages) as server:
        cloud = MicrosoftCloud({mailbox: User() for mailbox in read_availability_request()["mailboxes"]})
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
        name, at, body = self.receive()
        if name != step:
            raise RuntimeError(f"the function sent {name}: {body[:2000].decode(errors='replace')}")
        return at

    def receive(self) -> tuple[str, float, bytes]:
        """Wait until the function makes its next request; return its name, its time and its body.

        Raises:
            RuntimeError: it makes none.
        """
        try:
            return self._steps.get(timeout=_TIMEOUT_S)
        except Empty:
            raise RuntimeError(f"the function made no request in {_TIMEOUT_S:g} s: did it end?") from None

    def _make_handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet for each answer: a second one would wait for the delayed acknowledgement of the first.
            wbufsize = -1
            disable_nagle_algorithm = True

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
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def read_availability_request() -> Any:
    """Return the request of WorkMail's guide, for one mailbox."""
    request = json.loads((ROOT / "events/availability/guide.json").read_text("utf-8"))
    return {**request, "mailboxes": request["mailboxes"][:1]}


def _read_cpu_ms(pid: int) -> float:
    """Return the CPU time of a process and all its threads, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


def find_cpus(memory_mb: int) -> float:
    """Return how many processors Lambda gives a function with this memory size."""
    return memory_mb / MEMORY_OF_ONE_CPU_MB


def run_docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S)
    if done.returncode:
        raise ServerError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout + (done.stderr if arguments[0] == "logs" else "")
