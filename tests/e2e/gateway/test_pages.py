"""The steps of docs/gateway.md and docs/after.md for Postfix, as pasted, on a new Debian with systemd: from nothing to a tagged message.

The container has no network, so pip gets the packages as files.
"""

import re
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import Parser
from email.policy import default
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tools.debian_image import SUITE, make_debian_image
from tools.pages import read_fences
from workmail_local.config.functions import ROOT
from workmail_local.containers.docker import run_docker

IMAGE = f"workmail-hooks-mail-server:{SUITE}"
PACKAGES = ("ca-certificates", "dbus", "postfix", "python3", "python3-venv", "swaks", "systemd", "systemd-sysv")
BLOCK_S = 300
SERVER = """
useradd --create-home ana
postconf -e myhostname=mail.example.com mydestination=example.com mynetworks=127.0.0.0/8 inet_protocols=ipv4
postconf -e maillog_file=/var/log/postfix.log
postconf -M submission/inet="submission inet n - y - - smtpd"
newaliases
"""
"""A server that delivers mail for example.com, and has a port for users."""


class Server:
    """A container with Postfix.

    Args:
        container: its ID.
    """

    def __init__(self, container: str) -> None:
        self.container = container

    def run(self, commands: str) -> str:
        """Run commands in one shell, in a clone of the project, and return their output."""
        shell = ["docker", "exec", self.container, "sh", "-eu", "-c", commands]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=BLOCK_S, check=False)
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        shell = ["docker", "exec", "--interactive", self.container, "sh", "-c", f"cat >{path}"]
        subprocess.run(shell, input=text.encode(), timeout=BLOCK_S, check=True)

    def follow(self, page: str, section: str) -> None:
        """Run the blocks of a section of a page in their order. Those in TOML are the configuration."""
        text = (ROOT / "docs" / page).read_text("utf-8")
        [steps] = re.findall(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        for fence in read_fences(steps):
            if fence.language == "toml":
                self.write("/etc/workmail-hooks/gateway.toml", fence.text)
            elif fence.marker == "needs Debian":
                self.run(fence.text)

    def wait_for_mail(self, user: str) -> EmailMessage:
        """Wait for a message in a user's mailbox, and remove it from there."""
        mailbox = f"/var/mail/{user}"
        wait_until(lambda: self.run(f"test ! -s {mailbox} || echo filled"))
        return Parser(policy=default).parsestr(self.run(f"cat {mailbox}; rm {mailbox}"))

    def describe(self) -> str:
        """Return the logs."""
        return self.run("journalctl --no-pager -u 'workmail-hooks-gateway@*'; cat /var/log/postfix.log")

    def wait_for_systemd(self) -> None:
        """Wait until systemd has started the services."""
        wait_until(lambda: self.run("systemctl is-system-running || true").strip() in ("running", "degraded"))


def start(image: str, wheels: Path) -> Server:
    """Start a container. systemd needs the right to mount, and shared mounts for credentials (systemd.exec(5))."""
    options = ["--detach", "--network", "none", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"]
    options += ["--security-opt", "apparmor=unconfined", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--env", "container=docker"]
    options += ["--workdir", "/workmail-hooks", "--volume", f"{ROOT}:/workmail-hooks:ro", "--volume", f"{wheels}:/wheels:ro"]
    options += ["--env", "PIP_NO_INDEX=1", "--env", "PIP_FIND_LINKS=/wheels", "--env", "PIP_ROOT_USER_ACTION=ignore"]
    init = "mount --make-rshared / && exec /lib/systemd/systemd"
    server = Server(run_docker("run", *options, image, "sh", "-c", init).strip())
    if run_docker("inspect", "--format", "{{.State.Running}}", server.container).strip() != "true":
        reason = run_docker("logs", server.container)
        remove(server)
        pytest.skip(f"systemd does not start in a container here: {reason}")
    server.wait_for_systemd()
    return server


def remove(server: Server) -> None:
    run_docker("rm", "--force", "--volumes", server.container)


@pytest.fixture(scope="module")
def installed(wheels: Path) -> Iterator[str]:
    """Return an image of a mail server after the section "Install it"."""
    make_debian_image(IMAGE, PACKAGES)
    server = start(IMAGE, wheels)
    try:
        server.run(SERVER)
        server.follow("gateway.md", "Install it")
        image = run_docker("commit", server.container).strip()
    finally:
        remove(server)
    yield image
    run_docker("rmi", image)


@pytest.fixture
def server(installed: str, wheels: Path) -> Iterator[Server]:
    server = start(installed, wheels)
    try:
        yield server
    finally:
        remove(server)


@pytest.mark.parametrize("section", ["Postfix: the milter", "Postfix as a content filter", "Postfix as a proxy filter"])
def test_the_steps_for_postfix_lead_to_a_tagged_message(section: str, server: Server) -> None:
    server.follow("after.md", section)

    message = server.wait_for_mail("ana")
    assert message["Subject"] == "[EXTERNAL] Offer", server.describe()
    assert message.get_all("X-Mailhooks-Checked")


@pytest.mark.parametrize("section", ["Postfix: the milter", "Postfix as a content filter"])
def test_mail_of_users_passes_the_outbound_listener(section: str, server: Server) -> None:
    server.follow("after.md", section)
    server.wait_for_mail("ana")
    server.run("swaks --server 127.0.0.1:587 --from ben@example.com --to ana@example.com --header 'Subject: Lunch'")

    message = server.wait_for_mail("ana")
    assert message["Subject"] == "Lunch"
    assert "l=outbound" in message["X-Mailhooks-Checked"]
