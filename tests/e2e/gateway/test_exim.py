"""The settings of docs/after.md for Exim, in a private instance from Debian's package: mail passes the gateway once."""

import mailbox
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.gateway_process import run_gateway
from tests.support.waiting import wait_until
from tools.pages import read_fences
from workmail_local.config.functions import ROOT

SECTION = (ROOT / "docs/after.md").read_text("utf-8").partition("\n## Exim\n")[2].partition("\n## ")[0]
CONTENT_FILTER = (ROOT / "docs/after.md").read_text("utf-8").partition("\n## Postfix as a content filter\n")[2].partition("\n## ")[0]
PORTS = ("25", "587", "10025", "10026", "10027", "10080")
APT_S = 180
POLICY = """
version: 1
organization: { domains: [example.com] }
rules:
  - name: External
    when: { direction: inbound }
    do: [{ subject_tag: "[EXTERNAL]" }]
  - name: Closed
    when: { direction: inbound, recipient: [closed@example.com] }
    do: [{ bounce: "This mailbox is closed." }]
"""
CONFIGURATION = """
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/exim.pid
exim_path = {program}
exim_user = nobody
exim_group = nogroup
keep_environment =
primary_hostname = mail.example.com
tls_advertise_hosts =
acl_smtp_rcpt = recipients
{main}
begin acl
recipients:
{acl}
  accept
begin routers
{router}
mailbox:
  driver = accept
  transport = mailbox
begin transports
{transports}
mailbox:
  driver = appendfile
  file = {folder}/spool/mailbox
  envelope_to_add
  user = nobody
  group = nogroup
begin retry
* * F,1h,1s
"""


class Server(NamedTuple):
    """A running Exim.

    Attributes:
        folder: of its mailboxes.
        ports: its ports, and those of the gateway, by the numbers on the page.
    """

    folder: Path
    ports: dict[str, int]

    def send(self, port: str, sender: str, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.ports[port]) as client:
            client.sendmail(sender, recipients, f"From: {sender}\r\nTo: {', '.join(recipients)}\r\nSubject: Offer\r\n\r\nHello\r\n")

    def wait_for_mail(self, *recipients: str) -> dict[str, Message]:
        """Wait until each of these recipients has a message, and return all delivered messages by recipient."""
        wait_until(lambda: set(recipients) <= self.read_mail().keys(), 60)
        return self.read_mail()

    def read_mail(self) -> dict[str, Message]:
        """Return the delivered messages by recipient. Each recipient has at most one."""
        path = self.folder / "spool" / "mailbox"
        # The class would make the file, which Exim's user could not write.
        if not path.exists():
            return {}
        with closing(mailbox.mbox(path)) as opened:
            messages = list(opened)
        found = {str(message["Envelope-to"]): message for message in messages}
        assert len(found) == len(messages)
        return found


def find_free_ports() -> dict[str, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    try:
        return {name: each.getsockname()[1] for name, each in zip(PORTS, sockets, strict=True)}
    finally:
        for each in sockets:
            each.close()


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """Download Debian's Exim and unpack it, because its installation would remove another mail server."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("Exim needs root, and Debian's apt-get")
    # Other users can enter this folder, but not pytest's own.
    with tempfile.TemporaryDirectory(prefix="exim-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        command = ["apt-get", "download", "-qq", "exim4-daemon-light"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=APT_S, check=False)
        if done.returncode:
            pytest.skip(f"Exim cannot be downloaded: {done.stderr.strip().splitlines()[-1]}")
        [archive] = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        yield folder / "usr/sbin/exim4"


@pytest.fixture
def server(program: Path, tmp_path: Path) -> Iterator[Server]:
    """Run Exim and the gateway with the settings of the page, on free ports."""
    ports = find_free_ports()

    def adapt(text: str) -> str:
        numbers = rf"(?<![\w.])(?:{'|'.join(PORTS)})(?!\w)|(?<=127\.0\.0\.1[.:])\d+"
        loopback = text.replace("0.0.0.0", "127.0.0.1")
        return re.sub(numbers, lambda found: str(ports[found[0]]), loopback)

    main, router, transports, acl = (adapt(fence.text) for fence in read_fences(SECTION))
    folder = program.parents[2] / "instance"
    (folder / "spool").mkdir(parents=True)
    shutil.chown(folder / "spool", "nobody", "nogroup")
    file = folder / "exim.conf"
    file.write_text(CONFIGURATION.format(folder=folder, program=program, main=main, acl=acl, router=router, transports=transports))
    (tmp_path / "policy.yaml").write_text(POLICY)
    secret = tmp_path / "mark-secret"
    secret.touch(0o600)
    secret.write_text("0123456789abcdef0123456789abcdef")
    [configuration] = [fence.text for fence in read_fences(CONTENT_FILTER) if fence.language == "toml"]
    (tmp_path / "gateway.toml").write_text(adapt(configuration))
    try:
        with run_gateway("serve", tmp_path / "gateway.toml", [ports["10025"], ports["10027"]]):
            subprocess.run([program, "-C", file, "-bd", "-q1m"], check=True)
            wait_until((folder / "exim.pid").exists)
            yield Server(folder, ports)
            os.kill(int((folder / "exim.pid").read_text()), signal.SIGTERM)
    finally:
        shutil.rmtree(folder)


def test_inbound_mail_passes_the_policy_once_and_only_for_recipients_who_get_it(server: Server) -> None:
    server.send("25", "nora@example.net", "ana@example.com", "closed@example.com", "ben@example.com")

    delivered = server.wait_for_mail("ana@example.com", "ben@example.com")
    # Exim may have delivered its bounce to the sender already, or may not be able to write one, as it gives up its rights with -C.
    bounce = delivered.pop("nora@example.net", None)
    assert bounce is None or bounce["Auto-Submitted"] == "auto-replied"
    assert set(delivered) == {"ana@example.com", "ben@example.com"}
    for message in delivered.values():
        assert message["Subject"] == "[EXTERNAL] Offer"
        assert len(message.get_all("X-Mailhooks-Checked", [])) == 1


def test_mail_of_users_passes_the_outbound_listener(server: Server) -> None:
    server.send("587", "ana@example.com", "ben@example.com")

    [message] = server.wait_for_mail("ben@example.com").values()
    assert message["Subject"] == "Offer"
    assert "l=outbound" in message["X-Mailhooks-Checked"]
