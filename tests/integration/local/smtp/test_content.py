"""SMTP in: what comes in is what was sent, and what had a 250 is kept, over real sockets."""

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

from local.smtp.server import SmtpServer, TemporarilyRefused
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from tests.support.mail import CORPUS
from tests.support.smtp_peers import Box, Client, later, smtp, stuffed

RAW = b"Subject: x\r\n\r\nHello\r\n"


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def server(box: Box) -> Iterator[SmtpServer]:
    with smtp(box) as running:
        yield running


def ended(raw: bytes) -> bytes:
    """As it must be sent: its last line has a line end."""
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def test_collected_mail_comes_in_byte_for_byte(box: Box, server: SmtpServer) -> None:
    sent = [ended(file.read_bytes()) for file in CORPUS]
    with Client(server.port) as client:
        for number, raw in enumerate(sent, 1):
            assert client.send(raw) == f"250 2.0.0 Ok: queued as {number}"
    assert [kept.raw for kept in box.kept] == sent


@pytest.mark.parametrize("direction", FlowDirection)
def test_collected_mail_comes_in_from_smtplib(direction: FlowDirection, box: Box) -> None:
    """QUIRK: smtplib takes a bare LF for a line end and doubles the dot behind it; there the message that it sends is another one."""
    sent = [ended(file.read_bytes()) for file in CORPUS]
    with smtp(box, direction) as server, smtplib.SMTP("127.0.0.1", server.port) as client:
        for raw in sent:
            assert client.sendmail("ana@example.com", ["bo@example.com"], raw) == {}
    assert [kept.raw for kept in box.kept] == [re.sub(rb"(?<!\r)\n\.", b"\n..", raw) for raw in sent]


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_sends_in_with_pipelining_and_out_with_a_login(box: Box, tmp_path: Path) -> None:
    raw = b"Subject: swaks\r\n\r\n.a dot\r\n\xc3\xbc\r\n"
    file = tmp_path / "mail.eml"
    file.write_bytes(raw)
    more: dict[FlowDirection, list[str]] = {
        FlowDirection.INBOUND: ["--pipeline"],
        FlowDirection.OUTBOUND: ["--auth", "PLAIN", "--auth-user", "ana@example.com", "--auth-password", "any"],
    }
    for direction, options in more.items():
        with smtp(box, direction) as server:
            command = ["swaks", "--server", f"127.0.0.1:{server.port}", "--helo", "client.example.net", "--from", "ana@example.com"]
            command += ["--to", "bo@example.com,user1@example.com", "--data", f"@{file}", *options]
            told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert told.returncode == 0, told.stdout
            assert "queued as" in told.stdout
    # swaks puts a line end of its own behind the data.
    assert [(kept.direction, kept.recipients, kept.raw.rstrip()) for kept in box.kept] == [
        (direction, ("bo@example.com", "user1@example.com"), raw.rstrip()) for direction in more
    ]


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_is_told_what_is_refused(box: Box, server: SmtpServer) -> None:
    command = ["swaks", "--server", f"127.0.0.1:{server.port}", "--helo", "x", "--from", "a@example.net", "--to", "ana@example.net"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 24  # no recipient was taken
    assert "550 5.7.1" in told.stdout
    assert not box.kept


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
def test_any_octets_come_in_as_they_are(raw: bytes, box: Box, server: SmtpServer) -> None:
    with Client(server.port) as client:
        assert client.send(raw).startswith("250")
    assert [kept.raw for kept in box.kept] == [raw]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n"])
def test_only_crlf_dot_crlf_ends_a_message(end: bytes, box: Box, server: SmtpServer) -> None:
    smuggled = b"MAIL FROM:<ceo@example.com>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nPay.\r\n"
    with Client(server.port) as client:
        client.begin()
        client.socket.sendall(RAW[:-2] + end + smuggled + b".\r\n")
        assert client.reply() == "250 2.0.0 Ok: queued as 1"
        assert client.say(b"NOOP") == "250 2.0.0 OK"
    [kept] = box.kept
    # The one thing that is taken away: RFC 5321 section 4.5.2 has a dot at the beginning of a line taken for a stuffed one.
    assert kept.raw == (RAW[:-2] + end + smuggled).replace(b"\r\n.", b"\r\n")


def test_octets_that_come_one_by_one_are_the_same(box: Box, server: SmtpServer) -> None:
    raw = b".a\r\n\r\n.\r.\n\r\n..\r\n\r\n"
    with Client(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.begin()
        for octet in stuffed(raw) + b".\r\n":
            client.socket.sendall(bytes([octet]))
        assert client.reply().startswith("250")
    assert [kept.raw for kept in box.kept] == [raw]


def test_a_client_that_says_all_at_once_and_no_more_is_answered(box: Box, server: SmtpServer) -> None:
    transaction = b"MAIL FROM:<>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\n" + RAW + b".\r\n"
    with Client(server.port) as client:
        client.socket.sendall(transaction * 3 + b"NOOP\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        replies = [client.reply()[:3] for _ in range(3 * 4 + 2)]
    assert replies == ["250", "250", "354", "250"] * 3 + ["250", ""]
    assert [kept.raw for kept in box.kept] == [RAW] * 3


@pytest.mark.parametrize("line", [b"x", b"x" * 76 + b"\r\n", b"\r\n", b"\r", b"\r\n.."])
def test_a_message_of_40_mb_is_taken_and_one_octet_more_is_refused_with_552(line: bytes, box: Box, server: SmtpServer) -> None:
    raw = (line * (MAX_MESSAGE_BYTES // len(line)))[: MAX_MESSAGE_BYTES - 2] + b"\r\n"
    sent = raw.replace(b"\r\n..", b"\r\n.") if b"." in line else raw
    with Client(server.port) as client:
        for content, reply in ((sent, "250 2.0.0"), (b"y" * (MAX_MESSAGE_BYTES - len(sent) + 1) + sent, "552 5.3.4"), (RAW, "250 2.0.0")):
            client.begin()
            client.socket.sendall(stuffed(content) + b".\r\n")
            assert client.reply().startswith(reply)
    assert [kept.raw for kept in box.kept] == [sent, RAW]


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("sent", [RAW, RAW + b".", RAW + b".\r", b""])
def test_a_client_that_hangs_up_before_the_end_has_sent_nothing(sent: bytes, hard: bool, box: Box, server: SmtpServer) -> None:
    with Client(server.port) as client:
        assert client.send(RAW).startswith("250")
        client.begin()
        client.socket.sendall(sent)
        if hard:
            reset_at_close(client)
    with Client(server.port) as client:
        assert client.send(RAW) == "250 2.0.0 Ok: queued as 2"
    server.stop()
    assert len(box.kept) == 2


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("trouble", [None, later()])
def test_a_message_is_kept_though_its_client_has_not_waited_for_the_250(
    trouble: TemporarilyRefused | None, hard: bool, box: Box, server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    box.trouble = trouble
    box.gate.clear()
    with Client(server.port) as client:
        client.begin()
        client.socket.sendall(RAW + b".\r\n")
        assert box.entered.wait(30)
        if hard:
            reset_at_close(client)
    with Client(server.port):
        box.gate.set()
    server.stop()
    assert [kept.raw for kept in box.kept] == ([] if trouble else [RAW])
    gc.collect()  # Only then asyncio tells of a task whose error nobody has seen.
    assert not caplog.records


def reset_at_close(client: Client) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_25_senders_at_once_lose_nothing_and_double_nothing(box: Box, server: SmtpServer) -> None:
    senders, each = 25, 20
    told: list[str] = []

    def send(sender: int) -> None:
        with Client(server.port) as client:
            for number in range(each):
                told.append(client.send(b"Subject: %d.%d\r\n\r\n" % (sender, number) + b"z" * 10_000 + b"\r\n"))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == sorted(f"250 2.0.0 Ok: queued as {number}" for number in range(1, senders * each + 1))
    subjects = Counter(kept.raw.split(b"\r\n")[0] for kept in box.kept)
    assert subjects == {b"Subject: %d.%d" % (sender, number): 1 for sender in range(senders) for number in range(each)}


def test_a_slow_message_holds_up_nobody_else(box: Box, server: SmtpServer) -> None:
    with Client(server.port) as slow, Client(server.port) as quick:
        slow.begin()
        slow.socket.sendall(b"Subject: slow\r\n")
        assert quick.send(RAW) == "250 2.0.0 Ok: queued as 1"
        slow.socket.sendall(b".\r\n")
        assert slow.reply() == "250 2.0.0 Ok: queued as 2"
