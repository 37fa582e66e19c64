"""A server in want of descriptors, disk space or time: accepted mail is delivered once, and all other mail stays with its sender."""

import resource
import smtplib
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.tagging import tagging_source
from workmail_local.config.functions import ROOT

pytestmark = pytest.mark.slow

ANA, NORA = "ana@example.com", "nora@example.net"
ORGANIZATION = 'organization = { domains = ["example.com"] }\n'
RULE = (
    '[[rules]]\nname = "Tag"\ndirection = "inbound"\naction = "lambda"\nsenders = ["*"]\nfunction = "tag"\n[functions.tag]\npath = "tag"\n'
)

SERVER = """
    import resource, sys, threading
    from pathlib import Path
    import workmail_local.__main__, workmail_local.cli.serving.serve
    from workmail_local.cli.main import main

    {prepare}
    arguments = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0", "--speed", "100"]
    sys.exit(main(["serve", "--folder", sys.argv[1], "--config", sys.argv[2], *arguments]))
    """


class Server:
    """`workmail-hooks serve` in a process that a line of Python prepares."""

    def __init__(self, folder: Path, prepare: str = "", *, tag: bool = False) -> None:
        self.folder = folder / "mail"
        self._output = folder / "output.txt"
        config = folder / "workmail.toml"
        config.write_text(ORGANIZATION + RULE * tag)
        (folder / "tag").mkdir(exist_ok=True)
        (folder / "tag" / "app.py").write_text(tagging_source("[X]"))
        source = textwrap.dedent(SERVER).format(prepare=prepare)
        with self._output.open("wb") as output:
            command = [sys.executable, "-c", source, str(self.folder), str(config)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Server":
        while "Mail:" not in self.output:
            assert self.process.poll() is None, self.output
            time.sleep(0.02)
        [line] = [line for line in self.output.splitlines() if "SMTP, inbound" in line]
        self.port = int(line.split("127.0.0.1:")[1].split()[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        return self._output.read_text()

    def delivered(self) -> list[bytes]:
        return [file.read_bytes() for file in (self.folder / "mailboxes" / ANA / "new").glob("*")]

    def wait_for(self, names: set[str]) -> Counter[str]:
        """Wait until these messages are delivered; return the number of copies of each by the names in their subjects."""
        deadline = time.monotonic() + 120
        while True:
            found = Counter(raw.partition(b"Name: ")[2].partition(b"\r\n")[0].decode() for raw in self.delivered())
            if names <= found.keys():
                return found
            assert time.monotonic() < deadline, f"{len(names - found.keys())} messages are missing"
            time.sleep(0.1)


def message(name: str, size: int = 100) -> bytes:
    head = f"From: {NORA}\r\nTo: {ANA}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: x\r\nName: {name}\r\n\r\n"
    return head.encode() + b"Hello, hello.\r\n" * (size // 15)


def send(port: int, name: str, size: int = 100) -> int:
    """Send a message and return the reply's code; 0 when there was no reply."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            client.sendmail(NORA, [ANA], message(name, size))
            return 250
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    except (OSError, smtplib.SMTPException):
        return 0


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Let the test itself open more than 1,024 files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[0] < 4000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4000) if before[1] > 0 else 4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("descriptors")
def test_with_64_descriptors_200_senders_lose_nothing_and_the_shortage_is_logged_once(tmp_path: Path) -> None:
    with Server(tmp_path, "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))") as server:
        accepted: set[str] = set()

        def insist(number: int) -> None:
            for attempt in range(60):
                if send(server.port, f"{number}-{attempt}") == 250:
                    accepted.add(f"{number}-{attempt}")
                    return
                time.sleep(0.2)

        with ThreadPoolExecutor(200) as senders:
            list(senders.map(insist, range(200)))
        found = server.wait_for(accepted)
        assert len(accepted) == 200
        assert set(found.values()) == {1}
        assert "Traceback" not in server.output
        assert len([line for line in server.output.split("Mail:")[1].splitlines() if " -> " not in line]) < 20


@pytest.mark.usefixtures("descriptors")
def test_with_1000_idle_clients_mail_is_delivered(tmp_path: Path) -> None:
    prepare = "resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))"
    with Server(tmp_path, prepare) as server, ExitStack() as idle:
        for _ in range(1000):
            idle.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        assert send(server.port, "one") == 250
        assert server.wait_for({"one"}) == {"one": 1}


def test_at_160_descriptors_large_mail_is_changed_to_the_end(tmp_path: Path) -> None:
    """Each object counts as large, so that moto keeps it in a file; the kept objects are bounded by their bytes."""
    prepare = (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160)); import os; os.environ['MOTO_S3_DEFAULT_KEY_BUFFER_SIZE'] = '1000'; "
        "import workmail_local.aws.rewritten_objects; workmail_local.aws.rewritten_objects._KEPT_BYTES = 200_000"
    )
    names = {str(number) for number in range(250)}
    with Server(tmp_path, prepare, tag=True) as server:
        with ThreadPoolExecutor(8) as senders:
            assert set(senders.map(lambda name: send(server.port, name, 5000), names)) == {250}
        assert set(server.wait_for(names).values()) == {1}
        assert all(b"Subject: [X] x\r\n" in raw for raw in server.delivered())


def test_on_a_full_disk_accepted_mail_is_delivered_and_other_mail_gets_451(tmp_path: Path) -> None:
    """A limit for the size of files stops the writing as a full disk does."""
    with Server(tmp_path, "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))") as server:
        codes = {str(number): send(server.port, str(number), 200_000) for number in range(30)}
        assert server.process.poll() is None
    assert set(codes.values()) == {250, 451}
    accepted = {name for name, code in codes.items() if code == 250}
    with Server(tmp_path) as server:
        assert send(server.port, "later") == 250
        found = server.wait_for({*accepted, "later"})
    assert found == dict.fromkeys({*accepted, "later"}, 1)
    assert all(raw in {message(name, 200_000) for name in accepted} | {message("later")} for raw in server.delivered())


HANG = """
import workmail_local.storage.sqlite as sqlite
workmail_local.cli.serving.serve._STOP_LIMIT_S = {limit}
write = sqlite.Database.write
def write_or_hang(self, work):
    if Path(sys.argv[1], "hang").exists():
        Path(sys.argv[1], "hangs").touch()
        threading.Event().wait()
    return write(self, work)
sqlite.Database.write = write_or_hang
"""


@pytest.mark.parametrize("second", [False, True], ids=["in time", "second signal"])
def test_a_server_whose_commit_never_returns_is_stopped(second: bool, tmp_path: Path) -> None:
    """A lock replaces a disk that does not answer."""
    with Server(tmp_path, HANG.format(limit=600 if second else 1)) as server:
        assert send(server.port, "one") == 250
        server.wait_for({"one"})
        (server.folder / "hang").touch()
        codes: list[int] = []
        sender = threading.Thread(target=lambda: codes.append(send(server.port, "two")))
        sender.start()
        while not (server.folder / "hangs").exists():
            time.sleep(0.02)
        server.process.terminate()
        if second:
            time.sleep(0.5)
            server.process.terminate()
        assert server.process.wait(60) == 1
        sender.join()
        assert codes[0] != 250
        assert "accepted mail is in the spool" in server.output
    (server.folder / "hang").unlink()
    with Server(tmp_path) as server:
        assert send(server.port, "three") == 250
        assert server.wait_for({"one", "three"}) == {"one": 1, "three": 1}
