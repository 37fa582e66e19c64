"""Certificate authorities, and certificates for servers on the loopback interface."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@dataclass(frozen=True)
class ServerCertificate:
    """PEM files of a server's certificate and its private key."""

    chain: Path
    key: Path

    @property
    def pem(self) -> str:
        return self.chain.read_text()


@dataclass(frozen=True)
class Authority:
    """A certificate authority that clients do not trust by default."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str = "Test authority") -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key, key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = x509.KeyUsage(*(used in {"sign", "crl"} for used in ("signature", "", "", "", "", "sign", "crl", "", "")))
        return cls(key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, folder: Path, name: x509.GeneralName = LOOPBACK) -> ServerCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        return _write(folder, _builder("server", issuer, key, self.key), name, key, self.key)


def self_signed(folder: Path) -> ServerCertificate:
    """Create a certificate as Exchange does when it is installed."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _write(folder, _builder("server", "server", key, key), LOOPBACK, key, key)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Include the extensions that OpenSSL's strict checks require, which Python 3.13 turns on."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _write(
    folder: Path,
    builder: x509.CertificateBuilder,
    name: x509.GeneralName,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> ServerCertificate:
    folder.mkdir(parents=True, exist_ok=True)
    files = ServerCertificate(folder / "server.pem", folder / "server.key")
    certificate = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False).sign(issuer_key, hashes.SHA256())
    files.chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
