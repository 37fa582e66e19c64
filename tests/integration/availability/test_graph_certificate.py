"""Sign-in with a certificate instead of a secret. The server verifies the signature with the public key."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from requests import Session

from mailhooks.availability.backends.graph.backend import GraphBackend
from mailhooks.availability.errors import AuthenticationFailed
from mailhooks.availability.model import Schedule
from mailhooks.errors import SettingsError
from tests.support.backends import look_up
from tests.support.servers.certificates import ServerCertificate
from tests.support.servers.graph import CLIENT, TENANT, MicrosoftCloud, User

ANA = "ana@example.com"
PASSPHRASE = "to open it"

KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
PLAIN = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())).decode()


def create_certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Free/busy")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())


CERTIFICATE = create_certificate(KEY)
PUBLIC = CERTIFICATE.public_bytes(Encoding.PEM).decode()
THUMBPRINT = CERTIFICATE.fingerprint(hashes.SHA1()).hex()


@pytest.fixture
def microsoft(host: Callable[..., Any], certificate: ServerCertificate) -> MicrosoftCloud:
    """A tenant with one user, and an app with the certificate `CERTIFICATE`."""
    return host(MicrosoftCloud({ANA: User()}, CERTIFICATE), certificate)


def backend(session: Session, url: str, **parts: str) -> GraphBackend:
    config: dict[str, Any] = {"tenantId": TENANT, "clientId": CLIENT, "certificate": parts, "authority": url, "endpoint": url}
    return GraphBackend(config, session=session)


@pytest.mark.parametrize(
    "parts, algorithm",
    [
        ({"privateKey": PLAIN, "publicCertificate": PUBLIC}, "PS256"),
        ({"privateKey": LOCKED, "passphrase": PASSPHRASE, "publicCertificate": PUBLIC}, "PS256"),
        ({"privateKey": PLAIN, "publicCertificate": PUBLIC, "thumbprint": THUMBPRINT}, "PS256"),
        ({"privateKey": PLAIN, "thumbprint": THUMBPRINT}, "RS256"),
        ({"privateKey": LOCKED, "passphrase": PASSPHRASE, "thumbprint": THUMBPRINT.upper()}, "RS256"),
        ({"privateKey": PLAIN, "thumbprint": ":".join(THUMBPRINT[place : place + 2] for place in range(0, 40, 2))}, "RS256"),
    ],
)
def test_an_app_signs_in_with_its_certificate(
    microsoft: MicrosoftCloud, microsoft_session: Session, parts: dict[str, str], algorithm: str
) -> None:
    assert isinstance(look_up(backend(microsoft_session, microsoft.url, **parts), ANA), Schedule)
    (assertion,) = microsoft.assertions
    assert assertion["alg"] == algorithm
    assert ("x5c" in assertion) == ("publicCertificate" in parts)
    assert "client_secret" not in microsoft.forms[0]


def test_the_key_of_another_app_is_an_authentication_failure(microsoft: MicrosoftCloud, microsoft_session: Session) -> None:
    other = OTHER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    failed = look_up(backend(microsoft_session, microsoft.url, privateKey=other, thumbprint=THUMBPRINT), ANA)
    assert type(failed) is AuthenticationFailed
    assert "AADSTS700027" in str(failed)


ELLIPTIC = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "parts, text",
    [
        ({"privateKey": PLAIN}, "certificate: expected publicCertificate, or thumbprint"),
        ({"privateKey": PLAIN, "thumbprint": "0123"}, "SHA-1 thumbprint"),
        ({"privateKey": PLAIN, "thumbprint": CERTIFICATE.fingerprint(hashes.SHA256()).hex()}, "SHA-1 thumbprint"),
        ({"privateKey": LOCKED, "publicCertificate": PUBLIC}, "certificate/privateKey: it cannot be read"),
        ({"privateKey": LOCKED, "passphrase": "wrong", "publicCertificate": PUBLIC}, "certificate/privateKey: it cannot be read"),
        ({"privateKey": PLAIN, "passphrase": PASSPHRASE, "publicCertificate": PUBLIC}, "certificate/privateKey: it cannot be read"),
        (
            {"privateKey": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "thumbprint": THUMBPRINT},
            "certificate/privateKey",
        ),
        ({"privateKey": ELLIPTIC, "thumbprint": THUMBPRINT}, "expected an RSA key"),
        (
            {"privateKey": PLAIN, "publicCertificate": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"},
            "publicCertificate: it cannot",
        ),
        (
            {"privateKey": PLAIN, "publicCertificate": create_certificate(OTHER).public_bytes(Encoding.PEM).decode()},
            "do not belong together",
        ),
    ],
)
def test_an_unusable_certificate_is_a_settings_error(microsoft_session: Session, parts: dict[str, str], text: str) -> None:
    with pytest.raises(SettingsError, match=text) as raised:
        backend(microsoft_session, "https://127.0.0.1:9", **parts)
    assert "BEGIN" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
