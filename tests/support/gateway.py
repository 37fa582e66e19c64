"""A listener of the gateway in a thread, in front of the recorder of tests/support/smtp_sink.py."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, Final

from mail_gateway.config import ListenerConfiguration, NextHost, Protocol, SocketAddress, Tls
from mail_gateway.report import GatewayLog
from mail_gateway.slot import Evaluator, EvaluatorSlot
from mail_gateway.smtp.next_host import Timeouts
from mail_gateway.smtp.server import SmtpListener
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.side_effects_base import SideEffects
from mailhooks.envelope import FlowDirection
from mailhooks.policy import Services
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.listener import HeaderField, Listener
from mailhooks.relay.platforms import GATEWAY
from mailhooks.relay.report import Record
from mailhooks.settings import Settings
from tests.support.policies import make_policy

SENDER, ANA, BO = "nora@example.net", "ana@example.com", "bo@example.com"
HEADER: Final = b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
MESSAGE: Final = HEADER + b"\r\nHello\r\n"
_OWN_FIELDS: Final = re.compile(rb"\AReceived: (?:.*\r\n[ \t])*.*\r\nX-Mailhooks-Checked: .*\r\n")

HOST: Final = "127.0.0.1"
EVALUATIONS: Final = 8
LOOPBACK: Final = (ip_network("127.0.0.0/8"),)
LISTENER: Final = Listener(
    name="inbound",
    flow_direction=FlowDirection.INBOUND,
    host_name="gateway.example.com",
    postmaster="postmaster@example.com",
    organization_domains=frozenset({"example.com"}),
    junk_field=HeaderField("X-Spam-Flag", "YES"),
    mark_secrets=(b"a secret of sixteen octets",),
)
SHORT: Final = Timeouts(connect=2.0, command=2.0, block=2.0, end=2.0)


def without_trace(content: bytes) -> bytes:
    """Return a message without the two fields that the gateway adds at its top."""
    assert _OWN_FIELDS.match(content)
    return _OWN_FIELDS.sub(b"", content)


@dataclass
class Records:
    """Keeps the records of a reporter."""

    records: list[Record] = field(default_factory=list)

    def report(self, record: Record) -> None:
        self.records.append(record)


class LogLines(GatewayLog):
    """Keeps log lines: the listener's events and their reasons."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.lines: list[tuple[str, str]] = []

    def for_listener(self, name: str) -> "LogLines":
        return self

    def warn(self, text: str, reason: str, *, invocation_id: str = "") -> None:
        self.lines.append((text, reason))


@dataclass
class RunningListener:
    """A listener that runs. `sessions` are its connections."""

    listener: SmtpListener
    loop: asyncio.AbstractEventLoop
    records: list[Record]
    log: list[tuple[str, str]]

    @property
    def port(self) -> int:
        return self.listener.port

    def stop(self, wait_s: float = 10.0) -> "Future[None]":
        """Begin to stop, as at SIGTERM."""
        return asyncio.run_coroutine_threadsafe(self.listener.stop(wait_s), self.loop)

    def connect(self, **options: Any) -> "Client":
        return Client(self.port, **options)


def make_evaluator(
    *rules: dict[str, Any],
    records: Records | None = None,
    listener: Listener = LISTENER,
    effects: SideEffects | None = None,
    services: Services | None = None,
) -> MessageEvaluator:
    """Return an evaluator of a policy with these rules."""
    never = {"name": "Never", "when": {"mail_from": "never@example.net"}, "do": "drop"}
    policy = PolicyEvaluator(FixedPolicy(make_policy(*(rules or [never]))), GATEWAY, effects, services)
    return MessageEvaluator(listener, policy, records or Records())


def make_configuration(port: int, protocol: Protocol = Protocol.SMTP, **options: Any) -> ListenerConfiguration:
    """Return the configuration of a listener on a free port of the loopback interface. The port is that of its next host."""
    own = {
        "listener": LISTENER,
        "address": SocketAddress(HOST, 0),
        "networks": LOOPBACK,
        "next_host": NextHost(host=HOST, port=port, tls=Tls.NONE),
    }
    return ListenerConfiguration(protocol=protocol, **(own | options))


@contextmanager
def run_listener(
    configuration: ListenerConfiguration, evaluator: Evaluator | None = None, timeouts: Timeouts = SHORT
) -> Iterator[RunningListener]:
    """Run a listener. Its default evaluator has a policy without rules."""
    records, log = Records(), LogLines()
    slot = EvaluatorSlot(evaluator or make_evaluator(records=records))
    if isinstance(evaluator, MessageEvaluator) and isinstance(evaluator.reporter, Records):
        records = evaluator.reporter
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway")
    thread.start()
    with ThreadPoolExecutor(EVALUATIONS) as executor:
        listener = SmtpListener(configuration, slot, executor, log, timeouts)
        try:
            asyncio.run_coroutine_threadsafe(listener.start(), loop).result(10)
            yield RunningListener(listener, loop, records.records, log.lines)
        finally:
            asyncio.run_coroutine_threadsafe(listener.stop(1.0), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class Client:
    """An SMTP client that sends exactly these octets and reads replies. It ends the connection when it is left."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=timeout)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def read(self) -> str:
        """Return one reply without its last line end; "" at the end of the connection."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] == b" ":
                break
        return "\n".join(lines)

    def command(self, line: str) -> str:
        """Send a command and return its reply."""
        self.send(line.encode() + b"\r\n")
        return self.read()

    def greet(self, command: str = "EHLO") -> str:
        """Read the greeting, send EHLO or LHLO, and return its reply."""
        assert self.read().startswith("220 ")
        return self.command(f"{command} client.example.net")

    def begin(self, sender: str, *recipients: str) -> list[str]:
        """Send MAIL and RCPT, and return the replies."""
        return [self.command(f"MAIL FROM:<{sender}>"), *(self.command(f"RCPT TO:<{each}>") for each in recipients)]

    def read_all(self, count: int) -> list[str]:
        """Read replies."""
        return [self.read() for _ in range(count)]

    def data(self, content: bytes) -> str:
        """Send DATA and content, with dots, and return the reply to it."""
        reply = self.command("DATA")
        if not reply.startswith("354 "):
            return reply
        self.send(re.sub(rb"(?:\A|(?<=\r\n))\.", b"..", content) + b".\r\n")
        return self.read()
