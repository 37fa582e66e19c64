"""Dovecot from Debian's package, as a private server without rights: its own folder, any user, ports of the loopback interface."""

import grp
import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.servers.caldav import debian
from tests.support.servers.caldav.processes import find_port, give, run_server
from tests.support.servers.certificates import ServerCertificate

PROGRAM: Final = Path("/usr/sbin/dovecot")
USER: Final = "ana@example.com"
MASTER: Final = "admin"
PASSWORD: Final = "correct-horse"

_SERVED_BY: Final = "nobody"
"""The user of all processes."""

_SETTINGS: Final = """\
base_dir = {folder}/run
libexec_dir = {programs}
state_dir = {folder}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
first_valid_uid = 1
first_valid_gid = 1
mail_location = {format}:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
mail_max_keyword_length = 100
mail_fsync = never
disable_plaintext_auth = yes
ssl = {ssl}
{certificate}
auth_mechanisms = plain login
auth_master_user_separator = *
namespace inbox {{
  inbox = yes
  separator = {separator}
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Papierkorb {{
    special_use = \\Trash
    auto = create
  }}
}}
passdb {{
  driver = passwd-file
  args = {folder}/masters
  master = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
plugin {{
  {quota}
}}
{more}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running server."""

    folder: Path
    port: int
    tls_port: int

    def reload(self) -> None:
        """Read the settings again."""
        os.kill(int((self.folder / "run/master.pid").read_text()), signal.SIGHUP)


@contextmanager
def running(
    folder: Path, certificate: ServerCertificate | None = None, *, mail_format: str = "maildir", separator: str = "/", quota: str = ""
) -> Iterator[Dovecot]:
    """Run Dovecot with any user and one master user.

    Args:
        mail_format: of Dovecot's storage, such as `maildir` or `sdbox`.
        quota: of the user, such as `500k`; "" for none.
    """
    folder.mkdir(parents=True)
    entry = pwd.getpwnam(_SERVED_BY)
    port, tls_port = find_port(), find_port()
    for name in ("run", "state", "mail"):
        (folder / name).mkdir()
    (folder / "masters").write_text(f"{MASTER}:{{PLAIN}}{PASSWORD}\n", "utf-8")
    if certificate:
        (folder / "server.pem").write_bytes(certificate.chain.read_bytes())
        (folder / "server.key").write_bytes(certificate.key.read_bytes())
    settings = _SETTINGS.format(
        folder=folder,
        programs=_find_programs(folder.parent),
        password=PASSWORD,
        user=entry.pw_name,
        group=grp.getgrgid(entry.pw_gid).gr_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        port=port,
        tls_port=tls_port if certificate else 0,
        format=mail_format,
        separator=separator,
        ssl="yes" if certificate else "no",
        certificate=f"ssl_cert = <{folder}/server.pem\nssl_key = <{folder}/server.key" if certificate else "",
        quota=f"quota = count:User quota\n  quota_rule = *:storage={quota}\n  quota_vsizes = yes" if quota else "",
        more="mail_plugins = $mail_plugins quota\n" if quota else "",
    )
    (folder / "dovecot.conf").write_text(settings, "utf-8")
    give(folder, _SERVED_BY)
    with run_server([PROGRAM, "-F", "-c", folder / "dovecot.conf"], folder=folder, port=port, user=_SERVED_BY):
        yield Dovecot(folder, port, tls_port)


@cache
def _find_programs(folder: Path) -> Path:
    """Return a folder with Dovecot's programs. Cyrus conflicts with the package of two of them, so that one is unpacked only."""
    unpacked = folder / "dovecot-imapd"
    debian.unpack("dovecot-imapd", "dovecot-core", unpacked)
    programs = unpacked / "usr/lib/dovecot"
    for each in Path("/usr/lib/dovecot").iterdir():
        if not (programs / each.name).exists():
            (programs / each.name).symlink_to(each)
    return programs
