"""sabre/dav from Debian's package, with PHP's own web server. Nextcloud and Baikal contain this library."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from tests.support.servers.caldav.processes import find_port, give, run_server
from tests.support.servers.caldav.site import Site

_USER: Final = "www-data"
_SCHEMA: Final = Path("/usr/share/doc/php-sabre-dav/examples/sql")


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run sabre/dav with the users bob and eve."""
    folder.mkdir()
    database, program = folder / "db.sqlite", folder / "server.php"
    with closing(sqlite3.connect(database)) as connection, connection:
        for name in ("principals", "calendars"):
            connection.executescript((_SCHEMA / f"sqlite.{name}.sql").read_text("utf-8"))
        connection.execute("DELETE FROM principals")
        for user in ("bob", "eve"):
            row = (f"principals/{user}", f"{user}@example.net", user)
            connection.execute("INSERT INTO principals (uri, email, displayname) VALUES (?, ?, ?)", row)
    shutil.copy(Path(__file__).with_suffix(".php"), program)
    give(folder, _USER)
    port = find_port()
    environment = {"SABRE_DATABASE": str(database), "PHP_CLI_SERVER_WORKERS": "4"}
    with run_server(["php", "-S", f"127.0.0.1:{port}", program], folder=folder, port=port, user=_USER, environment=environment):
        yield Site("sabre/dav", f"http://127.0.0.1:{port}", "/calendars/bob/", "/principals/bob/")
