"""TLS and logins of the SMTP ports, with Python's own client and with raw sockets."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key

from tests.support.smtp_peers import Client, plain
from workmail_local import LocalWorkMail
from workmail_local.config.smtp import Smtp
from workmail_local.errors import ServerError
from workmail_local.smtp.certificate import create_context

RAW = b"From: ana@example.com\r\nTo: bo@example.com\r\nSubject: x\r\n\r\nHello\r\n"
USERS = """
organization = { domains = ["example.com"] }
users = [
  { address = "ana@example.com", aliases = ["ana.lima@example.com"], password = "pässword 1" },
  { address = "bo@example.com" },
]
"""


def trusting(wm: LocalWorkMail) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=wm.smtp_certificate)


@contextmanager
def client_of(wm: LocalWorkMail, direction: str = "OUTBOUND", host: str = "localhost") -> Iterator[smtplib.SMTP]:
    port = wm.smtp_port(direction)
    with smtplib.SMTP(host, port, timeout=30) as client:
        client.ehlo()
        yield client


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("direction, sender", [("INBOUND", "nora@example.net"), ("OUTBOUND", "ana@example.com")])
def test_a_client_that_trusts_the_certificate_sends_by_starttls(direction: str, sender: str, host: str) -> None:
    raw = RAW + b"8-bit \xfc, a long body\r\n" * 100_000
    with LocalWorkMail(USERS) as wm:
        with client_of(wm, direction, host) as client:
            assert client.has_extn("starttls")
            client.starttls(context=trusting(wm))
            client.ehlo()
            assert not client.has_extn("starttls")
            client.sendmail(sender, ["bo@example.com"], raw)
            assert client.docmd("STARTTLS") == (503, b"5.5.1 TLS has begun already")
        wm.wait_until_idle(60)
        assert [copy.raw for copy in wm.delivered("bo@example.com")] == [raw]


def test_a_client_that_does_not_trust_the_certificate_sends_nothing() -> None:
    with LocalWorkMail() as wm:
        with client_of(wm) as client, pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())
        with client_of(wm) as client:
            client.starttls(context=trusting(wm))
            assert client.noop()[0] == 250


def test_each_start_makes_another_certificate_and_stores_no_key(tmp_path: Path) -> None:
    found = set()
    for _ in range(2):
        with LocalWorkMail(folder=tmp_path) as wm:
            wm.smtp_port("INBOUND")
            found.add(wm.smtp_certificate.read_bytes())
    assert len(found) == 2
    assert all(b"PRIVATE KEY" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("folder", ["own", "mail"])
def test_a_key_in_the_file_of_the_certificate_is_neither_copied_nor_overwritten(tmp_path: Path, folder: str) -> None:
    pair = trustme.CA().issue_cert("localhost")
    file = tmp_path / folder / "smtp-certificate.pem"
    file.parent.mkdir()
    file.write_bytes(both := pair.private_key_and_cert_chain_pem.bytes())
    with LocalWorkMail(USERS + f'[smtp]\ncertificate = "{file}"\nkey = "{file}"\n', folder=tmp_path / "mail") as wm:
        if folder == "mail":
            with pytest.raises(ServerError, match="contains more than certificates"):
                wm.smtp_port("INBOUND")
        else:
            wm.smtp_port("INBOUND")
            assert wm.smtp_certificate.read_bytes() == pair.cert_chain_pems[0].bytes()
    assert file.read_bytes() == both


def test_a_key_with_a_passphrase_is_an_error_and_no_question(tmp_path: Path) -> None:
    pair = trustme.CA().issue_cert("localhost")
    key = load_pem_private_key(pair.private_key_pem.bytes(), None)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    settings = Smtp(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem")
    (tmp_path / "certificate.pem").write_bytes(pair.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(secret)
    with pytest.raises(ServerError, match="cannot be used"):
        create_context(settings, "127.0.0.1", tmp_path / "out.pem")


def test_commands_that_came_before_tls_are_forgotten() -> None:
    """An attacker in between could have sent them (CVE-2011-0411)."""
    with LocalWorkMail() as wm, Client(wm.smtp_port("INBOUND")) as client:
        client.socket.sendall(b"STARTTLS\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<ana@example.com>\r\n")
        assert client.reply() == "220 Ready to start TLS"
        with trusting(wm).wrap_socket(client.socket, server_hostname="localhost") as encrypted:
            encrypted.sendall(b"EHLO x\r\nDATA\r\nQUIT\r\n")
            replies = encrypted.makefile("rb").read().splitlines()
        assert replies[-2:] == [b"503 5.5.1 Error: need RCPT command", b"221 2.0.0 Bye"]
        assert wm.history.count() == 0


def test_a_client_that_does_not_speak_tls_after_starttls_disturbs_no_other() -> None:
    with LocalWorkMail() as wm, Client(wm.smtp_port("INBOUND")) as broken:
        assert broken.say(b"STARTTLS").startswith("220 ")
        broken.socket.sendall(b"EHLO x\r\nthis is not TLS\r\n")
        with client_of(wm, "INBOUND") as client:
            client.sendmail("nora@example.net", ["ana@example.com"], RAW)
        wm.wait_until_idle(60)
        assert len(wm.delivered("ana@example.com")) == 1


def test_required_tls_is_asked_of_users_alone() -> None:
    with LocalWorkMail(USERS + '[smtp]\ntls = "required"\n') as wm:
        with client_of(wm) as client:
            assert not client.has_extn("auth")
            assert client.docmd("MAIL FROM:<bo@example.com>")[0] == 530
            assert client.docmd("AUTH PLAIN AGFuYQB4")[0] == 530
            client.starttls(context=trusting(wm))
            client.login("bo@example.com", "any")
            client.sendmail("bo@example.com", ["ana@example.com"], RAW)
        with client_of(wm, "INBOUND") as client:
            client.sendmail("nora@example.net", ["ana@example.com"], RAW)
        wm.wait_until_idle(60)
        assert len(wm.delivered("ana@example.com")) == 2


def test_implicit_tls_is_as_at_port_465_of_workmail() -> None:
    with LocalWorkMail(USERS + '[smtp]\ntls = "implicit"\n') as wm:
        port = wm.smtp_port("OUTBOUND")
        with smtplib.SMTP_SSL("localhost", port, context=trusting(wm), timeout=30) as client:
            client.login("bo@example.com", "any")
            assert not client.has_extn("starttls")
            client.sendmail("bo@example.com", ["ana@example.com"], RAW)
        with client_of(wm, "INBOUND") as client:
            assert client.has_extn("starttls")
        wm.wait_until_idle(60)
        assert len(wm.delivered("ana@example.com")) == 1


def test_without_tls_starttls_is_not_offered() -> None:
    with LocalWorkMail('organization = { domains = ["example.com"] }\n[smtp]\ntls = "off"\n') as wm, client_of(wm) as client:
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS") == (502, b"5.5.1 STARTTLS is not offered")
        assert not wm.smtp_certificate.exists()


@pytest.mark.parametrize(
    "user, password, accepted",
    [
        ("ana@example.com", "pässword 1", True),
        ("ANA.Lima@example.com", "pässword 1", True),
        ("ana@example.com", "pässword 2", False),
        ("ana@example.com", "", False),
        ("bo@example.com", "anything", True),
        ("mallory@example.com", "anything", False),
    ],
)
def test_a_user_with_a_password_needs_it(user: str, password: str, accepted: bool) -> None:
    with LocalWorkMail(USERS) as wm, client_of(wm) as client:
        code, _ = client.docmd("AUTH PLAIN " + plain(user, password).decode())
        assert code == (235 if accepted else 535)


def test_a_required_login_comes_before_mail() -> None:
    with LocalWorkMail(USERS + '[smtp]\nlogin = "required"\n') as wm:
        with client_of(wm) as client:
            assert client.docmd("MAIL FROM:<bo@example.com>") == (530, b"5.7.0 Authentication required")
            client.login("bo@example.com", "any")
            client.sendmail("bo@example.com", ["ana@example.com"], RAW)
        with client_of(wm, "INBOUND") as client:
            client.sendmail("nora@example.net", ["ana@example.com"], RAW)
        wm.wait_until_idle(60)
        assert len(wm.delivered("ana@example.com")) == 2


def test_mail_from_other_organizations_needs_no_login_also_by_tls() -> None:
    with LocalWorkMail(USERS) as wm, client_of(wm, "INBOUND") as client:
        client.starttls(context=trusting(wm))
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH PLAIN AGFuYQB4") == (502, b"5.5.1 AUTH is not offered")


def test_a_client_by_tls_is_told_when_the_server_stops() -> None:
    with LocalWorkMail() as wm, socket.create_connection(("127.0.0.1", wm.smtp_port("INBOUND")), timeout=30) as connection:
        replies = connection.makefile("rb")
        replies.readline()
        connection.sendall(b"STARTTLS\r\n")
        replies.readline()
        with trusting(wm).wrap_socket(connection, server_hostname="localhost") as encrypted:
            wm.reset()
            assert encrypted.makefile("rb").readline().startswith(b"421 4.3.2 ")


def test_a_certificate_of_the_user_is_used(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for part in issued.cert_chain_pems:
        part.write_to_path(tmp_path / "certificate.pem", append=True)
    configuration = tmp_path / "workmail.toml"
    text = 'organization = { domains = ["example.com"] }\n[smtp]\ncertificate = "certificate.pem"\nkey = "key.pem"\n'
    configuration.write_text(text)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with LocalWorkMail(configuration) as wm, client_of(wm) as client:
        client.starttls(context=context)
        assert client.noop()[0] == 250
    (tmp_path / "key.pem").write_text("not a key")
    with LocalWorkMail(configuration) as wm, pytest.raises(ServerError, match="certificate of the SMTP servers cannot be used"):
        wm.smtp_port("INBOUND")
