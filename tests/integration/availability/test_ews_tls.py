"""The certificates that the EWS backend trusts."""

import itertools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import exchangelib.protocol
import pytest
import requests.adapters
from cryptography import x509

from mailhooks.availability.errors import Unreachable
from mailhooks.availability.model import Schedule
from mailhooks.errors import SettingsError
from tests.support.backends import BEN, look_up
from tests.support.servers.certificates import LOOPBACK, Authority, ServerCertificate, self_signed
from tests.support.servers.ews import NTLM, Bearer, EwsServer, Ntlm, calendar, ews_backend
from tests.support.servers.oauth import TokenServer

Serve = Callable[..., EwsServer]


@pytest.fixture
def serve(tmp_path: Path, host: Callable[..., Any]) -> Serve:
    """`serve(authority)`: an EWS server with a certificate of this authority."""
    numbers = itertools.count()

    def start(authority: Authority, name: x509.GeneralName = LOOPBACK) -> EwsServer:
        return host(EwsServer({BEN: calendar()}), authority.issue(tmp_path / str(next(numbers)), name))

    return start


@pytest.fixture
def serve_tokens(tmp_path: Path, host: Callable[..., Any]) -> Callable[..., TokenServer]:
    """`serve_tokens(exchange, authority)`: a token server for an EWS server, with a certificate of this authority."""

    def start(exchange: EwsServer, authority: Authority) -> TokenServer:
        exchange.sign_in = Bearer(set())
        return host(TokenServer(exchange.sign_in), authority.issue(tmp_path / "tokens"))

    return start


def test_only_the_backend_that_configures_an_authority_trusts_it(serve: Serve) -> None:
    ours, theirs = Authority.new("Ours"), Authority.new("Theirs")
    here, there = serve(ours).endpoint, serve(theirs).endpoint
    first, second = ews_backend(here, caCertificates=ours.pem), ews_backend(there, caCertificates=theirs.pem)
    crossed, public = ews_backend(here, caCertificates=theirs.pem), ews_backend(here)
    for _ in range(2):
        assert look_up(first) == Schedule()
        assert type(look_up(crossed)) is Unreachable
        assert look_up(second) == Schedule()
        assert type(look_up(public)) is Unreachable


def test_several_authorities_with_comments_between_them_are_trusted(serve: Serve) -> None:
    first, second = Authority.new("First"), Authority.new("Second")
    pem = f"# Größte Vertrauensstelle\n{first.pem}\nsubject=CN = Zweite\n{second.pem}"
    assert [look_up(ews_backend(serve(authority).endpoint, caCertificates=pem)) for authority in (first, second)] == [Schedule()] * 2


@pytest.mark.parametrize("create", [self_signed, Authority.new("Unknown").issue])
def test_a_configured_server_certificate_is_trusted(
    host: Callable[..., Any], tmp_path: Path, create: Callable[[Path], ServerCertificate]
) -> None:
    certificate = create(tmp_path)
    endpoint = host(EwsServer({BEN: calendar()}), certificate).endpoint
    assert look_up(ews_backend(endpoint, caCertificates=certificate.pem)) == Schedule()
    assert type(look_up(ews_backend(endpoint))) is Unreachable


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The only public authority."""
    authority = Authority.new("Public")
    bundle = tmp_path / "public.pem"
    bundle.write_text(authority.pem)
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(bundle))
    return authority


def test_public_authorities_are_trusted_unless_others_are_configured(serve: Serve, public: Authority) -> None:
    endpoint = serve(public).endpoint
    assert look_up(ews_backend(endpoint)) == Schedule()
    assert type(look_up(ews_backend(endpoint, caCertificates=Authority.new("Ours").pem))) is Unreachable


def test_a_token_server_may_have_a_public_authority_when_others_are_configured(
    serve: Serve, serve_tokens: Callable[..., TokenServer], public: Authority
) -> None:
    ours = Authority.new("Ours")
    exchange = serve(ours)
    auth = serve_tokens(exchange, public).auth()
    assert look_up(ews_backend(exchange.endpoint, auth, caCertificates=ours.pem)) == Schedule()


def test_a_token_server_may_have_the_configured_authority(exchange: EwsServer, serve_tokens: Callable[..., TokenServer]) -> None:
    authority, other = Authority.new("Ours"), Authority.new("Theirs")
    auth = serve_tokens(exchange, authority).auth()
    assert look_up(ews_backend(exchange.endpoint, auth, caCertificates=authority.pem)) == Schedule()
    assert type(look_up(ews_backend(exchange.endpoint, auth, caCertificates=other.pem))) is Unreachable
    assert type(look_up(ews_backend(exchange.endpoint, auth))) is Unreachable


def test_a_certificate_for_another_name_is_not_trusted(serve: Serve) -> None:
    authority = Authority.new("Ours")
    endpoint = serve(authority, x509.DNSName("mail.example.org")).endpoint
    assert type(look_up(ews_backend(endpoint, caCertificates=authority.pem))) is Unreachable


def test_ntlm_signs_in_over_tls(serve: Serve, ntlm_users: None) -> None:
    authority = Authority.new("Ours")
    exchange = serve(authority)
    exchange.sign_in = ntlm = Ntlm()
    assert look_up(ews_backend(exchange.endpoint, NTLM, caCertificates=authority.pem)) == Schedule()
    assert list(ntlm.signed_in.values()) == ["CORP\\svc"]


@pytest.mark.parametrize("pem", ["-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----", ""])
def test_an_unreadable_certificate_is_a_settings_error(pem: str) -> None:
    with pytest.raises(SettingsError, match="caCertificates"):
        ews_backend("https://localhost/EWS/Exchange.asmx", caCertificates=pem)


def test_a_server_without_tls_is_unreachable_by_https(exchange: EwsServer) -> None:
    assert type(look_up(ews_backend(exchange.endpoint.replace("http:", "https:")))) is Unreachable


def test_a_backend_changes_no_global_state() -> None:
    before = ssl.create_default_context().verify_flags
    assert type(look_up(ews_backend("https://127.0.0.1:1/EWS/Exchange.asmx", caCertificates=Authority.new("Ours").pem))) is Unreachable
    assert exchangelib.protocol.BaseProtocol.HTTP_ADAPTER_CLS is requests.adapters.HTTPAdapter
    assert exchangelib.protocol.BaseProtocol.TIMEOUT == 120
    assert exchangelib.protocol.CachingProtocol._protocol_cache == {}
    assert ssl.create_default_context().verify_flags == before
