"""Functions that Lambda restores from a snapshot (SnapStart): clones of one loaded process, long after it was loaded."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from mailhooks.core.policy_source import PolicySource
from tests.support.backends import request
from tests.support.mail import event
from tests.support.serving import Quiet, serving

ROOT: Final = Path(__file__).parents[3]
MESSAGE: Final = (
    b"From: Nora <nora@example.net>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
)
POLICY: Final = "version: 1\nrules:\n  - name: {0}\n    do: {{ subject_tag: '[{0}]' }}\n"

CLONES: Final = """
import json, os, random, sys, threading, time

connections = []
sys.addaudithook(lambda name, values: connections.append(name) if name in ("socket.connect", "socket.getaddrinfo") else None)
os.chdir(sys.argv[1])
sys.path.insert(0, "")
import app

def is_socket(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    except OSError:
        return False

loaded = {
    "connections": connections,
    "sockets": sum(map(is_socket, os.listdir("/proc/self/fd"))),
    "threads": threading.active_count() - 1,
}
print("LOADED", json.dumps(loaded), flush=True)
event = json.loads(sys.argv[2])
started, monotonic, wall = time.monotonic(), time.monotonic, time.time
for clone in range(2):
    child = os.fork()
    if not child:
        # As in a snapshot: each clone has the state of the same generator, and the clocks are weeks later.
        random.seed(1)
        time.monotonic = lambda: monotonic() + 30 * 86400
        time.time = lambda: wall() + 30 * 86400
        print("ANSWER", json.dumps(app.handler(event, None)), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
"""Loads the function in the folder argv[1], and handles the event argv[2] in two forks of the process."""


class Services(Quiet, BaseHTTPRequestHandler):
    """The services of AWS, as far as the functions here call them."""

    protocol_version = "HTTP/1.1"
    keys: list[str]
    credentials: list[str | None]
    policy: str

    def do_GET(self) -> None:
        if self.path == "/credentials":
            self.credentials.append(self.headers["Authorization"])
            expiration = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
            found = {"AccessKeyId": "local", "SecretAccessKey": "x", "Token": "y", "Expiration": expiration}
            self.answer(200, json.dumps(found).encode())
            return
        self.check_signature()
        self.answer(200, self.policy.encode() if "policy.yaml" in self.path else MESSAGE)

    def check_signature(self) -> None:
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=local/")
        assert self.headers["X-Amz-Security-Token"] == "y"

    def do_PUT(self) -> None:
        self.check_signature()
        self.body()
        self.keys.append(self.path)
        self.answer(200, ETag='"0"', x_amz_version_id="v1")

    def do_POST(self) -> None:
        self.body()
        self.answer(200, b"{}")


class Clones(NamedTuple):
    """The state of the loaded process, the output of its clones, their answers, their paths in S3, their requests of credentials."""

    loaded: dict[str, Any]
    output: str
    answers: list[Any]
    keys: list[str]
    credentials: list[str | None]


def run(function: str, document: Any, *, source: str = "server", **variables: str) -> Clones:
    """Load a function and handle a document in two clones.

    Args:
        source: of credentials: "server" as in Lambda with SnapStart, or "environment" as without.
    """
    Services.keys = keys = []
    Services.credentials = credentials = []
    with serving(Services) as url:
        done = subprocess.run(
            [sys.executable, "-c", CLONES, str(ROOT / "functions" / function), json.dumps(document)],
            env={
                "PYTHONPATH": str(ROOT / "layers/mailhooks"),
                **(
                    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token"}
                    if source == "server"
                    else {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "y"}
                ),
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_ENDPOINT_URL": url,
                "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
                "REWRITE_BUCKET": "rewrites",
                "ORGANIZATION_DOMAINS": "example.com",
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    loaded, *answers = map(json.loads, re.findall(r"^(?:LOADED|ANSWER) (.+)", done.stdout, re.MULTILINE))
    return Clones(loaded, done.stdout, answers, keys, credentials)


@pytest.mark.parametrize("source", ["server", "environment"])
@pytest.mark.parametrize(
    "function, variables, changes",
    [
        ("rewrite", {"SUBJECT_TAG": "[EXTERNAL]"}, True),
        ("disclaimer", {"DISCLAIMER_TEXT": "Example GmbH"}, True),
        ("mailflow", {}, True),
        ("bounce", {}, False),
        ("observe", {}, False),
        ("availability", {}, False),
    ],
)
def test_a_loaded_function_has_no_connection_and_its_clones_share_no_state(
    function: str, variables: dict[str, str], changes: bool, source: str
):
    clones = run(function, request("ana@example.com") if function == "availability" else event(), source=source, **variables)
    assert clones.loaded == {"connections": [], "sockets": 0, "threads": 0}
    assert len(clones.answers) == 2
    assert clones.answers[0] == clones.answers[1]
    stored = [key for key in clones.keys if "/rewritten/" in key]
    assert len(set(stored)) == len(stored) == (2 if changes else 0), "two clones stored their content under one name"
    calls = changes or function == "observe"
    assert clones.credentials == ["token"] * (2 if calls and source == "server" else 0), "each clone has credentials of its own"


def test_a_clone_fetches_the_policy_that_is_in_force_after_the_restore():
    Services.policy = POLICY.format("new")
    clones = run("mailflow", event(), POLICY="s3://policies/policy.yaml")
    assert clones.loaded == {"connections": [], "sockets": 0, "threads": 0}
    assert clones.output.count('"rules":["new"]') == 2


def test_a_policy_that_is_fetched_once_is_fetched_at_the_first_message():
    fetched = iter([POLICY.format("first"), POLICY.format("second")])
    source = PolicySource(lambda: next(fetched), "s3", 0, fetch_now=False)
    for _ in range(2):
        assert [rule.name for rule in source.current().rules] == ["first"]
