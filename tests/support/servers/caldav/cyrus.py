"""Cyrus IMAP's CalDAV server from Debian's packages."""

from collections.abc import Iterator
from contextlib import contextmanager
from imaplib import IMAP4
from pathlib import Path
from typing import Final

from tests.support.servers.caldav.processes import find_port, give, run_as, run_server
from tests.support.servers.caldav.site import PASSWORD, Site

_USER: Final = "cyrus"

_SETTINGS: Final = """\
configdirectory: {folder}/lib
proc_path: {folder}/proc
mboxname_lockpath: {folder}/lock
defaultpartition: default
partition-default: {folder}/spool
idlesocket: {folder}/idle
notifysocket: {folder}/notify
admins: cyrus
httpmodules: caldav
allowplaintext: yes
unixhierarchysep: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: PLAIN
"""
_SERVICES: Final = """\
START {{
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  http cmd="httpd -C {folder}/imapd.conf" listen="127.0.0.1:{http}" prefork=1 maxchild=10
  imap cmd="imapd -C {folder}/imapd.conf" listen="127.0.0.1:{imap}" prefork=0 maxchild=10
}}
"""


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run Cyrus with the users bob and eve."""
    folder.mkdir()
    http, imap = find_port(), find_port()
    for name in ("lib", "proc", "lock", "spool"):
        (folder / name).mkdir()
    (folder / "imapd.conf").write_text(_SETTINGS.format(folder=folder), "utf-8")
    (folder / "cyrus.conf").write_text(_SERVICES.format(folder=folder, http=http, imap=imap), "utf-8")
    give(folder, _USER)
    for user in ("bob", "eve", "cyrus"):
        run_as(_USER, "/usr/sbin/saslpasswd2", "-p", "-c", "-f", folder / "sasldb2", user, folder=folder, text=PASSWORD)
    command = ["/usr/sbin/cyrmaster", "-D", "-C", folder / "imapd.conf", "-M", folder / "cyrus.conf", "-p", folder / "master.pid"]
    with run_server(command, folder=folder, port=http, user=_USER):
        # A user without a mailbox has no calendars.
        with IMAP4("127.0.0.1", imap) as client:
            client.login("cyrus", PASSWORD)
            for user in ("bob", "eve"):
                client.create(f"user/{user}")
        yield Site("Cyrus", f"http://127.0.0.1:{http}", "/dav/calendars/user/bob/", "/dav/principals/user/bob/")
