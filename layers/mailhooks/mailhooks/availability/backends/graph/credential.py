"""Loads the app's secret or certificate. A wrong key is reported when the configuration is read."""

import re
from collections.abc import Mapping
from typing import Any, Final

from mailhooks.errors import SettingsError

_SHA1: Final = re.compile(r"[0-9A-Fa-f]{40}")


def load_credential(config: Mapping[str, Any]) -> str | dict[str, str]:
    """Return msal's `client_credential`.

    Raises:
        SettingsError: the key or the certificate cannot be read, or they do not belong together.
    """
    secret: str | None = config.get("clientSecret")
    if secret is not None:
        return secret
    certificate = config["certificate"]
    found = {"private_key": certificate["privateKey"]}
    if "passphrase" in certificate:
        found["passphrase"] = certificate["passphrase"]
    public = certificate.get("publicCertificate")
    _check(found["private_key"], found.get("passphrase"), public)
    if public is not None:
        # With the certificate instead of a thumbprint msal signs with PS256 and SHA-256, as Entra recommends.
        return found | {"public_certificate": public}
    thumbprint = re.sub(r"[:\s]", "", certificate.get("thumbprint", ""))
    if not _SHA1.fullmatch(thumbprint):
        raise SettingsError("certificate: expected publicCertificate, or thumbprint with the SHA-1 thumbprint (40 hexadecimal digits)")
    return found | {"thumbprint": thumbprint}


def _check(private_key: str, passphrase: str | None, public: str | None) -> None:
    # Imported only if there is a certificate, because cryptography needs 22 ms of CPU time.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    # Not chained: the libraries' errors may quote the key.
    try:
        key = load_pem_private_key(private_key.encode(), passphrase.encode() if passphrase is not None else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError("certificate/privateKey: it cannot be read, or its passphrase is wrong or not needed") from None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError("certificate/privateKey: expected an RSA key, got one of another kind")
    if public is None:
        return
    try:
        own = load_pem_x509_certificate(public.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError("certificate/publicCertificate: it cannot be read") from None
    if own != key.public_key():
        raise SettingsError("certificate: privateKey and publicCertificate do not belong together")
