"""Server processes with folders of their own, on ports of the loopback interface."""

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_START_S: Final = 60
_STOP_S: Final = 3


class NotStarted(Exception):
    """A program failed, or a server does not accept connections in time. The text is the end of its output."""


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def make_folder(path: Path, user: str) -> Path:
    """Create a folder for a user."""
    path.mkdir()
    give(path, user)
    return path


def give(path: Path, user: str) -> None:
    """Make a user the owner of a folder and its content."""
    entry = pwd.getpwnam(user)
    for each in (path, *path.rglob("*")):
        os.chown(each, entry.pw_uid, entry.pw_gid)


def run_as(user: str, *command: str | Path, folder: Path, environment: Mapping[str, str] | None = None, text: str = "") -> str:
    """Run a program as a user without rights, and return its output.

    Raises:
        NotStarted: it failed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        group=pwd.getpwnam(user).pw_gid,
        extra_groups=[],
        cwd=folder,
        env=_environment(folder, environment),
        input=text,
        capture_output=True,
        text=True,
        timeout=_START_S,
        check=False,
    )
    if done.returncode:
        raise NotStarted(f"{command[0]} failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


@contextmanager
def run_server(
    command: Sequence[str | Path],
    *,
    folder: Path,
    port: int,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Run a server until the block ends, from its first accepted connection on.

    Args:
        command: keeps the server in the foreground.
        user: runs it; None for the user of this process.
        stop: asks the server to end. It is killed if it needs longer than a few seconds, as its data is not used again.
    """
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            cwd=folder,
            env=_environment(folder, environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        if not _accepts_connections(process, port):
            raise NotStarted(f"{command[0]} does not accept connections: {log.read_text('utf-8', 'replace')[-2000:]}")
        yield
    finally:
        _stop(process, stop)


def _environment(folder: Path, more: Mapping[str, str] | None) -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"} | dict(more or {})


def _accepts_connections(process: "subprocess.Popen[bytes]", port: int) -> bool:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as client:
            client.settimeout(1)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _stop(process: "subprocess.Popen[bytes]", request: signal.Signals) -> None:
    """Stop a server and its workers, which are in its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, request)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
