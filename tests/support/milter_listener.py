"""A milter in this process, with a real listener and a policy."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mail_gateway.config import ListenerConfiguration, NextHost, Protocol, SocketAddress, Tls
from mail_gateway.milter.server import MilterListener
from mail_gateway.report import GatewayLog
from mail_gateway.slot import Evaluator, EvaluatorSlot
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.envelope import FlowDirection
from mailhooks.policy.loading.loader import load_policy
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.listener import HeaderField, Listener
from mailhooks.relay.platforms import MILTER
from mailhooks.relay.report import Record
from tests.support.event_loop import LoopThread, loop_thread
from tests.support.milter_mta import POSTFIX, Client, Kind

LISTENER = Listener(
    name="milter",
    flow_direction=FlowDirection.INBOUND,
    host_name="mail.example.com",
    postmaster="postmaster@mail.example.com",
    junk_field=HeaderField("X-Spam-Flag", "YES"),
    mark_secrets=(b"0123456789abcdef",),
)


class Journal(GatewayLog):
    """Keeps what a milter reports.

    Attributes:
        records: of evaluated messages.
        failures: what else happened: the event and its reason.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.failures: list[tuple[str, str]] = []

    def for_listener(self, name: str) -> "Journal":
        return self

    def report(self, record: Record) -> None:
        self.records.append(record)

    def warn(self, text: str, reason: str, *, invocation_id: str = "") -> None:
        self.failures.append((text, reason))


def make_evaluator(policy: str, journal: Journal, listener: Listener = LISTENER) -> MessageEvaluator:
    return MessageEvaluator(listener, PolicyEvaluator(FixedPolicy(load_policy(policy)), MILTER), journal)


@dataclass
class Milter:
    """A running milter."""

    listener: MilterListener
    loop: LoopThread
    journal: Journal

    @contextmanager
    def connect(self, kind: Kind = POSTFIX) -> Iterator[Client]:
        """Connect as a mail server, and negotiate."""
        address = self.listener.configuration.address
        with socket.socket(socket.AF_UNIX) if address.path else socket.create_connection(("127.0.0.1", self.listener.port)) as connection:
            if address.path:
                connection.connect(address.path)
            connection.settimeout(30)
            client = Client(connection, kind)
            client.negotiate()
            yield client


@contextmanager
def run_milter(evaluator: Evaluator, journal: Journal, next_port: int = 0, **configuration: Any) -> Iterator[Milter]:
    """Run a milter on a free port of the loopback interface.

    Args:
        next_port: of the host for delivery status notifications; 0 for none.
        configuration: attributes of the listener's configuration that differ.
    """
    next_host = NextHost(host="127.0.0.1", port=next_port, tls=Tls.NONE) if next_port else None
    values: dict[str, Any] = {
        "listener": LISTENER,
        "protocol": Protocol.MILTER,
        "address": SocketAddress("127.0.0.1", 0),
        "next_host": next_host,
    }
    with ThreadPoolExecutor(4) as executor, loop_thread() as loop:
        listener = MilterListener(ListenerConfiguration(**values | configuration), EvaluatorSlot(evaluator), executor, journal)
        loop.run(listener.start())
        try:
            yield Milter(listener, loop, journal)
        finally:
            loop.run(listener.stop(5.0))
