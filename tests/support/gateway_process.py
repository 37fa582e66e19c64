"""A gateway or a milter in a process of its own, which a test can kill."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.support.waiting import wait_until
from workmail_local.config.functions import ROOT

Settings = Mapping[str, str | int | bool | Sequence[str]]
"""Settings of gateway.toml at the top level, or of a listener."""


def write_gateway_config(path: Path, policy: str, listeners: Sequence[Settings], **settings: str | int | bool | Sequence[str]) -> Path:
    """Write a policy, a secret for marks and gateway.toml into a new folder. Return the path of gateway.toml."""
    path.mkdir(parents=True)
    (path / "policy.yaml").write_text(policy, "utf-8")
    secret = path / "mark-secret"
    secret.write_text("0123456789abcdef0123456789abcdef", "ascii")
    secret.chmod(0o600)
    top = {
        "policy": str(path / "policy.yaml"),
        "organization_domains": ["example.com"],
        "host_name": "gateway.example.com",
        "postmaster": "postmaster@example.com",
        "mark_secret_file": str(secret),
        **settings,
    }
    tables = [_make_lines(top), *(f"[[listener]]\n{_make_lines(each)}" for each in listeners)]
    file = path / "gateway.toml"
    file.write_text("\n".join(tables), "utf-8")
    return file


def _make_lines(settings: Settings) -> str:
    # JSON's strings, numbers, booleans and arrays are TOML's.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


@dataclass
class GatewayProcess:
    """A process of `workmail-hooks gateway`.

    Attributes:
        command: `serve` for SMTP and LMTP, `milter`.
        ports: of its listeners; it has started when it accepts connections on each.
        log: the file with its output.
    """

    command: Literal["serve", "milter"]
    config: Path
    ports: Sequence[int]
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        return self.config.with_name(f"{self.command}.log")

    @property
    def id(self) -> int:
        """The ID of the running process."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start the process if it does not run, and wait until it accepts connections."""
        if self._process and self._process.poll() is None:
            return
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workmail_local", "gateway", self.command, str(self.config)],
                env=kept | {"PYTHONPATH": os.pathsep.join([str(ROOT / "layers/mailhooks"), str(ROOT)])} | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._has_started, 30)

    def _has_started(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text("utf-8", "replace")[-2000:]
        return all(_accepts_connections(port) for port in self.ports)

    def stop(self, request: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait for the end; nothing if the process has ended."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(request)
            self._process.wait(30)

    def kill(self) -> None:
        """End the process as a crash does: it cannot complete or clean up anything."""
        self.stop(signal.SIGKILL)


def _accepts_connections(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def run_gateway(
    command: Literal["serve", "milter"], config: Path, ports: Sequence[int], environment: Mapping[str, str] | None = None
) -> Iterator[GatewayProcess]:
    """Run a process until the block ends, from the moment on at which it accepts connections."""
    process = GatewayProcess(command, config, ports, environment or {})
    try:
        process.start()
        yield process
    finally:
        process.stop()
