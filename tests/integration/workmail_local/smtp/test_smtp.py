"""The SMTP server's replies, over real sockets. `test_content` tests the content of messages."""

import smtplib
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator

import pytest

from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES, MAX_RECIPIENTS
from tests.support.smtp_peers import Client, MemoryAcceptor, plain, refusal_with_address, smtp
from workmail_local.errors import ServerError
from workmail_local.smtp.server import SmtpServer

RAW = b"Subject: x\r\n\r\nHello\r\n"


@pytest.fixture
def acceptor() -> MemoryAcceptor:
    return MemoryAcceptor()


@pytest.fixture
def inbound(acceptor: MemoryAcceptor) -> Iterator[Client]:
    with smtp(acceptor) as server, Client(server.port) as client:
        yield client


@pytest.fixture
def outbound(acceptor: MemoryAcceptor) -> Iterator[Client]:
    with smtp(acceptor, FlowDirection.OUTBOUND) as server, Client(server.port) as client:
        yield client


def test_the_reply_gives_the_number_of_the_message(acceptor: MemoryAcceptor, inbound: Client) -> None:
    assert inbound.send(RAW) == "250 2.0.0 Ok: queued as 1"
    assert inbound.send(RAW) == "250 2.0.0 Ok: queued as 2"
    [first, _] = acceptor.stored
    assert (first.direction, first.mail_from, first.recipients, first.raw) == ("INBOUND", "from@example.net", ("ana@example.com",), RAW)


def test_each_port_lists_its_ehlo_keywords() -> None:
    acceptor = MemoryAcceptor()
    offered = {}
    for direction in FlowDirection:
        with smtp(acceptor, direction) as server, Client(server.port, hello=b"") as client:
            assert client.greeting.startswith("220 localhost ESMTP ")
            offered[direction] = client.say(b"EHLO x").split("\n")[1:]
    extensions = [f"250-SIZE {MAX_MESSAGE_BYTES}", "250-8BITMIME", "250-SMTPUTF8", "250-PIPELINING"]
    assert offered[FlowDirection.INBOUND] == [*extensions, "250 ENHANCEDSTATUSCODES"]
    assert offered[FlowDirection.OUTBOUND] == [*extensions, "250-ENHANCEDSTATUSCODES", "250 AUTH PLAIN LOGIN"]


@pytest.mark.parametrize(
    "lines, reply",
    [
        ([b"MAIL FROM:<a@example.net> SIZE=41943041"], "552 5.3.4"),
        ([b"MAIL FROM:<a@example.net> SIZE=41943040"], "250 2.1.0"),
        ([b"MAIL FROM:<a@example.net> SIZE=big"], "501 5.5.4"),
        ([b"MAIL FROM:<a@example.net> BODY=BINARYMIME"], "501 5.5.4"),
        ([b"MAIL FROM:<a@example.net> body=8bitmime smtputf8"], "250 2.1.0"),
        ([b"MAIL FROM:<a@example.net> SMTPUTF8=yes"], "501 5.5.4"),
        ([b"MAIL FROM:<a@example.net> RET=HDRS"], "555 5.5.4"),
        ([b"MAIL FROM:<a@example.net> AUTH=<>"], "555 5.5.4"),
        ([b"MAIL FROM:<a@example.net> =1"], "501 5.5.4"),
        ([b"MAIL FROM:<\xc3\xbc@example.net>"], "553 5.6.7"),
        ([b"MAIL FROM:<\xc3\xbc@example.net> SMTPUTF8"], "250 2.1.0"),
        ([b"MAIL FROM:<\xfc@example.net> SMTPUTF8"], "501 5.1.7"),
        ([b"MAIL FROM:<a example.net>"], "501 5.1.7"),
        ([b"MAIL FROM:a@example.net"], "250 2.1.0"),
        ([b"MAIL FROM:<ana>"], "501 5.1.7"),
        ([b"MAIL"], "501 5.5.4"),
        ([b"MAIL FROM:<>"], "250 2.1.0"),
        ([b"MAIL FROM:<a@example.net>", b"MAIL FROM:<a@example.net>"], "503 5.5.1"),
        ([b"RCPT TO:<ana@example.com>"], "503 5.5.1"),
        ([b"DATA"], "503 5.5.1"),
        ([b"MAIL FROM:<>", b"DATA"], "503 5.5.1"),
        ([b"MAIL FROM:<>", b"RCPT TO:<ana@example.com>", b"DATA now"], "501 5.5.4"),
        ([b"MAIL FROM:<>", b"RCPT TO:<unknown@example.com>"], "550 5.1.1"),
        ([b"MAIL FROM:<>", b"RCPT TO:<unknown@example.com>", b"DATA"], "503 5.5.1"),
        ([b"MAIL FROM:<>", b"RCPT TO:<ana@example.net>"], "550 5.7.1"),
        ([b"MAIL FROM:<>", b"RCPT TO:<>"], "501 5.1.3"),
        ([b"MAIL FROM:<>", b"RCPT TO:<ana@example.com> NOTIFY=NEVER"], "555 5.5.4"),
        ([b"MAIL FROM:<>", b"RCPT TO:<\xc3\xbcnal@example.com>"], "553 5.6.7"),
        ([b"MAIL FROM:<> SMTPUTF8", b"RCPT TO:<\xc3\xbcnal@example.com>"], "250 2.1.5"),
        ([b"MAIL FROM:<>", b"RCPT TO:<PostMaster>"], "250 2.1.5"),
        ([b"MAIL FROM:<>", b"rcpt to:<@relay.example.org:Ana@EXAMPLE.com>"], "250 2.1.5"),
        ([b"MAIL FROM:<>", b"RSET", b"RCPT TO:<ana@example.com>"], "503 5.5.1"),
        ([b"HELO x", b"MAIL FROM:<a@example.net> SIZE=1"], "501 5.5.4"),
        ([b"AUTH PLAIN " + plain("ana@example.com")], "502 5.5.1"),
        ([b"NONSENSE"], "500 5.5.2"),
        ([b"NOOP " + b"x" * 600], "500 5.5.2"),
        ([b"NOOP " + b"x" * 1_000_000], "500 5.5.2"),
        ([b"VRFY <ana@example.com>"], "252 2.0.0"),
        ([b"EXPN list"], "502 5.5.1"),
        ([b"STARTTLS"], "502 5.5.1"),
        ([b"starttls now"], "502 5.5.1"),
        ([b"MAIL FROM:<>", b"STARTTLS", b"RCPT TO:<ana@example.com>"], "250 2.1.5"),
        ([b"NOOP"], "250 2.0.0"),
        ([b"QUIT"], "221 2.0.0"),
    ],
)
def test_each_inbound_command_has_its_reply(lines: list[bytes], reply: str, inbound: Client) -> None:
    assert inbound.say(*lines).startswith(f"{reply} ")


def test_mail_before_ehlo_is_refused(acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor) as server, Client(server.port, hello=b"") as client:
        assert client.say(b"MAIL FROM:<>").startswith("503 5.5.1 ")
        assert client.say(b"EHLO").startswith("501 5.5.4 ")


@pytest.mark.parametrize(
    "lines, reply",
    [
        ([b"MAIL FROM:<ana@example.com>"], "250 2.1.0"),
        ([b"MAIL FROM:<mallory@example.net>"], "550 5.7.1"),
        ([b"AUTH PLAIN " + plain("ana@example.com"), b"MAIL FROM:<ana@example.com> AUTH=<>"], "250 2.1.0"),
        ([b"MAIL FROM:<ana@example.com> auth=e+3Dmc2@example.com SIZE=1"], "250 2.1.0"),
        ([b"MAIL FROM:<ana@example.com> AUTH=" + b"x" * 600], "250 2.1.0"),
        ([b"MAIL FROM:<ana@example.com> AUTH=<> RET=HDRS"], "555 5.5.4"),
        ([b"MAIL FROM:<ana@example.com> AUTH="], "501 5.5.4"),
        ([b'MAIL FROM:<"a AUTH=b"@example.net>'], "550 5.7.1"),
        ([b"HELO x", b"MAIL FROM:<ana@example.com> AUTH=<>"], "501 5.5.4"),
        ([b"MAIL FROM:<ana@example.com>", b"RCPT TO:<anybody@example.net>"], "250 2.1.5"),
        ([b"MAIL FROM:<ana@example.com>", b"RCPT TO:<unknown@example.com>"], "550 5.1.1"),
        ([b"AUTH PLAIN " + plain("ana@example.com", "whatever")], "235 2.7.0"),
        ([b"auth plain " + plain("ANA@example.com")], "235 2.7.0"),
        ([b"AUTH PLAIN " + plain("mallory@example.net")], "535 5.7.8"),
        ([b"AUTH PLAIN " + plain("")], "535 5.7.8"),
        ([b"AUTH PLAIN " + b64encode(b"\0\xff\xfe\0x")], "535 5.7.8"),
        ([b"AUTH PLAIN !"], "501 5.5.2"),
        ([b"AUTH PLAIN", b"*"], "501 5.7.0"),
        ([b"AUTH PLAIN", plain("ana@example.com")], "235 2.7.0"),
        ([b"AUTH LOGIN", b64encode(b"ana@example.com"), b64encode(b"x")], "235 2.7.0"),
        ([b"AUTH LOGIN", b64encode(b"mallory@example.net"), b64encode(b"x")], "535 5.7.8"),
        ([b"AUTH LOGIN", b"!"], "501 5.5.2"),
        ([b"AUTH CRAM-MD5"], "504 5.5.4"),
        ([b"STARTTLS"], "502 5.5.1"),
        ([b"AUTH"], "501 5.5.4"),
        ([b"MAIL FROM:<ana@example.com>", b"AUTH PLAIN " + plain("ana@example.com")], "503 5.5.1"),
        ([b"AUTH PLAIN " + plain("bo@example.com"), b"MAIL FROM:<ana@example.com>"], "553 5.7.1"),
        ([b"AUTH PLAIN " + plain("bo@example.com"), b"EHLO y", b"MAIL FROM:<bo@example.com>"], "250 2.1.0"),
    ],
)
def test_each_outbound_command_has_its_reply(lines: list[bytes], reply: str, outbound: Client) -> None:
    assert outbound.say(*lines).startswith(f"{reply} ")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib_logs_in_and_sends(mechanism: str, acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor, FlowDirection.OUTBOUND) as server, smtplib.SMTP("127.0.0.1", server.port) as client:
        client.ehlo()
        client.user, client.password = "ana@example.com", "any"
        client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
        client.sendmail("ana@example.com", ["x@example.net", "bo@example.com"], RAW)
    [each] = acceptor.stored
    assert (each.direction, each.recipients, each.raw) == ("OUTBOUND", ("x@example.net", "bo@example.com"), RAW)


def test_an_address_counts_once_in_any_case(acceptor: MemoryAcceptor, inbound: Client) -> None:
    inbound.say(b"MAIL FROM:<>", b"RCPT TO:<Ana@example.com>", b"RCPT TO:<ana@EXAMPLE.com>", b"RCPT TO:<bo@example.com>")
    inbound.say(b"DATA")
    inbound.say(b".")
    assert [each.recipients for each in acceptor.stored] == [("Ana@example.com", "bo@example.com")]


def test_surplus_recipients_are_refused_and_the_others_accepted(acceptor: MemoryAcceptor, inbound: Client) -> None:
    inbound.say(b"MAIL FROM:<>")
    users = [b"RCPT TO:<user%d@example.com>" % number for number in range(MAX_RECIPIENTS)]
    assert inbound.say(*users).startswith("250 2.1.5")
    assert inbound.say(b"RCPT TO:<user500@example.com>").startswith("452 4.5.3")
    assert inbound.say(b"RCPT TO:<unknown@example.com>").startswith("550 5.1.1")
    assert inbound.say(b"RCPT TO:<USER0@example.com>").startswith("250 2.1.5")
    assert inbound.say(b"DATA").startswith("354")
    assert inbound.say(b".").startswith("250")
    assert len(acceptor.stored[0].recipients) == MAX_RECIPIENTS


def test_a_refused_recipient_does_not_stop_the_others(acceptor: MemoryAcceptor, inbound: Client) -> None:
    lines = [b"MAIL FROM:<>", b"RCPT TO:<unknown@example.com>", b"RCPT TO:<bo@example.com>", b"DATA"]
    assert inbound.say(*lines).startswith("354")
    assert inbound.say(b".").startswith("250")
    assert acceptor.stored[0].recipients == ("bo@example.com",)


@pytest.mark.parametrize("error", [refusal_with_address(), RuntimeError("a mistake, with ana@example.com in it")])
def test_the_client_keeps_a_message_that_cannot_be_stored(
    error: Exception, acceptor: MemoryAcceptor, inbound: Client, caplog: pytest.LogCaptureFixture
) -> None:
    acceptor.error = error
    reply = inbound.send(RAW)
    assert reply.startswith("451 4.3.0 ")
    assert "ana@" not in reply + caplog.text
    acceptor.error = None
    assert inbound.send(RAW) == "250 2.0.0 Ok: queued as 1"


def test_a_silent_client_is_disconnected(acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor, timeout_s=0.5) as server, Client(server.port) as client:
        assert client.reply() == ""
        with Client(server.port) as second:
            second.begin()
            assert second.reply() == ""
    assert not acceptor.stored


def test_a_client_that_never_ends_its_message_is_disconnected(acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor, timeout_s=0.5) as server, Client(server.port) as client:
        client.begin()
        with pytest.raises(ConnectionError):
            client.send_for_ever(b"x", pause_s=0.02)
    assert not acceptor.stored


def test_a_message_that_takes_longer_to_store_than_the_timeout_is_stored(acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor, timeout_s=0.5) as server, Client(server.port) as client:
        acceptor.gate.clear()
        client.begin()
        client.socket.sendall(RAW + b".\r\n")
        assert acceptor.entered.wait(30)
        assert client.reply() == ""
    assert [each.raw for each in acceptor.stored] == [RAW]


def test_a_server_that_stops_acknowledges_the_message_it_is_storing_and_closes_the_other_connections(acceptor: MemoryAcceptor) -> None:
    server = SmtpServer(FlowDirection.INBOUND, acceptor)
    server.start()
    with Client(server.port) as idle, Client(server.port) as amid, Client(server.port) as busy:
        acceptor.gate.clear()
        busy.begin()
        amid.begin()
        busy.socket.sendall(RAW + b".\r\n")
        amid.socket.sendall(RAW)
        assert acceptor.entered.wait(30)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        acceptor.gate.set()
        assert busy.reply() == "250 2.0.0 Ok: queued as 1"
        assert [client.reply()[:9] for client in (busy, idle, amid)] == ["421 4.3.2"] * 3
        assert [client.reply() for client in (busy, idle, amid)] == ["", "", ""]
        stopper.join()
    assert [each.raw for each in acceptor.stored] == [RAW]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    server.stop()


def test_a_server_that_stops_waits_for_a_limited_time(acceptor: MemoryAcceptor) -> None:
    server = SmtpServer(FlowDirection.INBOUND, acceptor)
    server.start()
    with Client(server.port) as client:
        acceptor.gate.clear()
        client.begin()
        client.socket.sendall(RAW + b".\r\n")
        assert acceptor.entered.wait(30)
        server.stop(wait_s=0.01)
        assert "250" not in client.reply()
    assert not acceptor.stored


def test_a_connection_that_guesses_logins_is_closed(acceptor: MemoryAcceptor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmail_local.smtp.login_guard._FIRST_PAUSE_S", 0.0)
    with smtp(acceptor, FlowDirection.OUTBOUND) as server:
        with Client(server.port) as client:
            replies = [client.say(b"AUTH PLAIN " + plain(f"guess{number}@example.com"))[:9] for number in range(5)]
            assert replies == ["535 5.7.8"] * 5
            assert client.reply()[:9] == "421 4.7.0"
            assert client.reply() == ""
        with Client(server.port) as client:
            assert client.say(b"AUTH LOGIN", b64encode(b"unknown@example.com"), b64encode(b"x"))[:9] == "535 5.7.8"
            assert client.say(b"AUTH PLAIN " + plain("ana@example.com"))[:9] == "235 2.7.0"


def test_an_address_that_guesses_logins_is_refused_over_all_its_connections(
    acceptor: MemoryAcceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmail_local.smtp.login_guard._FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr("workmail_local.smtp.login_guard.FAILURES_AN_ADDRESS", 3)
    with smtp(acceptor, FlowDirection.OUTBOUND) as server:
        for _ in range(3):
            with Client(server.port) as client:
                assert client.say(b"AUTH PLAIN " + plain("guess@example.com"))[:9] == "535 5.7.8"
        with Client(server.port) as client:
            assert client.say(b"AUTH PLAIN " + plain("ana@example.com"))[:9] == "421 4.7.0"
            assert client.reply() == ""
        with Client(server.port) as client:  # mail without a login is still accepted
            assert client.say(b"MAIL FROM:<ana@example.com>")[:3] == "250"


@pytest.mark.parametrize("command", [b"MAIL FROM:<", b"RCPT TO:<", b"VRFY <"])
@pytest.mark.parametrize("bit", [b"(", b'"', b"[", b"<", b"@a,", b"\\", b":;"])
def test_an_address_of_brackets_is_a_syntax_error(inbound: Client, command: bytes, bit: bytes) -> None:
    if command.startswith(b"RCPT"):
        inbound.say(b"MAIL FROM:<from@example.net>")
    assert inbound.say(command + bit * (460 // len(bit)) + b"@example.com>")[0] in "25"


def test_an_address_of_a_thousand_brackets_is_a_syntax_error(inbound: Client) -> None:
    assert inbound.say(b"MAIL FROM:<" + b"(" * 1000 + b"@example.com>")[:9] in {"501 5.1.3", "553 5.1.3"}


def test_a_client_that_sends_no_more_gets_all_replies(acceptor: MemoryAcceptor) -> None:
    lines = (b"EHLO x", b"MAIL FROM:<from@example.net>", b"RCPT TO:<ana@example.com>", b"DATA", b"Subject: x", b"", b"Hello", b".", b"QUIT")
    with smtp(acceptor) as server:
        for sent in (lines, lines[:-1]):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
                client.sendall(b"\r\n".join(sent) + b"\r\n")
                client.shutdown(socket.SHUT_WR)
                replies = client.makefile("rb").read()
            assert b"250 2.0.0 Ok: queued" in replies
        assert (b"221" in replies, len(acceptor.stored)) == (False, 2)


@pytest.mark.parametrize("sent", [b"", b"EHLO", b"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\nhalf"])
def test_a_client_that_sends_no_more_amid_a_command_is_disconnected(sent: bytes, acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read().startswith(b"220")
    assert not acceptor.stored


def test_a_taken_port_is_an_error_at_the_start(acceptor: MemoryAcceptor) -> None:
    with smtp(acceptor) as server, pytest.raises(ServerError, match=f"port {server.port} on 127.0.0.1"):
        SmtpServer(FlowDirection.INBOUND, acceptor, port=server.port).start()


def test_a_server_that_never_started_can_be_stopped(acceptor: MemoryAcceptor) -> None:
    SmtpServer(FlowDirection.INBOUND, acceptor).stop()
