"""The file by which commands find a running `workmail-hooks serve`: `server.json` in its folder."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

FILE: Final = "server.json"

_ANSWER_S: Final = 1.0
"""Seconds in which the web page's port accepts a connection."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The addresses of a running server.

    Attributes:
        pid: its process ID.
        page: the URL of its web page, without a slash at the end.
        inbound, outbound: its SMTP servers, as `host:port`.
        environment: the variables that lead boto3 to its services.
    """

    pid: int
    page: str
    inbound: str
    outbound: str
    environment: Mapping[str, str]


def write_running(folder: Path, server: RunningServer) -> None:
    """Write the file of a server that runs in this folder, readable by its user alone. Raises OSError."""
    new = folder / f"{FILE}.{server.pid}"
    # Never read in part, and never readable by others: the file gets its name when it is complete.
    with suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(asdict(server), stream, indent=2)
        stream.write("\n")
    new.replace(folder / FILE)


def remove_running(folder: Path, pid: int) -> None:
    """Remove the file of the server with this process ID. Another server's file stays."""
    found = _read(folder)
    if found and found.pid == pid:
        with suppress(OSError):
            (folder / FILE).unlink()


def find_running(folder: Path) -> RunningServer | None:
    """Return the server that runs in this folder; None when there is none.

    A crash leaves the file: it counts only while its process runs and the port of its web page accepts connections, because the process
    ID may belong to another program by then.
    """
    found = _read(folder)
    return found if found and _has_process(found.pid) and _answers(found.page) else None


def _read(folder: Path) -> RunningServer | None:
    """Return the content of the file; None when it is missing or not such a file."""
    try:
        values: Any = json.loads((folder / FILE).read_bytes())
        server = RunningServer(**values)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (server.page, server.inbound, server.outbound)
    valid = type(server.pid) is int and server.pid > 0 and isinstance(server.environment, dict)
    return server if valid and all(isinstance(text, str) for text in (*texts, *server.environment.values())) else None


def _has_process(pid: int) -> bool:
    # On Windows, os.kill() ends the process: there, only the port shows that it runs.
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _answers(url: str) -> bool:
    try:
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_ANSWER_S):
            return True
    except (OSError, ValueError):
        return False
