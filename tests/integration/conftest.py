"""The functions as they are deployed, loaded in this process, with real boto3 and real servers on the loopback interface."""

import importlib.util
import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from local.workmail import LocalWorkMail
from mailhooks.settings import env

FUNCTIONS = Path(__file__).parents[2] / "functions"
_NUMBERS = itertools.count()

Load = Callable[..., ModuleType]


@pytest.fixture
def workmail() -> Iterator[LocalWorkMail]:
    with LocalWorkMail() as running:
        yield running


@pytest.fixture
def load(workmail: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """`load("rewrite", SUBJECT_TAG="[X]")`: the function's module, loaded anew with these variables on top of the servers'."""

    def load_function(name: str, **variables: str) -> ModuleType:
        number = next(_NUMBERS)
        for key, value in {**workmail.environment, "POWERTOOLS_SERVICE_NAME": f"integration-{number}", **variables}.items():
            monkeypatch.setenv(key, value)
        env.cache_clear()
        spec = importlib.util.spec_from_file_location(f"function_{name}_{number}", FUNCTIONS / name / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load_function
    env.cache_clear()


@pytest.fixture
def refusing_s3() -> Iterator[Callable[[int, str], str]]:
    """`refusing_s3(503, "SlowDown")`: the address of an S3 that answers everything so. moto's own S3 refuses nobody."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(status: int, code: str) -> str:
        class Refuse(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = f"<Error><Code>{code}</Code><Message>ordered by a test</Message></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"Subject: half a mess")
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
