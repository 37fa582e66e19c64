"""Who may send mail through the gateway, and how much of it one client may use."""

import smtplib
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from mail_gateway.config import NextHost, Protocol, SocketAddress, Tls
from mail_gateway.smtp import session
from tests.support.gateway import ANA, HOST, MESSAGE, SENDER, Client, make_configuration, run_listener
from tests.support.servers.certificates import Authority, ServerCertificate
from tests.support.smtp_sink import Sink, run_sink

OFFICE = "mail.example.net"


def start_tls(client: Client, certificate: ServerCertificate | None = None) -> Client:
    """Send STARTTLS, and return a client of the encrypted connection. Its own certificate is that of the office."""
    assert client.command("STARTTLS").startswith("220 ")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate.chain, certificate.key)
    client._file.close()
    client.socket = context.wrap_socket(client.socket)
    client._file = client.socket.makefile("rb")
    return client


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture
def tls(authority: Authority, tmp_path: Path) -> dict[str, Any]:
    """Return the keys of a listener that needs a certificate of the office."""
    own = authority.issue(tmp_path / "own")
    (tmp_path / "ca.pem").write_text(authority.pem)
    return {
        "tls": Tls.REQUIRED,
        "certificate": own.chain,
        "key": own.key,
        "client_ca": tmp_path / "ca.pem",
        "client_names": (OFFICE,),
        "networks": (),
    }


def issue(authority: Authority, folder: Path, name: str) -> ServerCertificate:
    return authority.issue(folder, x509.DNSName(name))


def test_a_client_of_another_network_is_refused_at_once(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port, networks=(ip_network("192.0.2.0/24"),))) as gateway, gateway.connect() as client:
        assert client.read() == "554 5.7.1 This host may not connect here"
        assert client.read() == ""
        assert gateway.log == [("a client is refused", "its network is not one of this listener")]
    assert sink.connections == 0


def test_a_client_with_a_certificate_of_the_office_may_send(sink: Sink, authority: Authority, tls: dict[str, Any], tmp_path: Path) -> None:
    with run_listener(make_configuration(sink.port, **tls)) as gateway:
        for name in (OFFICE, "*.example.net"):
            with gateway.connect() as client:
                assert "STARTTLS" in client.greet()
                assert client.command("MAIL FROM:<nora@example.net>").startswith("530 5.7.0 ")
                encrypted = start_tls(client, issue(authority, tmp_path / "client", name))
                assert "STARTTLS" not in encrypted.command("EHLO client.example.net")
                encrypted.begin(SENDER, ANA)
                assert encrypted.data(MESSAGE) == "250 2.0.0 Accepted"
    assert b"with ESMTPS id" in sink.received[0].content
    assert len(sink.received) == 2


def test_lmtp_needs_tls_and_the_certificate_too(sink: Sink, authority: Authority, tls: dict[str, Any], tmp_path: Path) -> None:
    with run_listener(make_configuration(sink.port, Protocol.LMTP, **tls)) as gateway:
        with gateway.connect() as client:
            assert client.greet("LHLO").endswith("\n250 STARTTLS")
            for command in ("XFORWARD ADDR=192.0.2.1", "MAIL FROM:<nora@example.net>", "RCPT TO:<ana@example.com>", "DATA"):
                assert client.command(command).startswith("530 5.7.0 ")
            encrypted = start_tls(client, issue(authority, tmp_path / "client", OFFICE))
            assert "STARTTLS" not in encrypted.command("LHLO client.example.net")
            encrypted.begin(SENDER, ANA)
            assert encrypted.data(MESSAGE) == "250 2.0.0 Accepted"
        with gateway.connect() as client:
            client.greet("LHLO")
            assert start_tls(client).command("LHLO client.example.net").startswith("554 5.7.0 ")
    assert len(sink.received) == 1


@pytest.mark.parametrize("name", ["", "mail.example.org", "x.mail.example.net"])
def test_a_client_without_the_right_name_may_not_send(
    sink: Sink, authority: Authority, tls: dict[str, Any], tmp_path: Path, name: str
) -> None:
    certificate = issue(authority, tmp_path / "client", name) if name else None
    with run_listener(make_configuration(sink.port, **tls)) as gateway, gateway.connect() as client:
        client.greet()
        encrypted = start_tls(client, certificate)
        for command in ("EHLO client.example.net", "MAIL FROM:<nora@example.net>"):
            assert encrypted.command(command).startswith("554 5.7.0 ")
        assert encrypted.command("QUIT").startswith("221 ")
        assert ("a client is refused", "its certificate is missing or has another name") in gateway.log
    assert sink.connections == 0


def test_a_certificate_of_another_authority_ends_the_connection(sink: Sink, tls: dict[str, Any], tmp_path: Path) -> None:
    stranger = issue(Authority.new("Other"), tmp_path / "client", OFFICE)
    with run_listener(make_configuration(sink.port, **tls)) as gateway, gateway.connect() as client:
        client.greet()
        # With TLS 1.3 a client learns of it when it reads.
        try:
            reply = start_tls(client, stranger).command("EHLO client.example.net")
        except (ssl.SSLError, ConnectionError):
            reply = ""
        assert reply == ""
        with gateway.connect() as second:
            assert "STARTTLS" in second.greet()
    assert sink.connections == 0


def test_commands_sent_before_tls_do_not_count_after_it(sink: Sink, authority: Authority, tls: dict[str, Any], tmp_path: Path) -> None:
    own = {key: value for key, value in tls.items() if not key.startswith("client")} | {"networks": (ip_network("127.0.0.0/8"),)}
    with run_listener(make_configuration(sink.port, **own)) as gateway, gateway.connect() as client:
        client.greet()
        client.send(b"STARTTLS\r\nEHLO injected.example.net\r\nMAIL FROM:<evil@example.net>\r\n")
        client.read()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client._file.close()
        client.socket = context.wrap_socket(client.socket)
        client._file = client.socket.makefile("rb")
        assert client.command("MAIL FROM:<nora@example.net>") == "503 5.5.1 Send EHLO first"


def test_the_next_host_is_checked_by_its_authority_and_sees_our_certificate(authority: Authority, tmp_path: Path) -> None:
    server, own = authority.issue(tmp_path / "server"), issue(authority, tmp_path / "own", "gateway.example.com")
    (tmp_path / "ca.pem").write_text(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.chain, server.key)
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with run_sink(Sink(context=context)) as sink:
        host = NextHost(host=HOST, port=sink.port, tls=Tls.REQUIRED, ca=tmp_path / "ca.pem", certificate=own.chain, key=own.key)
        with run_listener(make_configuration(0, next_host=host)) as gateway, smtplib.SMTP(HOST, gateway.port) as client:
            client.sendmail(SENDER, [ANA], MESSAGE)
        (tmp_path / "ca.pem").write_text(Authority.new("Other").pem)
        with run_listener(make_configuration(0, next_host=host)) as gateway, gateway.connect() as raw:
            raw.greet()
            assert raw.begin(SENDER)[0] == "451 4.7.5 the certificate of the next host is not accepted, try again later"
    assert len(sink.received) == 1


def test_tls_that_is_required_is_never_left_out(sink: Sink) -> None:
    host = NextHost(host=HOST, port=sink.port, tls=Tls.REQUIRED)
    with run_listener(make_configuration(0, next_host=host)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.begin(SENDER)[0].startswith("451 4.")
    assert sink.received == []


def test_more_clients_than_allowed_are_asked_to_come_back(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port, max_connections=2)) as gateway, gateway.connect() as first, gateway.connect() as second:
        first.greet()
        second.greet()
        with gateway.connect() as third:
            assert third.read() == "421 4.3.2 Too many connections, try again later"
        assert first.command("QUIT").startswith("221 ")
        assert first.read() == ""
        while True:
            with gateway.connect() as fourth:
                if fourth.read().startswith("220 "):
                    break


def test_a_silent_client_is_disconnected(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "COMMAND_TIMEOUT_S", 0.2)
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.read() == ""


def test_a_message_that_does_not_come_to_its_end_is_given_up(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CONTENT_TIMEOUT_S", 0.2)
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        client.begin(SENDER, ANA)
        client.command("DATA")
        client.send(b"Subject: slow\r\n")
        assert client.read() == "421 4.4.2 The message does not come to its end"
        assert client.read() == ""
    assert sink.received == []


def test_a_client_that_repeats_a_command_without_end_is_disconnected(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        client.send(b"NOOP\r\n" * 1001)
        assert client.read_all(1001)[-1] == "421 4.7.0 NOOP sent too many times"


@pytest.mark.parametrize(
    "command, reply",
    [
        ("AUTH PLAIN AGEAYg==", "502 5.5.1 "),
        ("EXPN list", "502 5.5.1 "),
        ("LHLO client.example.net", "502 5.5.1 "),
        ("STARTTLS", "502 5.5.1 "),
        ("BDAT 10 LAST", "500 5.5.2 "),
        ("RCPT TO:<ana@example.com>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("RSET now", "501 5.5.4 "),
        ("EHLO", "501 5.5.4 "),
        ("MAIL FROM:<nora@example.net> RET=FULL", "555 5.5.4 "),
        ("X" * 70_000, "500 5.5.2 "),
        ("é" * 10, "500 5.5.2 "),
        ("", "500 5.5.2 "),
    ],
)
def test_other_commands_get_an_enhanced_status_code(sink: Sink, command: str, reply: str) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.command(command).startswith(reply)
        client.begin(SENDER, ANA)
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"


def test_commands_in_the_wrong_order_are_refused(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.read()
        assert client.command("MAIL FROM:<nora@example.net>") == "503 5.5.1 Send EHLO first"
        client.command("EHLO client.example.net")
        client.begin(SENDER)
        assert client.command("MAIL FROM:<nora@example.net>").startswith("503 5.5.1 ")
        assert client.command("RCPT TO:<ana@example.com> NOTIFY=NEVER").startswith("555 5.5.4 ")
        assert client.command("DATA") == "503 5.5.1 No recipient is accepted"
        client.command("RCPT TO:<ana@example.com>")
        assert client.command("DATA now").startswith("501 5.5.4 ")
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"


def test_lmtp_knows_neither_ehlo_nor_helo(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port, Protocol.LMTP)) as gateway, gateway.connect() as client:
        assert client.read().endswith(" LMTP")
        assert client.command("EHLO client.example.net").startswith("502 5.5.1 ")
        assert client.command("HELO client.example.net").startswith("502 5.5.1 ")
        assert client.command("MAIL FROM:<nora@example.net>") == "503 5.5.1 Send LHLO first"


def test_a_unix_socket_serves_the_programs_of_its_group(sink: Sink, tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    configuration = make_configuration(sink.port, Protocol.LMTP, address=SocketAddress(path=str(path)), networks=())
    for _ in range(2):  # a socket that a killed process has left does not matter
        with run_listener(configuration):
            assert path.stat().st_mode & 0o777 == 0o660
            with smtplib.LMTP(str(path)) as client:
                assert client.sendmail(SENDER, [ANA], MESSAGE) == {}
    assert b"with LMTP id" in sink.received[0].content


def test_a_message_has_at_most_a_thousand_recipients(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_RECIPIENTS", 2)
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.begin(SENDER, ANA, "bo@example.com", "cy@example.com")[-1] == "452 4.5.3 Too many recipients"
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert len(sink.received[0].recipients) == 2
