"""Xandikos from the package index, in an environment of its own, with storage in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.servers.caldav.processes import find_port, run_server
from tests.support.servers.caldav.site import Site

PYTHON: Final = Path(__file__).parents[4] / ".venv-servers" / "bin" / "python"


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run Xandikos with the user bob. It has no passwords, and expects a proxy for them."""
    folder.mkdir()
    port = find_port()
    options = {"--directory": folder / "data", "--listen-address": "127.0.0.1", "--port": port, "--current-user-principal": "/bob/"}
    command = [PYTHON, "-m", "xandikos", "serve", "--autocreate", *(str(part) for option in options.items() for part in option)]
    with run_server(command, folder=folder, port=port):
        yield Site("Xandikos", f"http://127.0.0.1:{port}", "/bob/calendars/", "/bob/")
