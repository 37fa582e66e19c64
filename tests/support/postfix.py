"""A private instance of Postfix, from Debian's package: its own queue, ports of the loopback interface, and no part of the system's mail.

Postfix needs root, because its master process gives each program its own rights. No systemd, syslog or DNS is used.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.servers.caldav import debian
from tests.support.smtp_peers import stuffed

PACKAGES: Final = {"postfix": "/usr/sbin/postfix", "swaks": "/usr/bin/swaks"}
"""A file of each Debian package."""

_MAIN: Final[Mapping[str, str]] = {
    "compatibility_level": "3.6",
    "myhostname": "mail.example.com",
    "mydestination": "",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "smtp_dns_support_level": "disabled",
    "alias_maps": "",
    "local_recipient_maps": "",
    "smtpd_tls_security_level": "none",
    "maillog_file_prefixes": "/",
    # Tests wait for these: Postfix's own are minutes. The queue manager counts whole seconds: with 1 s it may retry before an attempt ends.
    "minimal_backoff_time": "2s",
    "maximal_backoff_time": "2s",
    "queue_run_delay": "1s",
    "confirm_delay_cleared": "no",
}

_MASTER: Final = """\
pickup    unix       n - n 60    1 pickup
cleanup   unix       n - n -     0 cleanup
qmgr      unix       n - n 300   1 qmgr
tlsmgr    unix       - - n 1000? 1 tlsmgr
rewrite   unix       - - n -     - trivial-rewrite
bounce    unix       - - n -     0 bounce
defer     unix       - - n -     0 bounce
trace     unix       - - n -     0 bounce
verify    unix       - - n -     1 verify
flush     unix       n - n 1000? 0 flush
proxymap  unix       - - n -     - proxymap
smtp      unix       - - n -     - smtp
lmtp      unix       - - n -     - lmtp
showq     unix       n - n -     - showq
error     unix       - - n -     - error
retry     unix       - - n -     - error
discard   unix       - - n -     - discard
anvil     unix       - - n -     1 anvil
scache    unix       - - n -     1 scache
postlog   unix-dgram n - n -     1 postlogd
"""
"""Services that each instance needs, without chroot, for which the package's own script would have to copy files."""

_PROGRAM_S: Final = 60


@dataclass(frozen=True)
class Transcript:
    """A conversation of swaks with a server."""

    text: str

    @property
    def replies(self) -> list[str]:
        """The lines of all replies: `250 2.1.5 Ok`."""
        return re.findall(r"^<[-~*]+ +(\d{3}[ -].*)$", self.text, re.MULTILINE)

    @property
    def end(self) -> str:
        """The last line before the reply to QUIT, so that of the message, or of the command that was rejected."""
        return [each for each in self.replies if not each.startswith("221")][-1]


@dataclass(frozen=True)
class Postfix:
    """A running instance."""

    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "mail.log").read_text("utf-8", "replace")

    def list_queue(self) -> list[str]:
        """Return the IDs of the messages that Postfix is to deliver, without those in quarantine."""
        # A message moves between the last two, and stays in `deferred` for a second: the second look finds one that moved during the first.
        names = ("maildrop", "incoming", "active", "deferred", "active", "deferred")
        return sorted({found for name in names for found in self._list(name)})

    def list_quarantine(self) -> list[str]:
        """Return the IDs of the messages that a milter quarantined."""
        return self._list("hold")

    def _list(self, queue: str) -> list[str]:
        return [each.name for each in (self.folder / "queue" / queue).rglob("*") if each.is_file()]

    def release(self) -> None:
        """Release the messages that a milter quarantined, and deliver those that wait for a retry."""
        self.run("postsuper", "-H", "ALL")
        self.run("postqueue", "-f")

    def delete_all(self) -> None:
        """Delete all messages of the queue."""
        self.run("postsuper", "-d", "ALL")

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of Postfix for this instance, and return its output."""
        command = [f"/usr/sbin/{program}", "-c", str(self.folder / "etc"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PROGRAM_S).stdout


def smtp_server(port: int, /, **options: str) -> str:
    """Return a line of master.cf for a listener of the loopback interface. Options are settings of main.cf that differ for it."""
    return _make_service(f"127.0.0.1:{port} inet n - n - - smtpd", options)


def delivery_agent(name: str, program: str = "smtp", /, **options: str) -> str:
    """Return a line of master.cf for a transport."""
    return _make_service(f"{name} unix - - n - - {program}", options)


def _make_service(line: str, options: Mapping[str, str]) -> str:
    return "".join([line, *(f"\n  -o {{ {name} = {value} }}" for name, value in options.items())])


@contextmanager
def start_postfix(folder: Path, main: Mapping[str, str] | None = None, master: Sequence[str] = ()) -> Iterator[Postfix]:
    """Run an instance until the block ends.

    Args:
        folder: does not exist yet; other users can enter the folder around it.
        main: settings of main.cf in addition to those of a private instance.
        master: lines of master.cf: listeners, and transports.

    Raises:
        debian.Missing: this machine does not have Postfix, and cannot install it.
    """
    debian.require(PACKAGES)
    for name in ("etc", "queue", "data"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    shutil.chown(folder / "data", "postfix")
    own = {"queue_directory": f"{folder}/queue", "data_directory": f"{folder}/data", "maillog_file": f"{folder}/mail.log"}
    settings = "".join(f"{name} = {value}\n" for name, value in {**_MAIN, **own, **(main or {})}.items())
    (folder / "etc/main.cf").write_text(settings, "utf-8")
    (folder / "etc/master.cf").write_text("\n".join([_MASTER, *master, ""]), "utf-8")
    postfix = Postfix(folder)
    postfix.run("postfix", "start")
    try:
        yield postfix
    finally:
        # Not `stop`, which waits for the end of sessions.
        postfix.run("postfix", "abort")


def send_by_swaks(port: int, content: bytes, *, sender: str = "nora@example.net", to: Sequence[str]) -> Transcript:
    """Send a message by swaks, and return the conversation. A rejection is no error here."""
    options = ["--server", "127.0.0.1", "--port", str(port), "--helo", "client.example.net", "--from", sender, "--to", ",".join(to)]
    done = subprocess.run(
        ["/usr/bin/swaks", *options, "--data", "-", "--no-data-fixup"],
        # swaks adds a CRLF.
        input=stuffed(content) + b".",
        capture_output=True,
        check=False,
        timeout=_PROGRAM_S,
    )
    return Transcript((done.stdout + done.stderr).decode("utf-8", "replace"))
