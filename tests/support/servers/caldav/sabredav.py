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
# The package has it in /usr/share/doc, which images of Debian leave out.
_SCHEMA: Final = """
CREATE TABLE principals (id INTEGER PRIMARY KEY, uri TEXT UNIQUE, email TEXT, displayname TEXT, vcardurl TEXT);
CREATE TABLE groupmembers (id INTEGER PRIMARY KEY, principal_id INTEGER, member_id INTEGER);
CREATE TABLE calendars (id INTEGER PRIMARY KEY, principaluri TEXT, displayname TEXT, uri TEXT, ctag INTEGER, description TEXT,
  calendarorder INTEGER, calendarcolor TEXT, timezone TEXT, components TEXT, transparent BOOL);
CREATE TABLE calendarobjects (id INTEGER PRIMARY KEY, calendardata BLOB, uri TEXT, calendarid INTEGER, lastmodified INTEGER, etag TEXT,
  size INTEGER, componenttype TEXT, firstoccurence INTEGER, lastoccurence INTEGER);
"""


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run sabre/dav with the users bob and eve."""
    folder.mkdir()
    database, program = folder / "db.sqlite", folder / "server.php"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(_SCHEMA)
        for user in ("bob", "eve"):
            row = (f"principals/{user}", f"{user}@example.net", user)
            connection.execute("INSERT INTO principals (uri, email, displayname) VALUES (?, ?, ?)", row)
    shutil.copy(Path(__file__).with_suffix(".php"), program)
    give(folder, _USER)
    port = find_port()
    environment = {"SABRE_DATABASE": str(database), "PHP_CLI_SERVER_WORKERS": "4"}
    with run_server(["php", "-S", f"127.0.0.1:{port}", program], folder=folder, port=port, user=_USER, environment=environment):
        yield Site("sabre/dav", f"http://127.0.0.1:{port}", "/calendars/bob/", "/principals/bob/")
