"""Whom the EWS backend trusts."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailhooks.availability.backends.ews.backend import EwsBackend
from mailhooks.availability.errors import LookupFailed, Unreachable
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from tests.integration.availability.test_ews_oauth import oauth, token_server
from tests.support.servers.ews import EwsServer, Ntlm, calendar

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
BEN = "ben@example.org"
BASIC = {"type": "basic", "username": "svc", "password": "pw"}


@pytest.fixture
def server() -> Iterator[EwsServer]:
    with EwsServer({BEN: calendar()}) as running:
        yield running


def backend(url: str, auth: dict[str, str] | None = None, **config: Any) -> EwsBackend:
    return EwsBackend.from_config({"type": "ews", "url": url, "auth": auth or BASIC, **config})


def look_up(ews: EwsBackend, seconds: float = 5) -> Schedule | LookupFailed:
    return ews.look_up([BEN], WINDOW, Deadline.after(seconds))[BEN]


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one's own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _certificate(name, name, key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, folder: Path, host: str = "localhost") -> tuple[Path, Path]:
        """Files of a server's certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _certificate(host, self.certificate.subject.rfc4514_string()[3:], key.public_key())
        certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False).sign(
            self.key, hashes.SHA256()
        )
        return _files(folder, certificate, key)


def _certificate(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _files(folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    files = folder / "server.pem", folder / "server.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(*form))
    return files


Serve = Callable[..., EwsServer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(authority)`: a server at https://localhost with a certificate of this authority."""
    running: list[EwsServer] = []

    def start(authority: Authority, host: str = "localhost") -> EwsServer:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(EwsServer({BEN: calendar()}, tls=authority.issue(folder, host)).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__(None, None, None)


def test_an_authority_of_one_s_own_is_trusted_by_the_backend_that_names_it(serve: Serve) -> None:
    ours, theirs = Authority.new("Ours"), Authority.new("Theirs")
    here, there = serve(ours), serve(theirs)
    first, second = backend(here.url, caCertificates=ours.pem), backend(there.url, caCertificates=theirs.pem)
    crossed, public = backend(here.url, caCertificates=theirs.pem), backend(here.url)
    for _ in range(2):
        assert look_up(first) == Schedule()
        assert type(look_up(crossed)) is Unreachable
        assert look_up(second) == Schedule()
        assert type(look_up(public)) is Unreachable


def test_several_authorities_with_words_around_them_are_trusted(serve: Serve) -> None:
    first, second = Authority.new("First"), Authority.new("Second")
    pem = f"# Größte Vertrauensstelle\n{first.pem}\nsubject=CN = Zweite\n{second.pem}"
    assert [look_up(backend(serve(authority).url, caCertificates=pem)) for authority in (first, second)] == [Schedule()] * 2


def test_a_certificate_that_nobody_else_signed_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    """What Exchange sets up by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = _certificate("localhost", "localhost", key.public_key()).add_extension(names, critical=False).sign(key, hashes.SHA256())
    with EwsServer({BEN: calendar()}, tls=_files(tmp_path, certificate, key)) as server:
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        assert look_up(backend(server.url, caCertificates=pem)) == Schedule()
        assert type(look_up(backend(server.url))) is Unreachable


def test_a_certificate_that_is_named_is_trusted_whoever_signed_it(tmp_path: Path) -> None:
    files = Authority.new("Unknown").issue(tmp_path)
    with EwsServer({BEN: calendar()}, tls=files) as server:
        assert look_up(backend(server.url, caCertificates=files[0].read_text())) == Schedule()


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The one public authority in the world."""
    authority = Authority.new("Public")
    bundle = tmp_path / "public.pem"
    bundle.write_text(authority.pem)
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(bundle))
    return authority


def test_public_authorities_are_trusted_unless_others_are_named(serve: Serve, public: Authority) -> None:
    server = serve(public)
    assert look_up(backend(server.url)) == Schedule()
    assert type(look_up(backend(server.url, caCertificates=Authority.new("Ours").pem))) is Unreachable


def test_a_token_server_may_have_a_public_authority_where_others_are_named(serve: Serve, public: Authority, tmp_path: Path) -> None:
    ours = Authority.new("Ours")
    server = serve(ours)
    with token_server(server, public.issue(tmp_path)) as tokens:
        assert look_up(backend(server.url, oauth(tokens), caCertificates=ours.pem)) == Schedule()


def test_a_certificate_for_another_name_is_not_trusted(serve: Serve) -> None:
    authority = Authority.new("Ours")
    assert type(look_up(backend(serve(authority, "mail.example.org").url, caCertificates=authority.pem))) is Unreachable


def test_ntlm_signs_in_over_tls(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = tmp_path / "users"
    users.write_text("CORP:svc:pa55\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    authority = Authority.new("Ours")
    server = serve(authority)
    server.sign_in = ntlm = Ntlm()
    ews = backend(server.url, {"type": "ntlm", "username": "CORP\\svc", "password": "pa55"}, caCertificates=authority.pem)
    assert look_up(ews) == Schedule()
    assert list(ntlm.signed_in.values()) == ["CORP\\svc"]


def test_a_token_server_may_have_the_same_authority(server: EwsServer, tmp_path: Path) -> None:
    authority, other = Authority.new("Ours"), Authority.new("Theirs")
    with token_server(server, authority.issue(tmp_path)) as tokens:
        assert look_up(backend(server.url, oauth(tokens), caCertificates=authority.pem)) == Schedule()
        assert type(look_up(backend(server.url, oauth(tokens), caCertificates=other.pem))) is Unreachable
        assert type(look_up(backend(server.url, oauth(tokens)))) is Unreachable


@pytest.mark.parametrize("pem", ["-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----", ""])
def test_what_is_no_certificate_is_a_mistake_of_the_configuration(pem: str) -> None:
    with pytest.raises(SettingsError, match="caCertificates"):
        backend("https://localhost/EWS/Exchange.asmx", caCertificates=pem)


def test_a_server_without_tls_is_unreachable_by_https(server: EwsServer) -> None:
    assert type(look_up(backend(server.url.replace("http:", "https:")))) is Unreachable


def test_nothing_of_the_process_is_changed() -> None:
    import exchangelib.protocol

    before = ssl.create_default_context().verify_flags
    ews = backend("https://127.0.0.1:1/EWS/Exchange.asmx", caCertificates=Authority.new("Ours").pem)
    assert type(look_up(ews)) is Unreachable
    assert exchangelib.protocol.BaseProtocol.HTTP_ADAPTER_CLS is requests.adapters.HTTPAdapter
    assert exchangelib.protocol.BaseProtocol.TIMEOUT == 120
    assert exchangelib.protocol.CachingProtocol._protocol_cache == {}
    assert ssl.create_default_context().verify_flags == before
