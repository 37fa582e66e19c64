"""Odd content passes untouched; content that a lenient host could misread is refused."""

import re
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mail_gateway.config import Protocol
from tests.support.gateway import ANA, HEADER, HOST, MESSAGE, SENDER, make_configuration, make_evaluator, run_listener, without_trace
from tests.support.smtp_sink import Sink, run_sink

MiB = 1024 * 1024
TAG = {"do": {"subject_tag": "[X]"}}
ODD = {
    "dots": HEADER + b"\r\n.\r\n..\r\n.a\r\n. \r\n..a\r\n",
    "NUL": HEADER + b"X-Odd: a\0b\r\n\r\n\0\r\n",
    "bare line ends": HEADER + b"\r\na\nb\rc\r\r\nd\n\n\r\n.\ta\n..b\r\n",
    "long lines": HEADER + b"\r\n" + b"x" * 300_000 + b"\r\n." + b"y" * 70_000 + b"\r\n",
    "8-bit": HEADER.replace(b"Offer", "Angebot für Jörg".encode("latin-1")) + b"\r\n\x80\xff\r\n",
    "folded and repeated fields": b"To:\r\n\tana@example.com\r\n , bo@example.com\r\nX: 1\r\nX: 2\r\n" + HEADER + b"\r\nHello\r\n",
    "no header": b"\r\nHello\r\n",
    "no field": b"Hello\r\n",
    "empty": b"",
    "a dot alone": b".\r\n",
}


def test_odd_content_passes_untouched(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        for name, content in ODD.items():
            client.begin(SENDER, ANA)
            assert client.data(content) == "250 2.0.0 Accepted", name
    for (name, content), received in zip(ODD.items(), sink.received, strict=True):
        own = re.match(rb"Received: (?:.*\r\n[ \t])*.*\r\nX-Mailhooks-Checked: .*\r\n(\r\n)?", received.content)
        assert own, name
        assert received.content[own.end() :] == content or received.content[own.end(0) - len(own[1] or b"") :] == content, name


def test_content_passes_wherever_the_client_cuts_it(sink: Sink) -> None:
    content = HEADER + b"\r\n.\r\n..a\r\n\r\n.b\r\n"
    wire = content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        for cut in range(len(HEADER) - 2, len(wire)):
            client.begin(SENDER, ANA)
            client.command("DATA")
            client.send(wire[:cut])
            client.send(wire[cut:])
            assert client.read() == "250 2.0.0 Accepted"
    assert {without_trace(each.content) for each in sink.received} == {content}


@pytest.mark.parametrize(
    "end",
    [b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\n.\n", b"\r\n.\r", b"\n.\r", b"\r\n\0.\r\n"],
    ids=lambda end: end.decode().encode("unicode_escape").decode(),
)
def test_a_bare_line_end_around_a_dot_is_never_the_end_of_a_message(end: bytes) -> None:
    smuggled = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\nSubject: Smuggled\r\n\r\n"
    wire = MESSAGE + b"x" + end + smuggled + b".\r\n"
    # As a host sends it that only knows CRLF: it adds a dot to lines after CRLF.
    sent = wire[:-3].replace(b"\r\n.", b"\r\n..") + b".\r\n"
    with run_sink(Sink(lenient=True)) as sink, run_listener(make_configuration(sink.port)) as gateway:
        for octets in (wire, sent):
            with gateway.connect() as client:
                client.greet()
                client.begin(SENDER, ANA)
                client.command("DATA")
                client.send(octets)
                reply = client.read()
                assert reply.startswith(("550 5.6.0 ", "250 2.0.0 "))
                assert client.command("NOOP") == "250 2.0.0 OK"
        assert all(each.mail_from == SENDER and b"Subject: Smuggled" not in each.fields for each in sink.received)
        assert len(sink.received) <= 1


def test_commands_after_the_content_are_answered_in_their_order(sink: Sink) -> None:
    """A client that knows PIPELINING sends them at once (RFC 2920)."""
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        envelope = b"MAIL FROM:<nora@example.net>\r\nRCPT TO:<ana@example.com>\r\nRCPT TO:<@>\r\nDATA\r\n"
        client.send(envelope)
        assert [reply[:3] for reply in client.read_all(4)] == ["250", "250", "501", "354"]
        client.send(MESSAGE + b".\r\n" + envelope)
        assert [reply[:3] for reply in client.read_all(5)] == ["250", "250", "250", "501", "354"]
        client.send(MESSAGE + b".\r\nQUIT\r\n")
        assert [reply[:3] for reply in client.read_all(2)] == ["250", "221"]
        assert client.read() == ""
    assert len(sink.received) == 2


def test_a_client_that_sends_all_and_closes_its_side_gets_its_answers(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.send(
            b"EHLO c.example.net\r\nMAIL FROM:<nora@example.net>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\n" + MESSAGE + b".\r\nQUIT\r\n"
        )
        client.socket.shutdown(socket.SHUT_WR)
        assert [reply[:3] for reply in client.read_all(7)] == ["220", "250", "250", "250", "354", "250", "221"]
    assert len(sink.received) == 1


def test_a_message_that_ends_with_the_connection_is_not_passed_on(sink: Sink) -> None:
    wire = b"EHLO c.example.net\r\nMAIL FROM:<nora@example.net>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\n" + MESSAGE + b".\r"
    with run_listener(make_configuration(sink.port)) as gateway:
        for end in range(0, len(wire), 7):
            with gateway.connect() as client:
                client.send(wire[:end])
        with gateway.connect() as client:
            client.send(wire)
            client.socket.shutdown(socket.SHUT_WR)
            assert client.read_all(5)[-1].startswith("354 ")
            assert client.read() == ""
        with gateway.connect() as client:
            client.greet()
            client.begin(SENDER, ANA)
            assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert len(sink.received) == 1


def test_a_message_that_is_too_large_is_refused_by_its_announced_and_its_real_size(sink: Sink) -> None:
    for protocol, count in ((Protocol.SMTP, 1), (Protocol.LMTP, 2)):
        with run_listener(make_configuration(sink.port, protocol, max_message_octets=1000)) as gateway, gateway.connect() as client:
            client.greet("LHLO" if protocol is Protocol.LMTP else "EHLO")
            assert client.command("MAIL FROM:<nora@example.net> SIZE=1001").startswith("552 5.3.4 ")
            client.begin(SENDER, ANA, "bo@example.com")
            assert [client.data(b"x" * 200_000 + b"\r\n"), *client.read_all(count - 1)] == ["552 5.3.4 The message is too large"] * count
            client.begin(SENDER, ANA)
            assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert len(sink.received) == 2


def test_an_8_bit_message_is_refused_if_the_next_host_cannot_get_it() -> None:
    with (
        run_sink(Sink(extensions=("SIZE 1000000",))) as sink,
        run_listener(make_configuration(sink.port)) as gateway,
        gateway.connect() as client,
    ):
        client.greet()
        assert client.command("MAIL FROM:<nora@example.net> BODY=8BITMIME") == "250 2.1.0 Ok"
        client.command("RCPT TO:<ana@example.com>")
        assert client.data(ODD["8-bit"]) == "554 5.6.3 The next host does not accept 8BITMIME, which the message needs"
        client.command("MAIL FROM:<nora@example.net> BODY=8BITMIME")
        client.command("RCPT TO:<ana@example.com>")
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
        assert client.command("MAIL FROM:<jörg@example.net> SMTPUTF8") == "550 5.6.7 The next host does not accept SMTPUTF8"
    assert [each.parameters for each in sink.received] == [()]


def test_addresses_and_parameters_keep_their_spelling(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        client.command('MAIL FROM:<"a b"@EXAMPLE.net> SMTPUTF8 BODY=8BITMIME SIZE=100')
        client.command("RCPT TO:<Jörg+x@Example.COM>")
        client.command("RCPT TO:<Postmaster>")
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert (sink.received[0].mail_from, sink.received[0].recipients) == ('"a b"@EXAMPLE.net', ("Jörg+x@Example.COM", "Postmaster"))
    assert sink.received[0].parameters == ("SMTPUTF8", "BODY=8BITMIME", "SIZE=100")


def test_the_attributes_of_the_client_are_passed_on_as_far_as_the_next_host_knows_them(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.command("XFORWARD NAME=c.example.org ADDR=192.0.2.1 PORT=1234") == "250 2.0.0 Ok"
        assert client.command("XFORWARD HELO=c+2Bx.example.org PROTO=ESMTP SOURCE=REMOTE") == "250 2.0.0 Ok"
        client.begin(SENDER, ANA)
        assert client.command("XFORWARD NAME=x").startswith("503 5.5.1 ")
        client.data(MESSAGE)
        client.begin(SENDER, ANA)
    forwarded = "XFORWARD NAME=c.example.org ADDR=192.0.2.1 HELO=c+2Bx.example.org PROTO=ESMTP SOURCE=REMOTE"
    assert [line for line in sink.commands if line.startswith("XFORWARD")] == [forwarded]
    assert sink.commands.index(forwarded) == 1


def test_a_large_message_passes_without_a_second_copy_in_memory() -> None:
    block = (b"x" * 998 + b"\r\n") * 1024
    octets = 38 * MiB // len(block) * len(block)
    with (
        count_octets() as (port, counted),
        run_listener(make_configuration(port), make_evaluator(TAG)) as gateway,
        gateway.connect(timeout=60.0) as client,
    ):
        client.greet()
        client.begin(SENDER, ANA)
        client.command("DATA")
        tracemalloc.start()
        try:
            client.send(HEADER + b"\r\n")
            for _ in range(octets // len(block)):
                client.send(block)
            client.send(b".\r\n")
            assert client.read() == "250 2.0.0 Counted"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert counted[0] > octets
    assert peak < octets * 1.35


@contextmanager
def count_octets() -> Iterator[tuple[int, list[int]]]:
    """Run a next host that counts the octets of one message and keeps none. The yielded list has the number."""
    counted = [0]
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 Ready\r\n")
                for line in lines:
                    if line.startswith(b"EHLO"):
                        connection.sendall(b"250-host\r\n250 8BITMIME\r\n")
                    elif line.startswith(b"DATA"):
                        connection.sendall(b"354 Go\r\n")
                        while (content := lines.readline()) != b".\r\n":
                            counted[0] += len(content)
                        connection.sendall(b"250 2.0.0 Counted\r\n")
                    else:
                        connection.sendall(b"250 Ok\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], counted
        thread.join(10)
