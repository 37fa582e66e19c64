"""PostgreSQL from Debian's package, with a cluster in a folder."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.servers.caldav.processes import find_port, make_folder, run_as, run_server

_USER: Final = "postgres"


@dataclass(frozen=True)
class Cluster:
    """A running cluster that trusts each connection of this machine."""

    folder: Path
    programs: Path
    port: int

    def run(self, program: str | Path, *arguments: str | Path, text: str = "") -> str:
        """Run a program whose connections are to this cluster, as its superuser."""
        environment = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": _USER, "PATH": f"{self.programs}:/usr/bin:/bin"}
        return run_as(_USER, program, *arguments, folder=self.folder, environment=environment, text=text)

    def execute(self, sql: str, *, database: str = "postgres") -> None:
        self.run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", database, text=sql)


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Run a cluster in a new folder. It does not wait for the disk."""
    make_folder(folder, _USER)
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    run_as(_USER, programs / "initdb", "-D", "data", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", folder=folder)
    port = find_port()
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
    command = [programs / "postgres", "-D", folder / "data", *(f"--{name}={value}" for name, value in options.items())]
    # It does not wait for its clients to disconnect.
    with run_server(command, folder=folder, port=port, user=_USER, stop=signal.SIGINT):
        cluster = Cluster(folder, programs, port)
        # It accepts connections before it accepts commands.
        cluster.run("sh", "-c", "for _ in $(seq 300); do pg_isready -q && exit; sleep 0.1; done; exit 1")
        yield cluster
