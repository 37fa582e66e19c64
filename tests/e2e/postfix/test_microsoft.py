"""The way of mail around Microsoft 365, played by Postfix: out by a connector to the gateway, back by another one, known by certificates.

`out` accepts the mail of users and sends it to the gateway, as the outbound connector does. `back` accepts only mail with the gateway's
certificate, as the inbound connector does, and delivers it.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.gateway_process import run_gateway, write_gateway_config
from tests.support.postfix import Postfix, delivery_agent, send_by_swaks, smtp_server, start_postfix
from tests.support.servers.caldav import debian
from tests.support.servers.caldav.processes import find_port
from tests.support.servers.certificates import Authority, ServerCertificate
from tests.support.smtp_sink import Received, Sink, run_sink
from tests.support.waiting import wait_until

POLICY = """\
version: 1
organization: { domains: [example.com] }
rules:
  - name: Disclaimer
    when: { direction: outbound }
    do: [{ disclaimer: { text: "Confidential." } }]
"""
ANA, NORA = "ana@example.com", "nora@example.net"
CONNECTOR = "connector.mail.example.com"
_numbers = count(1)


@dataclass(frozen=True)
class Tenant:
    """The two listeners of Postfix, and the gateway between them.

    Attributes:
        out: the port for mail of users.
        back: the port for mail of the gateway.
        connector: the port of the gateway.
        authority: signed all certificates but `stranger`.
        other: a valid certificate with a name that the gateway does not accept.
        stranger: a certificate with the right name from another authority.
    """

    postfix: Postfix
    sink: Sink
    out: int
    back: int
    connector: int
    authority: Path
    own: ServerCertificate
    other: ServerCertificate
    stranger: ServerCertificate

    def send(self, content: bytes) -> None:
        """Send a message as a user."""
        assert send_by_swaks(self.out, content, sender=ANA, to=[NORA]).end.startswith("250")

    def read_arrived(self, identifier: bytes) -> list[Received]:
        wait_until(lambda: not self.postfix.list_queue())
        return self.sink.find(identifier)


def make_message(fields: bytes = b"") -> tuple[bytes, bytes]:
    """Return a message and its Message-ID."""
    identifier = f"<{next(_numbers)}@example.com>".encode()
    head = b"From: Ana <ana@example.com>\r\nTo: nora@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Hello\r\n"
    return head + fields + b"Message-ID: " + identifier + b"\r\n\r\nHello\r\n", identifier


@pytest.fixture(scope="module")
def tenant(folder: Path) -> Iterator[Tenant]:
    path = folder / "microsoft"
    path.mkdir()
    authority = Authority.new()
    (path / "ca.pem").write_text(authority.pem)
    gateway = authority.issue(path / "gateway")
    own, other = (authority.issue(path / name, x509.DNSName(name)) for name in (CONNECTOR, "other.example.com"))
    stranger = Authority.new("Another authority").issue(path / "stranger", x509.DNSName(CONNECTOR))
    out, back, connector = find_port(), find_port(), find_port()
    host = authority.issue(path / "host")
    master = [
        smtp_server(out, content_filter=f"connector:[127.0.0.1]:{connector}"),
        smtp_server(
            back,
            mynetworks="",
            smtpd_tls_security_level="encrypt",
            smtpd_tls_chain_files=f"{host.key}, {host.chain}",
            smtpd_tls_CAfile=f"{path}/ca.pem",
            smtpd_tls_req_ccert="yes",
            relay_clientcerts="inline:{ " + _find_fingerprint(gateway) + "=gateway }",
            smtpd_relay_restrictions="permit_tls_clientcerts, reject",
            receive_override_options="no_unknown_recipient_checks,no_header_body_checks,no_milters",
        ),
        delivery_agent(
            "connector",
            smtp_tls_security_level="verify",
            smtp_tls_verify_cert_match="127.0.0.1",
            smtp_tls_CAfile=f"{path}/ca.pem",
            smtp_tls_chain_files=f"{own.key}, {own.chain}",
        ),
    ]
    listener = {
        "name": "microsoft-365",
        "protocol": "smtp",
        "listen": f"127.0.0.1:{connector}",
        "direction": "outbound",
        "tls": "required",
        "tls_certificate": str(gateway.chain),
        "tls_key": str(gateway.key),
        "client_ca": str(path / "ca.pem"),
        "client_names": [CONNECTOR],
        "next_host": f"127.0.0.1:{back}",
        "next_host_tls": "required",
        "next_host_ca": str(path / "ca.pem"),
        "next_host_certificate": str(gateway.chain),
        "next_host_key": str(gateway.key),
    }
    config = write_gateway_config(path / "config", POLICY, [listener])
    try:
        with (
            run_sink() as sink,
            start_postfix(path / "postfix", {"relayhost": f"[127.0.0.1]:{sink.port}"}, master) as postfix,
            run_gateway("serve", config, [connector]),
        ):
            yield Tenant(postfix, sink, out, back, connector, path / "ca.pem", own, other, stranger)
    except debian.Missing as missing:
        pytest.skip(str(missing))


def _find_fingerprint(certificate: ServerCertificate) -> str:
    return x509.load_pem_x509_certificate(certificate.chain.read_bytes()).fingerprint(SHA256()).hex(":").upper()


def connect(port: int, authority: Path, certificate: ServerCertificate | None) -> smtplib.SMTP:
    """Open a connection with TLS, with or without a client's certificate."""
    context = ssl.create_default_context(cafile=str(authority))
    if certificate:
        context.load_cert_chain(certificate.chain, certificate.key)
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.net", timeout=30)
    client.starttls(context=context)
    return client


def test_mail_goes_out_to_the_gateway_and_in_again_and_is_changed_once(tenant: Tenant) -> None:
    content, identifier = make_message()
    tenant.send(content)
    [arrived] = tenant.read_arrived(identifier)
    assert (arrived.mail_from, arrived.recipients) == (ANA, (NORA,))
    assert arrived.content.endswith(b"\r\n\r\nHello\r\n\r\nConfidential.\r\n")


def test_mail_that_reaches_the_gateway_again_passes_as_it_is(tenant: Tenant) -> None:
    content, identifier = make_message()
    tenant.send(content)
    [first] = tenant.read_arrived(identifier)
    tenant.send(first.content)
    [_, second] = tenant.read_arrived(identifier)
    assert second.content.endswith(first.content[first.content.index(b"From: Ana") :])


def test_a_mark_of_another_message_counts_for_nothing(tenant: Tenant) -> None:
    content, identifier = make_message()
    tenant.send(content)
    [first] = tenant.read_arrived(identifier)
    [mark] = re.findall(rb"X-Mailhooks-Checked: .*\r\n(?:[ \t].*\r\n)*", first.content)
    forged, identifier = make_message(mark)
    tenant.send(forged)
    [arrived] = tenant.read_arrived(identifier)
    assert arrived.content.count(b"Confidential.") == 1
    assert mark not in arrived.content


def test_a_forged_mark_is_evaluated_all_the_same(tenant: Tenant) -> None:
    forged = b"X-Mailhooks-Checked: v=1; l=microsoft-365; h=" + b"A" * 43 + b"=\r\n"
    content, identifier = make_message(forged)
    tenant.send(content)
    [arrived] = tenant.read_arrived(identifier)
    assert arrived.content.count(b"Confidential.") == 1
    assert forged not in arrived.content


@pytest.mark.parametrize("name", ["none", "other", "stranger"])
def test_the_gateway_rejects_a_wrong_certificate(tenant: Tenant, name: str) -> None:
    before = len(tenant.sink.received)
    content, _ = make_message()
    certificate = None if name == "none" else getattr(tenant, name)
    # TLS 1.3 reports a rejected certificate at the next read (RFC 8446 section 4.4.2.4).
    refused = (ssl.SSLError, smtplib.SMTPException, ConnectionError)
    with pytest.raises(refused), connect(tenant.connector, tenant.authority, certificate) as client:
        client.sendmail(ANA, [NORA], content)
    assert len(tenant.sink.received) == before


def test_the_gateway_requires_tls(tenant: Tenant) -> None:
    with smtplib.SMTP("127.0.0.1", tenant.connector, timeout=30) as client:
        client.ehlo()
        assert client.mail(ANA)[0] == 530


def test_the_way_back_is_closed_for_other_certificates(tenant: Tenant) -> None:
    content, _ = make_message()
    with connect(tenant.back, tenant.authority, tenant.own) as client, pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail(ANA, [NORA], content)
