"""The SMTP server over real sockets: the content arrives unchanged, and a message that was acknowledged with 250 is stored."""

import gc
import re
import shutil
import smtplib
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from tests.support.mail import CORPUS
from tests.support.smtp_peers import Client, MemoryAcceptor, refusal_with_address, smtp, stuffed
from workmail_local.mail.submission import TemporarilyRefused
from workmail_local.smtp.server import SmtpServer

RAW = b"Subject: x\r\n\r\nHello\r\n"


@pytest.fixture
def acceptor() -> MemoryAcceptor:
    return MemoryAcceptor()


@pytest.fixture
def server(acceptor: MemoryAcceptor) -> Iterator[SmtpServer]:
    with smtp(acceptor) as running:
        yield running


def with_line_end(raw: bytes) -> bytes:
    """Return the message as SMTP sends it: its last line has a line end."""
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def test_real_mail_arrives_byte_for_byte(acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    sent = [with_line_end(file.read_bytes()) for file in CORPUS]
    with Client(server.port) as client:
        for number, raw in enumerate(sent, 1):
            assert client.send(raw) == f"250 2.0.0 Ok: queued as {number}"
    assert [each.raw for each in acceptor.stored] == sent


@pytest.mark.parametrize("direction", FlowDirection)
def test_real_mail_arrives_from_smtplib(direction: FlowDirection, acceptor: MemoryAcceptor) -> None:
    """QUIRK: smtplib treats a bare LF as a line end and doubles a dot after it, so that it sends another message."""
    sent = [with_line_end(file.read_bytes()) for file in CORPUS]
    with smtp(acceptor, direction) as server, smtplib.SMTP("127.0.0.1", server.port) as client:
        for raw in sent:
            assert client.sendmail("ana@example.com", ["bo@example.com"], raw) == {}
    assert [each.raw for each in acceptor.stored] == [re.sub(rb"(?<!\r)\n\.", b"\n..", raw) for raw in sent]


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_sends_inbound_with_pipelining_and_outbound_with_a_login(acceptor: MemoryAcceptor, tmp_path: Path) -> None:
    raw = b"Subject: swaks\r\n\r\n.a dot\r\n\xc3\xbc\r\n"
    file = tmp_path / "mail.eml"
    file.write_bytes(raw)
    more: dict[FlowDirection, list[str]] = {
        FlowDirection.INBOUND: ["--pipeline"],
        FlowDirection.OUTBOUND: ["--auth", "PLAIN", "--auth-user", "ana@example.com", "--auth-password", "any"],
    }
    for direction, options in more.items():
        with smtp(acceptor, direction) as server:
            command = ["swaks", "--server", f"127.0.0.1:{server.port}", "--helo", "client.example.net", "--from", "ana@example.com"]
            command += ["--to", "bo@example.com,user1@example.com", "--data", f"@{file}", *options]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stdout
            assert "queued as" in done.stdout
    # swaks adds a line end of its own after the data.
    assert [(each.direction, each.recipients, each.raw.rstrip()) for each in acceptor.stored] == [
        (direction, ("bo@example.com", "user1@example.com"), raw.rstrip()) for direction in more
    ]


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_shows_the_refusal(acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    command = ["swaks", "--server", f"127.0.0.1:{server.port}", "--helo", "x", "--from", "a@example.net", "--to", "ana@example.net"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 24  # no recipient was accepted
    assert "550 5.7.1" in done.stdout
    assert not acceptor.stored


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b".\r\n",
        b"..\r\n.\r\n\r\n.\r\n",
        b"bare \r CR, bare \n LF, \0 NUL, \xff\xfe 8-bit\r\n",
        b"\n.\n\r\n",
        b"\r.\r\r\n",
        b"\r\r\n.\n\r\n",
        b"no colon, no header at all\r\n",
        b"x" * 100_000 + b"\r\n" + b"y" * 70_000 + b"\r\n",
        b".\n" * 40_000 + b"\r\n",
        b"\r\n.." * 40_000 + b"\r\n",
        bytes(range(256)) * 1000 + b"\r\n",
    ],
)
def test_any_octets_arrive_unchanged(raw: bytes, acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    with Client(server.port) as client:
        assert client.send(raw).startswith("250")
    assert [each.raw for each in acceptor.stored] == [raw]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n"])
def test_only_crlf_dot_crlf_ends_a_message(end: bytes, acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    smuggled = b"MAIL FROM:<ceo@example.com>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nPay.\r\n"
    with Client(server.port) as client:
        client.begin()
        client.socket.sendall(RAW[:-2] + end + smuggled + b".\r\n")
        assert client.reply() == "250 2.0.0 Ok: queued as 1"
        assert client.say(b"NOOP") == "250 2.0.0 OK"
    [each] = acceptor.stored
    # Only a dot at the beginning of a line is removed, as a stuffed one (RFC 5321 section 4.5.2).
    assert each.raw == (RAW[:-2] + end + smuggled).replace(b"\r\n.", b"\r\n")


def test_octets_that_arrive_one_by_one_give_the_same_message(acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    raw = b".a\r\n\r\n.\r.\n\r\n..\r\n\r\n"
    with Client(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.begin()
        for octet in stuffed(raw) + b".\r\n":
            client.socket.sendall(bytes([octet]))
        assert client.reply().startswith("250")
    assert [each.raw for each in acceptor.stored] == [raw]


@pytest.mark.parametrize("line", [b"x", b"x" * 76 + b"\r\n", b"\r"])
def test_a_message_of_40_mb_is_accepted_and_one_octet_more_refused(line: bytes, acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    raw = (line * (MAX_MESSAGE_BYTES // len(line) + 1))[: MAX_MESSAGE_BYTES - 2] + b"\r\n"
    with Client(server.port) as client:
        for content, reply in ((raw, "250 2.0.0"), (b"y" + raw, "552 5.3.4"), (RAW, "250 2.0.0")):
            client.begin()
            client.socket.sendall(stuffed(content) + b".\r\n")
            assert client.reply().startswith(reply)
    assert [each.raw for each in acceptor.stored] == [raw, RAW]


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("sent", [RAW, RAW + b".", RAW + b".\r", b""])
def test_half_a_message_is_not_stored(sent: bytes, hard: bool, acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    with Client(server.port) as client:
        assert client.send(RAW).startswith("250")
        client.begin()
        client.socket.sendall(sent)
        if hard:
            reset_at_close(client)
    with Client(server.port) as client:
        assert client.send(RAW) == "250 2.0.0 Ok: queued as 2"
    server.stop()
    assert len(acceptor.stored) == 2


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("error", [None, refusal_with_address()])
def test_a_message_is_stored_although_its_client_did_not_wait_for_the_250(
    error: TemporarilyRefused | None, hard: bool, acceptor: MemoryAcceptor, server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    acceptor.error = error
    acceptor.gate.clear()
    with Client(server.port) as client:
        client.begin()
        client.socket.sendall(RAW + b".\r\n")
        assert acceptor.entered.wait(30)
        if hard:
            reset_at_close(client)
    with Client(server.port):
        acceptor.gate.set()
    server.stop()
    assert [each.raw for each in acceptor.stored] == ([] if error else [RAW])
    gc.collect()  # asyncio logs the unseen error of a task when it is collected.
    assert not caplog.records


def reset_at_close(client: Client) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_mail_of_25_senders_at_once_is_stored_once(acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    senders, each = 25, 20
    replies: list[str] = []

    def send(sender: int) -> None:
        with Client(server.port) as client:
            for number in range(each):
                replies.append(client.send(b"Subject: %d.%d\r\n\r\n" % (sender, number) + b"z" * 10_000 + b"\r\n"))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == sorted(f"250 2.0.0 Ok: queued as {number}" for number in range(1, senders * each + 1))
    subjects = Counter(each.raw.split(b"\r\n")[0] for each in acceptor.stored)
    assert subjects == {b"Subject: %d.%d" % (sender, number): 1 for sender in range(senders) for number in range(each)}


def test_a_slow_client_does_not_delay_another(acceptor: MemoryAcceptor, server: SmtpServer) -> None:
    with Client(server.port) as slow, Client(server.port) as quick:
        slow.begin()
        slow.socket.sendall(b"Subject: slow\r\n")
        assert quick.send(RAW) == "250 2.0.0 Ok: queued as 1"
        slow.socket.sendall(b".\r\n")
        assert slow.reply() == "250 2.0.0 Ok: queued as 2"
