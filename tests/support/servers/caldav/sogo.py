"""SOGo from Debian's package, with PostgreSQL."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.servers.caldav import postgres
from tests.support.servers.caldav.processes import find_port, make_folder, run_server
from tests.support.servers.caldav.site import PASSWORD, Site

_USER: Final = "sogo"

_ACCOUNTS: Final = f"""
CREATE TABLE accounts (c_uid text PRIMARY KEY, c_name text, c_password text, c_cn text, mail text);
INSERT INTO accounts VALUES ('bob', 'bob', '{PASSWORD}', 'Bob', 'bob@example.net'), ('eve', 'eve', '{PASSWORD}', 'Eve', 'eve@example.net');
"""


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run SOGo with the users bob and eve, who reads all calendars."""
    folder.mkdir()
    with postgres.running(folder / "postgres") as cluster:
        cluster.execute("CREATE DATABASE sogo")
        cluster.execute(_ACCOUNTS, database="sogo")
        home, port = make_folder(folder / "home", _USER), find_port()
        settings = _settings(f"postgresql://postgres@127.0.0.1:{cluster.port}/sogo") | {
            "WOPort": f"127.0.0.1:{port}",
            "WOPidFile": str(home / "sogo.pid"),
        }
        command = ["/usr/sbin/sogod", *(part for name, value in settings.items() for part in (f"-{name}", value))]
        # It would wait for its workers.
        with run_server(command, folder=home, port=port, user=_USER, stop=signal.SIGKILL):
            yield Site("SOGo", f"http://127.0.0.1:{port}", "/SOGo/dav/bob/Calendar/", "/SOGo/dav/bob/", reader=("eve", PASSWORD))


def _settings(database: str) -> dict[str, str]:
    return {
        "SOGoProfileURL": f"{database}/sogo_user_profile",
        "OCSFolderInfoURL": f"{database}/sogo_folder_info",
        "OCSSessionsFolderURL": f"{database}/sogo_sessions_folder",
        "OCSAdminURL": f"{database}/sogo_admin",
        "SOGoTimeZone": "Europe/Berlin",
        "SOGoUserSources": f'({{type=sql;id=users;viewURL="{database}/accounts";canAuthenticate=YES;userPasswordAlgorithm=plain;}})',
        "SOGoSuperUsernames": "(eve)",
        # No mail server. SOGo asks it for rights only.
        "SOGoIMAPServer": "imap://127.0.0.1:9",
        "WOWorkersCount": "3",
        "WONoDetach": "YES",
        "WOLogFile": "-",
        "SxVMemLimit": "0",
    }
