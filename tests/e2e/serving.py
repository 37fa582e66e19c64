"""`workmail-hooks serve --containers` in a process of its own."""

import json
import os
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.sam import STOP_TIMEOUT_S

ANA = "ana@example.com"
DELIVERY_TIMEOUT_S = 240.0
"""The first call also makes the image that carries the layer, and may need an attempt or two for it."""


@dataclass(frozen=True)
class Served:
    """A server in a process of its own.

    Attributes:
        project: its copy of this project.
        screen: what it printed when it was up.
    """

    project: Path
    screen: str

    def found(self, pattern: str) -> str:
        found = re.search(pattern, self.screen, re.MULTILINE)
        assert found, self.screen
        return found[1]

    def send(self, sender: str, raw: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", int(self.found(r"SMTP, inbound +127\.0\.0\.1:(\d+)")), timeout=20) as client:
            assert client.sendmail(sender, [ANA], raw) == {}

    def delivered(self) -> list[bytes]:
        folder = self.project / ".local" / "workmail" / "mailboxes" / ANA / "new"
        return [file.read_bytes() for file in sorted(folder.glob("*"))]

    def story(self, number: int) -> dict[str, Any]:
        """Return what the page shows of the message with this number."""
        page = self.found(r"Web page +(\S+)")
        with urllib.request.urlopen(f"{page}/api/messages/{number}", timeout=20) as answer:
            story: dict[str, Any] = json.load(answer)
        return story

    def errors(self, number: int) -> list[str]:
        """Return the problem of each attempt; "" for an attempt with a valid response."""
        return [attempt["problem"] for passage in self.story(number)["passages"] for attempt in passage["attempts"]]


def until(is_so: Callable[[], object], why: Callable[[], object], timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, why()
        time.sleep(0.2)


@contextmanager
def serve(project: Path, *more: str) -> Iterator[Served]:
    """Run `workmail-hooks serve --containers` in a copy of this project, with free ports for mail and the web page."""
    ports = [f"--{name}-port=0" for name in ("smtp", "submission", "web")]
    command = [sys.executable, "-m", "workmail_local", "serve", "--containers", *ports, *more]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        reading = threading.Thread(target=process.stdout.read, daemon=True)
        try:
            screen = ""
            for line in process.stdout:
                screen += line
                if line.startswith("Mail:"):
                    break
            reading.start()
            yield Served(project, screen)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            finally:
                process.kill()
                reading.join()
