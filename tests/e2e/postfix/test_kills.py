"""The gateway and the milter are killed at each step: no message is lost, and none is doubled but where SMTP cannot avoid it.

RFC 1047: a server that has accepted a message cannot know whether its client reads the reply. A client that ended before sends the
message again, to a server that has it already. For the gateway, which has no queue, these moments are

- from the next host's acceptance of the message to the gateway's own reply, which it sends at once: the message is doubled;
- from the next host's acceptance of a bounce for some recipients to the reply for the message: the bounce is doubled.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from typing import ClassVar, Final

import pytest

from tests.e2e.postfix.gateways import run_gateways
from tests.e2e.postfix.mail_path import BEFORE_QUEUE, FILTERS, WAYS, MailPath, run_mail_path
from tests.support.gateway_process import GatewayProcess
from tests.support.serving import Quiet, serving
from tests.support.smtp_peers import Client, stuffed
from tests.support.smtp_sink import Step

NORA: Final = b"nora@example.net"
RECIPIENTS: Final = ("ana@example.com", "bo@example.com", "cleo@example.com")
_numbers = count(1)


@pytest.fixture(scope="module")
def path(folder: Path, mail_path: MailPath) -> Iterator[MailPath]:  # `mail_path` skips the tests where Postfix is missing
    """A Postfix whose gateway passes mail to the sink itself, which observes each step."""
    with run_mail_path(folder / "kills", back=False) as running:
        yield running


class Bucket(Quiet, BaseHTTPRequestHandler):
    """An S3 that accepts each object.

    Attributes:
        keys: of the objects, with their bucket.
        on_put: called once, before the answer to the next object; None for no call.
    """

    keys: ClassVar[set[str]] = set()
    on_put: ClassVar[Callable[[], None] | None] = None

    def do_PUT(self) -> None:
        self.body()
        if call := Bucket.on_put:
            Bucket.on_put = None
            call()
        Bucket.keys.add(self.path)
        with suppress(OSError):
            self.answer(200, ETag='"0"')


@pytest.fixture(scope="module")
def bucket_url() -> Iterator[str]:
    with serving(Bucket) as url:
        yield url


@pytest.fixture(scope="module")
def processes(path: MailPath, folder: Path, bucket_url: str) -> Iterator[dict[str, GatewayProcess]]:
    account = {"AWS_ENDPOINT_URL_S3": bucket_url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    with run_gateways(path, folder / "kills-gateways", account) as running:
        yield running


class Case:
    """A message for a sender's server that tries again until it is accepted, as RFC 5321 section 4.5.4.1 requires."""

    def __init__(self, path: MailPath, way: str, word: str, octets: int = 500_000) -> None:
        self.path = path
        self.way = way
        self.id = f"<{next(_numbers)}.{way}@example.net>".encode()
        fields = b"From: nora@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: " + self.id + b"\r\n"
        self.content = fields + f"Subject: {word}\r\n\r\n".encode() + b"Hello, hello, hello.\r\n" * (octets // 22)

    def send(self, interrupt: Callable[[str], None] = lambda _: None) -> None:
        """Send the message until it is accepted.

        Args:
            interrupt: called before each part of a session.
        """
        lines = [b"MAIL FROM:<" + NORA + b">", *(b"RCPT TO:<" + each.encode() + b">" for each in RECIPIENTS), b"DATA"]
        while True:
            with Client(self.path.listeners[self.way]) as client:
                reply = "250"
                for line in lines:
                    interrupt(line[:4].decode())
                    reply = client.say(line)
                    if reply[0] == "4":
                        break
                if reply.startswith("354"):
                    content = stuffed(self.content)
                    client.socket.sendall(content[: len(content) // 2])
                    interrupt("the second half")
                    client.socket.sendall(content[len(content) // 2 :])
                    interrupt("the end")
                    reply = client.say(b".")
            if reply[0] == "2":
                return
            assert reply[0] == "4", reply

    def count_copies(self) -> Counter[str]:
        """Return the number of copies for each recipient, and of bounces under the sender's address, when Postfix's queue is empty."""
        self.path.wait()
        arrived = [each for each in self.path.sink.received if self.id in each.content]
        return Counter(address for each in arrived for address in each.recipients)


@contextmanager
def killing(path: MailPath, process: GatewayProcess, step: Step, *, after: int = 0) -> Iterator[None]:
    """Kill a process when the sink reaches a step, after a number of accepted messages; and start it again."""
    killed = threading.Event()
    already = len(path.sink.received)

    def kill(reached: Step) -> None:
        accepted = len(path.sink.received) - already - (reached is Step.ACCEPTED)
        if reached is step and accepted >= after and not killed.is_set():
            process.kill()
            killed.set()

    path.sink.on_step = kill
    try:
        with restarting(process, killed):
            yield
    finally:
        path.sink.on_step = None


@contextmanager
def restarting(process: GatewayProcess, killed: threading.Event) -> Iterator[None]:
    """Start a process again when it was killed. Raises AssertionError if it is not killed before the block ends."""

    def restart() -> None:
        killed.wait()
        process.start()

    starter = threading.Thread(target=restart)
    starter.start()
    try:
        yield
        assert killed.is_set()
    finally:
        killed.set()
        starter.join()


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.CONTENT])
@pytest.mark.parametrize("way", FILTERS)
def test_a_kill_before_the_next_host_has_the_message_neither_loses_nor_doubles_it(
    path: MailPath, processes: dict[str, GatewayProcess], way: str, step: Step
) -> None:
    # More than fits into the buffers between the gateway and the sink.
    case = Case(path, way, "Tag", 12_000_000 if step is Step.CONTENT else 500_000)
    with killing(path, processes[way], step):
        case.send()
        copies = case.count_copies()
    assert copies == dict.fromkeys(RECIPIENTS, 1)


@pytest.mark.parametrize("way", FILTERS)
def test_a_kill_between_the_next_hosts_acceptance_and_the_reply_doubles_the_message(
    path: MailPath, processes: dict[str, GatewayProcess], way: str
) -> None:
    case = Case(path, way, "Tag")
    with killing(path, processes[way], Step.ACCEPTED):
        case.send()
        copies = case.count_copies()
    assert copies == dict.fromkeys(RECIPIENTS, 2)


@pytest.mark.parametrize("way", ["milter", "smtp", "proxy"])
def test_a_kill_after_a_bounce_for_some_doubles_the_bounce_and_not_the_message(
    path: MailPath, processes: dict[str, GatewayProcess], way: str
) -> None:
    case = Case(path, way, "Three")
    with killing(path, processes[way], Step.ACCEPTED):
        case.send()
        copies = case.count_copies()
    assert copies == {"ana@example.com": 1, "cleo@example.com": 1, "nora@example.net": 2}


@pytest.mark.parametrize("part", ["MAIL", "RCPT", "DATA", "the second half", "the end"])
@pytest.mark.parametrize("way", sorted(BEFORE_QUEUE))
def test_a_kill_while_the_sender_sends_neither_loses_nor_doubles_the_message(
    path: MailPath, processes: dict[str, GatewayProcess], way: str, part: str
) -> None:
    case = Case(path, way, "Tag")
    killed = []

    def kill(reached: str) -> None:
        if reached == part and not killed:
            killed.append(reached)
            processes[way].kill()
            processes[way].start()

    case.send(kill)
    assert killed
    assert case.count_copies() == dict.fromkeys(RECIPIENTS, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_kill_during_the_evaluation_neither_loses_nor_doubles_the_message_and_its_copy(
    path: MailPath, processes: dict[str, GatewayProcess], way: str
) -> None:
    case = Case(path, way, "Archive")
    killed = threading.Event()

    def kill() -> None:
        processes[way].kill()
        killed.set()

    Bucket.keys.clear()
    Bucket.on_put = kill
    with restarting(processes[way], killed):
        case.send()
        copies = case.count_copies()
    assert copies == dict.fromkeys(RECIPIENTS, 1)
    # A copy is two objects in a folder of their own.
    assert len({key.rpartition("/")[0] for key in Bucket.keys}) == 1
