"""Slow, silent and broken peers: no message is lost, and none delays another."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from mail_gateway.config import Protocol
from mail_gateway.smtp.next_host import Timeouts
from tests.support.gateway import (
    ANA,
    BO,
    EVALUATIONS,
    HOST,
    MESSAGE,
    SENDER,
    Records,
    RunningListener,
    make_configuration,
    make_evaluator,
    run_listener,
    without_trace,
)
from tests.support.smtp_sink import Sink, Step, run_sink
from tests.support.waiting import wait_until

TOO_SLOW = "451 4.4.2 the next host did not answer in time, try again later"
LARGE = MESSAGE + b"x" * 998 + b"\r\n"


class Gate:
    """An evaluator that waits until it is opened."""

    def __init__(self) -> None:
        self.records = Records()
        self._evaluator = make_evaluator(records=self.records)
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def evaluate(self, *arguments: Any) -> Any:
        self.entered.release()
        assert self.opened.wait(10)
        return self._evaluator.evaluate(*arguments)


@contextmanager
def script_host(*steps: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a next host for one connection; each step is called in turn. The connection stays open until the client ends it."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                for step in steps:
                    step(connection)
                try:
                    while connection.recv(1 << 16):
                        pass
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def answer(text: bytes) -> Callable[[socket.socket], None]:
    """Return a step that reads a command and sends a reply."""

    def step(connection: socket.socket) -> None:
        assert connection.recv(1000).endswith(b"\r\n")
        connection.sendall(text + b"\r\n")

    return step


def greet(connection: socket.socket) -> None:
    connection.sendall(b"220 Ready\r\n")


UP_TO_DATA = (greet, answer(b"250 host"), answer(b"250 Ok"), answer(b"250 Ok"), answer(b"354 Go"))


@pytest.mark.parametrize("step", range(5), ids=["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_next_host_that_does_not_answer_a_command_delays_the_message(step: int) -> None:
    quick = Timeouts(connect=0.3, command=0.3, block=0.3, end=0.3)
    with (
        script_host(*UP_TO_DATA[:step]) as port,
        run_listener(make_configuration(port), timeouts=quick) as gateway,
        gateway.connect() as client,
    ):
        client.greet()
        replies = client.begin(SENDER, ANA)
        assert (replies[0] if step < 3 else replies[1] if step == 3 else client.data(MESSAGE)) == TOO_SLOW


def test_a_next_host_that_does_not_answer_the_end_of_a_message_delays_it() -> None:
    quick = Timeouts(connect=5.0, command=5.0, block=5.0, end=0.3)
    with script_host(*UP_TO_DATA) as port, run_listener(make_configuration(port), timeouts=quick) as gateway, gateway.connect() as client:
        client.greet()
        client.begin(SENDER, ANA)
        assert client.data(MESSAGE) == TOO_SLOW


def test_a_next_host_that_stops_to_read_delays_the_message() -> None:
    quick = Timeouts(connect=5.0, command=5.0, block=0.3, end=5.0)
    stop = threading.Event()
    with (
        script_host(*UP_TO_DATA, lambda _: stop.wait(10) and None) as port,
        run_listener(make_configuration(port), timeouts=quick) as gateway,
    ):
        with gateway.connect(timeout=20.0) as client:
            client.greet()
            client.begin(SENDER, ANA)
            assert client.data(MESSAGE + LARGE * 12_000) == TOO_SLOW
        stop.set()


@pytest.mark.parametrize("reply, expected", [(b"552 5.3.4 Too large", "552 5.3.4 Too large"), (b"250 Thanks", "451 4.5.0 The next host")])
def test_an_answer_before_the_end_of_a_message_ends_it(reply: bytes, expected: str) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(reply + b"\r\n")

    with (
        script_host(*UP_TO_DATA, refuse) as port,
        run_listener(make_configuration(port)) as gateway,
        gateway.connect(timeout=20.0) as client,
    ):
        client.greet()
        client.begin(SENDER, ANA)
        assert client.data(MESSAGE + LARGE * 12_000).startswith(expected)


def test_a_connection_to_a_host_that_stops_reading_is_closed() -> None:
    checked = threading.Event()

    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        checked.wait(0.5)  # until no buffer has room for more
        connection.sendall(b"552 5.3.4 Too large\r\n")
        assert checked.wait(20)

    with (
        script_host(*UP_TO_DATA, refuse) as port,
        run_listener(make_configuration(port)) as gateway,
        gateway.connect(timeout=20.0) as client,
    ):

        def is_open() -> bool:
            transports: list[asyncio.BaseTransport] = list(getattr(gateway.loop, "_transports").values())  # noqa: B009 - no public way
            sockets = [each.get_extra_info("socket") for each in transports if each.get_extra_info("peername")[1] == port]
            return any(each.fileno() >= 0 for each in sockets)

        client.greet()
        client.begin(SENDER, ANA)
        assert is_open()
        assert client.data(MESSAGE + LARGE * 12_000) == "552 5.3.4 Too large"
        try:
            wait_until(lambda: not is_open(), 5)
        finally:
            checked.set()


def test_a_reply_too_many_is_not_the_answer_to_the_content() -> None:
    with (
        script_host(*UP_TO_DATA[:-1], answer(b"354 Go\r\n250 Ok")) as port,
        run_listener(make_configuration(port)) as gateway,
        gateway.connect() as client,
    ):
        client.greet()
        client.begin(SENDER, ANA)
        assert client.data(MESSAGE).startswith("451 4.5.0 ")


def test_a_reply_too_many_is_not_the_answer_to_the_next_command(sink: Sink) -> None:
    sink.replies[Step.ACCEPTED] = "250 2.0.0 Accepted\r\n550 5.7.1 Refused"
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        for _ in range(2):
            assert client.begin(SENDER, ANA) == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
            assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert sink.connections == len(sink.received) == 2


def test_an_evaluation_delays_no_other_client(sink: Sink) -> None:
    gate = Gate()
    with run_listener(make_configuration(sink.port), gate) as gateway, gateway.connect() as slow, gateway.connect() as other:
        slow.greet()
        slow.begin(SENDER, ANA)
        slow.command("DATA")
        slow.send(MESSAGE + b".\r\n")
        assert gate.entered.acquire(timeout=10)
        other.greet()
        assert other.begin(SENDER, BO) == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
        gate.opened.set()
        assert slow.read() == "250 2.0.0 Accepted"
        assert other.data(MESSAGE) == "250 2.0.0 Accepted"


def test_a_message_whose_client_has_gone_is_not_passed_on(sink: Sink) -> None:
    """The client sends it again, as it got no reply."""
    gate = Gate()
    with run_listener(make_configuration(sink.port), gate) as gateway:
        with gateway.connect() as client:
            client.greet()
            client.begin(SENDER, ANA)
            client.command("DATA")
            client.send(MESSAGE + b".\r\n")
            assert gate.entered.acquire(timeout=10)
        [session] = gateway.listener._services.sessions
        while not session._reader.at_eof():
            threading.Event().wait(0.01)
        gate.opened.set()
        with gateway.connect() as client:
            client.greet()
            client.begin(SENDER, ANA)
            assert client.data(MESSAGE) == "250 2.0.0 Accepted"
        # Another thread evaluates the message whose client has gone, perhaps later.
        wait_until(lambda: gateway.log, 10)
        assert gateway.log == [("a message is not passed on", "the client did not wait")]
    assert len(sink.received) == 1
    assert len(gate.records.records) == 1, "the message is notified and logged once"


def test_a_message_that_waits_for_its_evaluation_is_not_evaluated_if_its_client_has_gone(sink: Sink) -> None:
    gate = Gate()
    with run_listener(make_configuration(sink.port), gate) as gateway, ExitStack() as clients:
        for _ in range(EVALUATIONS):
            clients.enter_context(send_content(gateway))
            assert gate.entered.acquire(timeout=10)
        with send_content(gateway):
            pass
        wait_until(lambda: any(session._reader.at_eof() for session in list(gateway.listener._services.sessions)))
        gate.opened.set()
        wait_until(lambda: len(sink.received) == EVALUATIONS and bool(gateway.log))
        assert not gate.entered.acquire(blocking=False)


@contextmanager
def send_content(gateway: RunningListener) -> Iterator[None]:
    """Send a message, and end the connection without having read the reply."""
    with gateway.connect() as client:
        client.greet()
        client.begin(SENDER, ANA)
        client.command("DATA")
        client.send(MESSAGE + b".\r\n")
        yield


def test_the_next_host_that_was_away_during_the_evaluation_gets_the_message_by_a_new_connection(sink: Sink) -> None:
    gate = Gate()
    with run_listener(make_configuration(sink.port), gate) as gateway, gateway.connect() as client:
        client.greet()
        client.begin(SENDER, ANA)
        sink.refused = {BO: ""}
        sink.replies = {Step.RCPT: ""}
        assert client.command(f"RCPT TO:<{BO}>").startswith("451 4.4.2 ")
        sink.replies = {}
        client.command("DATA")
        client.send(MESSAGE + b".\r\n")
        gate.opened.set()
        assert client.read() == "250 2.0.0 Accepted"
    assert sink.received[0].recipients == (ANA,)


def test_a_stop_lets_a_message_finish_and_sends_the_others_away(sink: Sink) -> None:
    gate = Gate()
    with run_listener(make_configuration(sink.port), gate) as gateway, gateway.connect() as busy, gateway.connect() as idle:
        for client in (busy, idle):
            client.greet()
        busy.begin(SENDER, ANA)
        busy.command("DATA")
        busy.send(MESSAGE + b".\r\n")
        assert gate.entered.acquire(timeout=10)
        stopped = gateway.stop()
        assert idle.read() == "421 4.3.2 This host is being stopped, try again later"
        assert idle.read() == ""
        with pytest.raises(ConnectionRefusedError):
            gateway.connect()
        gate.opened.set()
        assert busy.read() == "250 2.0.0 Accepted"
        assert busy.read() == "421 4.3.2 This host is being stopped, try again later"
        stopped.result(10)
    assert len(sink.received) == 1


def test_a_stop_that_waited_long_enough_cuts_a_message_off_that_its_client_keeps(sink: Sink) -> None:
    gate = Gate()
    with run_listener(make_configuration(sink.port), gate) as gateway, gateway.connect() as busy:
        busy.greet()
        busy.begin(SENDER, ANA)
        busy.command("DATA")
        busy.send(MESSAGE + b".\r\n")
        assert gate.entered.acquire(timeout=10)
        gateway.stop(0.1).result(10)
        assert busy.read() == ""
        gate.opened.set()
    assert sink.received == []


@pytest.mark.parametrize("protocol", [Protocol.SMTP, Protocol.LMTP])
def test_a_change_that_the_next_host_cannot_get_is_left_out(protocol: Protocol) -> None:
    evaluator = make_evaluator({"do": {"disclaimer": {"text": "Grüße " + "x" * 2000}}})
    content = MESSAGE.replace(b"\r\n\r\n", b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n")
    with (
        run_sink(Sink(extensions=(f"SIZE {len(content) + 500}",))) as sink,
        run_listener(make_configuration(sink.port, protocol), evaluator) as gateway,
    ):
        with gateway.connect() as client:
            client.greet("LHLO" if protocol is Protocol.LMTP else "EHLO")
            client.begin(SENDER, ANA)
            assert client.data(content) == "250 2.0.0 Accepted"
        [record] = gateway.records
    assert without_trace(sink.received[0].content) == content
    assert str(record.permanent) == "the next host does not accept the size of the changed message"
