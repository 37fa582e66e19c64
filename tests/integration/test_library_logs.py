"""Libraries write nothing into a function's log: a process like Lambda's, with a root handler, and a server with a broken header."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from socket import socket
from typing import Any, Final

import pytest

from mailhooks.library_logs import _LIBRARIES
from tests.support.backends import request
from tests.support.serving import accepting

ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "s3cret-address-of-a-feed"
BROKEN: Final = (
    b"HTTP/1.1 200 OK\r\nX-Leak: hunter2-header\r\nthis line has no colon hunter2-line\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
)

LIKE_LAMBDA: Final = """
import json, logging, sys, warnings
root = logging.getLogger()
root.addHandler(logging.StreamHandler(sys.stdout))
root.setLevel(logging.DEBUG)
from app import handler
"""
"""Lambda's runtime client adds a root handler before it imports the function."""

CALL: Final = "json.dump(handler(json.load(sys.stdin), None), sys.stderr)\n"


def run(folder: str, script: str, *, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PYTHONPATH": f"{ROOT / 'layers/mailhooks'}:{ROOT / 'functions' / folder}",
        "PYTHONWARNINGS": "always",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", LIKE_LAMBDA + script], input=stdin, env=environment, capture_output=True, text=True, check=True, timeout=60
    )


@contextmanager
def broken_server(response: bytes = BROKEN) -> Iterator[str]:
    """Answer every connection with the same response."""

    def serve(connection: socket) -> None:
        connection.recv(65536)
        connection.sendall(response)

    with accepting(serve) as port:
        yield f"http://127.0.0.1:{port}"


def backends(url: str) -> dict[str, Any]:
    return {
        "ics": {"type": "ics", "feeds": [{"mailbox": "bob@example.net", "url": f"{url}/{SECRET}/basic.ics"}]},
        "caldav": {"type": "caldav", "url": f"{url}/{SECRET}/{{mailbox}}/", "username": "svc", "password": "hunter2-password"},
        "ews": {
            "type": "ews",
            "url": f"{url}/{SECRET}/Exchange.asmx",
            "auth": {"type": "basic", "username": "svc", "password": "hunter2-password"},
        },
    }


@pytest.mark.parametrize("kind", ["ics", "caldav", "ews"])
def test_a_header_without_a_colon_puts_no_url_into_the_log(tmp_path: Path, kind: str) -> None:
    with broken_server() as url:
        backend = backends(url)[kind]
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"backends": {"x": backend}, "routes": [{"mailboxes": ["*"], "backend": "x"}]}))
        done = run("availability", CALL, stdin=json.dumps(request("bob@example.net")), AVAILABILITY_CONFIG=str(config))
    [answered] = json.loads(done.stderr)["mailboxes"]
    assert answered["error"] == "ErrorFreeBusyGenerationFailed"
    assert '"asked":{"x":1}' in done.stdout
    for secret in (SECRET, "hunter2", "example.net", "127.0.0.1", "colon", "urllib3"):
        assert secret not in done.stdout


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"\x00hunter2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\nhunter2",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\nConnection: close\r\n\r\nhunter2",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nhunter2\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://[hunter2/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ],
)
def test_an_error_of_a_response_puts_no_text_of_it_into_the_log(tmp_path: Path, response: bytes) -> None:
    with broken_server(response) as url:
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"backends": {"x": backends(url)["ics"]}, "routes": [{"mailboxes": ["*"], "backend": "x"}]}))
        done = run("availability", CALL, stdin=json.dumps(request("bob@example.net")), AVAILABILITY_CONFIG=str(config))
    assert "error" in json.loads(done.stderr)["mailboxes"][0]
    for secret in (SECRET, "hunter2", "example.net", "127.0.0.1", "Traceback", "urllib3"):
        assert secret not in done.stdout


LOG: Final = """
for name in %s:
    logging.getLogger(name).critical("leak of the logger " + name)
    logging.getLogger(name + ".inner").critical("leak of the logger " + name)
    warnings.warn_explicit("leak of the module " + name, UserWarning, name + ".py", 1, module=name + ".inner")
logging.captureWarnings(True)
warnings.warn_explicit("leak of a captured warning", UserWarning, "user.py", 1, module="urllib3.connection")
logging.captureWarnings(False)
logging.getLogger("user.code").info("a record of user code")
logging.info("a root record")
warnings.warn_explicit("a warning of user code", UserWarning, "user.py", 1, module="user")
"""


@pytest.mark.parametrize("folder", ["availability", "bounce", "disclaimer", "mailflow", "observe", "rewrite"])
def test_in_each_function_libraries_are_silent_and_user_code_is_not(folder: str) -> None:
    names = [
        "urllib3",
        "requests",
        "msal",
        "google",
        "exchangelib",
        "botocore",
        "boto3",
        "asyncio",
        "charset_normalizer",
        "s3transfer",
        "spnego",
    ]
    done = run(folder, LOG % names)
    printed = done.stdout + done.stderr
    assert "leak" not in printed
    for expected in ("a record of user code", "a root record", "a warning of user code"):
        assert expected in printed


def test_without_a_root_handler_libraries_do_not_reach_the_handler_of_last_resort() -> None:
    done = run("bounce", "root.handlers.clear()\nlogging.getLogger('urllib3.connection').critical('leak')\n")
    assert "leak" not in done.stdout + done.stderr


def test_every_package_of_the_layers_is_silenced() -> None:
    packages = set()
    for requirements in ROOT.glob("layers/*/requirements.txt"):
        for name in re.findall(r"^([a-z][\w.-]*)==", requirements.read_text(), re.M):
            files = metadata.distribution(name).files or ()
            packages |= {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py" and file.parts[0][0] not in "_."}
    assert packages - {"aws_lambda_powertools"} <= {*_LIBRARIES}
