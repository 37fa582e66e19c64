"""SMTP to mailbox under load, with all of the corpus, and when the server is killed: nothing is lost, doubled or changed."""

import html
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.mail import CORPUS
from tests.support.tagging import tagging_source
from tests.support.waiting import wait_until
from workmail_local.cli.main import main
from workmail_local.config.config_reload import ConfigReload
from workmail_local.config.functions import ROOT
from workmail_local.mail.history import Destination
from workmail_local.running_server import FILE, find_running
from workmail_local.servers import find_own_addresses
from workmail_local.workmail import LocalWorkMail

ANA, BEN, NORA = "ana@example.com", "ben@example.com", "nora@example.net"
NO_RULES = 'organization = { domains = ["example.com"] }\n'
TAG = tagging_source("[X]")
RULE = """
[[rules]]
name = "Tag"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "tag"

[functions.tag]
path = "tag"
"""


@dataclass(frozen=True)
class Served:
    """A server in its own process."""

    process: "subprocess.Popen[str]"
    inbound: int
    outbound: int
    page: str
    screen: str


@contextmanager
def served(folder: Path, config: Path, *more: str, shown: str = "127.0.0.1") -> Iterator[Served]:
    command = [sys.executable, "-m", "workmail_local", "serve", "--folder", folder, "--config", config, "--speed", "100", *more]
    ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    with subprocess.Popen([*map(str, command), *ports], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            screen = ""
            for line in process.stdout:
                screen += line
                if line.startswith("Mail:"):
                    break
            inbound, outbound = (int(port) for port in re.findall(rf"SMTP, \w+ +{re.escape(shown)}:(\d+)", screen))
            page = re.search(r"Web page +(\S+)", screen)
            assert page, screen
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield Served(process, inbound, outbound, page[1], screen)
        finally:
            process.kill()


def message(name: str) -> bytes:
    head = f"From: {NORA}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {name}\r\n\r\n".encode()
    return head + b"Hello, hello.\r\n" * 700


def send_many(port: int, names: list[str], accepted: list[str], lock: threading.Lock) -> None:
    """Send messages over one connection and note the accepted ones. Stops when the server is killed."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            for name in names:
                client.sendmail(NORA, [ANA], message(name))
                with lock:
                    accepted.append(name)
    except (OSError, smtplib.SMTPException):
        return


def subjects(folder: Path, address: str = ANA) -> Counter[str]:
    """Count the copies of each message in a mailbox by subject, and check that each is complete."""
    found: Counter[str] = Counter()
    for file in (folder / "mailboxes" / address / "new").glob("*"):
        raw = file.read_bytes()
        name = re.search(rb"Subject: \[X\] (\S+)\r\n", raw)
        assert name, "not changed, or not whole"
        assert raw == message(name[1].decode()).replace(b"Subject: ", b"Subject: [X] ", 1)
        found[name[1].decode()] += 1
    return found


def by_smtplib(raw: bytes) -> bytes:
    """The message as smtplib sends it: with a line end at its end, and a dot doubled also after a bare LF, where no server removes it."""
    doubled = re.sub(rb"(?m)^\.", b"..", raw)
    lines = doubled.split(b"\r\n")
    undone = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    return undone if undone.endswith(b"\r\n") else undone + b"\r\n"


def by_swaks(raw: bytes) -> bytes:
    """The message as swaks sends it, without its end: CRLF as line ends, and without the first line of an mbox."""
    return re.sub(rb"\r?\n", b"\r\n", re.sub(rb"\AFrom [^\n]*\n", b"", raw)).rstrip()


@pytest.mark.parametrize(
    "host, shown, name",
    [("::1", "[::1]", "::1"), ("[::1]", "[::1]", "::1"), ("0.0.0.0", "127.0.0.1", "127.0.0.1"), ("::", "[::1]", "127.0.0.1")],
)
def test_the_addresses_on_the_screen_are_right(tmp_path: Path, host: str, shown: str, name: str):
    config = tmp_path / "workmail.toml"
    config.write_text(f'{NO_RULES}[web]\nallow-hosts = ["dev.example.com"]\npath = "/dev/"\n')
    more = ["--host", host, "--web-path", "/mail/", "--allow-host", "mail.example.com"]
    with served(tmp_path / "mail", config, *more, shown=shown) as server:
        assert re.fullmatch(rf"http://{re.escape(shown)}:\d+/mail", server.page)
        with smtplib.SMTP(name, server.inbound, timeout=20) as client:
            client.sendmail(NORA, [ANA], message("one"))
        for known in ("mail.example.com", "dev.example.com:1"):
            assert requests.get(f"{server.page}/", headers={"host": known}, timeout=20).status_code == 200
        assert requests.get(f"{server.page}/", headers={"host": "example.com"}, timeout=20).status_code == 400
        elsewhere = re.findall(r"^  From elsewhere .*$", server.screen, re.MULTILINE)
        assert len(elsewhere) == (host in {"0.0.0.0", "::"} and bool(find_own_addresses(host)))
        for url in re.findall(r"http://\S+", "".join(elsewhere)):
            assert "127.0.0.1" not in url
            assert requests.get(f"{url}/", timeout=20).status_code == 200
        assert f"--server {shown}:{server.inbound}" in html.unescape(requests.get(f"{server.page}/addresses", timeout=20).text)


def test_the_screen_has_what_the_port_for_submission_requires(tmp_path: Path):
    config = tmp_path / "workmail.toml"
    config.write_text(f'{NO_RULES}[[users]]\naddress = "{ANA}"\npassword = "x"\n[smtp]\ntls = "required"\nlogin = "required"\n')
    with served(tmp_path / "mail", config) as server:
        assert "STARTTLS required, login required" in server.screen
        assert "every password" not in server.screen
        assert f"--tls --auth-user {ANA} " in server.screen
        assert "smtp-certificate.pem   for SMTP clients" in server.screen
        page = html.unescape(requests.get(f"{server.page}/addresses", timeout=20).text)
        assert "STARTTLS required, login required, some users have a password" in page
        assert f"  --from {ANA} --to clara@example.org \\\n  --tls --auth-user {ANA} \\\n  --header" in page
        assert f"<code>{tmp_path / 'mail/smtp-certificate.pem'}</code>" in page


def test_without_tls_neither_the_screen_nor_the_page_names_a_certificate(tmp_path: Path):
    config = tmp_path / "workmail.toml"
    config.write_text(f'{NO_RULES}[smtp]\ntls = "off"\n')
    with served(tmp_path / "mail", config) as server:
        assert "no TLS, every password is accepted" in server.screen
        page = html.unescape(requests.get(f"{server.page}/addresses", timeout=20).text)
        assert "certificate" not in (server.screen + page).lower()
        assert "--to clara@example.org \\\n  --header" in page


@pytest.mark.parametrize("name", ["http://mail.example.com/", "ma il"])
def test_a_name_that_no_browser_sends_is_an_error_at_the_start(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "workmail.toml"
    config.write_text(NO_RULES)
    ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    assert main(["serve", "--folder", str(tmp_path / "mail"), "--config", str(config), "--allow-host", name, *ports]) == 2
    error = capsys.readouterr().err
    assert f"--allow-host: {name!r} is not a name such as mail.example.com" in error
    assert "Traceback" not in error


def test_a_server_is_found_in_its_folder_while_it_runs(tmp_path: Path):
    folder, config = tmp_path / "mail", tmp_path / "workmail.toml"
    config.write_text(NO_RULES)
    with served(folder, config) as server:
        found = find_running(folder)
        assert found
        assert found.page == server.page
        assert (found.inbound, found.outbound) == (f"127.0.0.1:{server.inbound}", f"127.0.0.1:{server.outbound}")
        assert requests.get(found.environment["AWS_ENDPOINT_URL_S3"], timeout=20).ok
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0
        assert not (folder / FILE).exists()
    with served(folder, config) as server:
        server.process.kill()
        server.process.wait(60)
        assert (folder / FILE).exists()
        assert find_running(folder) is None


@pytest.mark.slow
def test_a_server_that_is_killed_under_load_delivers_all_accepted_mail_once(tmp_path: Path):
    folder, config = tmp_path / "mail", tmp_path / "workmail.toml"
    config.write_text(NO_RULES + RULE)
    (tmp_path / "tag").mkdir()
    (tmp_path / "tag" / "app.py").write_text(TAG)
    accepted: list[str] = []
    sent: set[str] = set()
    lock = threading.Lock()
    for round_ in range(3):
        with served(folder, config) as server:
            names = [[f"{round_}-{sender}-{n}" for n in range(60)] for sender in range(8)]
            sent.update(name for each in names for name in each)
            with ThreadPoolExecutor(8) as senders:
                for each in names:
                    senders.submit(send_many, server.inbound, each, accepted, lock)
                before = len(accepted)
                wait_until(lambda before=before: len(accepted) > before + 60)
                server.process.send_signal(signal.SIGKILL)
    assert len(accepted) < len(sent), "it was not killed in the middle"
    with served(folder, config):
        wait_until(lambda: set(accepted) <= set(subjects(folder)))
    found = subjects(folder)
    assert set(found.values()) == {1}
    assert set(found) <= sent


@pytest.mark.parametrize("senders, messages", [(8, 15), pytest.param(20, 50, marks=pytest.mark.slow)])
def test_many_senders_at_once_lose_and_double_nothing(senders: int, messages: int) -> None:
    with LocalWorkMail(NO_RULES) as wm:
        accepted: list[str] = []
        lock = threading.Lock()
        port = wm.smtp_port("INBOUND")
        with ThreadPoolExecutor(senders) as threads:
            for sender in range(senders):
                threads.submit(send_many, port, [f"{sender}-{n}" for n in range(messages)], accepted, lock)
        wm.wait_until_idle(120)
        raws = Counter(copy.raw for copy in wm.delivered(ANA))
    assert len(accepted) == senders * messages
    assert raws == Counter(message(name) for name in accepted)


def test_all_of_the_corpus_is_delivered_byte_for_byte():
    with LocalWorkMail(NO_RULES) as wm:
        raws = [path.read_bytes() for path in CORPUS]
        for port, sender, recipients in (
            (wm.smtp_port("INBOUND"), NORA, [ANA, BEN]),
            (wm.smtp_port("OUTBOUND"), ANA, [NORA, "bob@example.org"]),
        ):
            with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                for raw in raws:
                    assert client.sendmail(sender, recipients, raw) == {}
        wm.wait_until_idle(120)
        expected = Counter(map(by_smtplib, raws))
        for address in (ANA, BEN, NORA, "bob@example.org"):
            assert Counter(copy.raw for copy in wm.delivered(address)) == expected


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed (Debian package `swaks`)")
def test_all_of_the_corpus_is_accepted_from_swaks():
    with LocalWorkMail(NO_RULES) as wm:
        port = wm.smtp_port("INBOUND")

        def send(path: Path) -> int:
            command = ["swaks", "--server", f"127.0.0.1:{port}", "--from", NORA, "--to", ANA, "--data", f"@{path}", "--silent", "3"]
            return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

        with ThreadPoolExecutor(4) as senders:
            assert set(senders.map(send, CORPUS)) == {0}
        wm.wait_until_idle(120)
        copies = wm.delivered(ANA, Destination.INBOX)
        assert len(copies) == len(CORPUS)
        assert Counter(copy.raw.rstrip() for copy in copies) == Counter(by_swaks(path.read_bytes()) for path in CORPUS)


def test_the_configuration_is_loaded_again_when_it_is_saved_without_an_error(tmp_path: Path) -> None:
    config = tmp_path / "workmail.toml"
    config.write_text(NO_RULES)
    lines: list[str] = []
    reload = ConfigReload(config, lines.append)

    def save(text: str) -> str:
        """Save the file and wait until that is noticed."""
        config.write_text(text)
        count = len(lines)
        wait_until(lambda: reload() and len(lines) > count)
        return lines[-1]

    with LocalWorkMail(reload) as wm:
        wm.send(message("first"))
        drop = '[[rules]]\nname = "No"\ndirection = "inbound"\naction = "drop"\nsenders = ["*"]\n'
        assert save(NO_RULES + drop) == "workmail.toml has changed: 1 rule"
        wm.send(message("second"))
        assert "invalid TOML: expected" in save("no toml")
        wm.send(message("third"))
        assert (len(wm.delivered(ANA)), len(wm.dropped())) == (1, 2)


def test_a_second_server_in_the_same_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalWorkMail(NO_RULES, folder=tmp_path) as wm:
        wm.send(message("one"), to=[ANA])
        ports = [f"--{name}-port=0" for name in ("smtp", "submission", "web")]
        assert main(["serve", "--folder", str(tmp_path), *ports]) == 2
    assert "Is another local WorkMail running in this folder?" in capsys.readouterr().err
