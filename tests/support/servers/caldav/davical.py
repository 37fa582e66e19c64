"""DAViCal from Debian's package, with PHP's own web server and PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.servers.caldav import postgres
from tests.support.servers.caldav.processes import find_port, give, run_server
from tests.support.servers.caldav.site import PASSWORD, Site

_SHARE: Final = Path("/usr/share/davical")
_USER: Final = "www-data"
_ADMINISTRATOR: Final = ("admin", PASSWORD)

_NEW_USER: Final = """
INSERT INTO usr (active, username, fullname, email, password, email_ok)
  VALUES (true, '{0}', '{0}', '{0}@example.net', '**{1}', current_date);
INSERT INTO principal (type_id, user_no, displayname, default_privileges)
  SELECT 1, user_no, '{0}', privilege_to_bits('{{read-free-busy}}'::text[]) FROM usr WHERE username = '{0}';
"""


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run DAViCal with the users bob and eve, who see each other's busy times."""
    folder.mkdir()
    with postgres.running(folder / "postgres") as cluster:
        cluster.run("sh", _SHARE / "dba" / "create-database.sh", "davical", _ADMINISTRATOR[1])
        cluster.execute("".join(_NEW_USER.format(user, PASSWORD) for user in ("bob", "eve")), database="davical")
        programs = folder / "davical"
        for name in ("htdocs", "inc"):
            shutil.copytree(_SHARE / name, programs / name)
        # A copy, because DAViCal reads the configuration of the machine first.
        loader = programs / "htdocs" / "always.php"
        loader.write_text(loader.read_text("utf-8").replace("/etc/davical/", f"{programs}/"), "utf-8")
        (programs / "config.php").write_text(
            f'<?php $c->pg_connect[] = "host=127.0.0.1 port={cluster.port} dbname=davical user=davical_app";'
            ' $c->admin_email = "admin@example.net";',
            "utf-8",
        )
        give(programs, _USER)
        port = find_port()
        command = ["php", "-S", f"127.0.0.1:{port}", "-t", programs / "htdocs"]
        with run_server(command, folder=programs / "htdocs", port=port, user=_USER, environment={"PHP_CLI_SERVER_WORKERS": "4"}):
            yield Site("DAViCal", f"http://127.0.0.1:{port}", "/caldav.php/bob/", "/caldav.php/bob/", reader=_ADMINISTRATOR)
