"""Writes the certificates of Amazon's authorities, from those that botocore trusts."""

import re
import ssl
from pathlib import Path
from typing import Any, Final

from botocore.httpsession import DEFAULT_CA_BUNDLE

_NAMES: Final = frozenset(
    {"Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4", "Starfield Services Root Certificate Authority - G2"}
)
"""The common names of the authorities (Amazon Trust Services repository, "Root CAs")."""

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n")


def write_amazon_roots(file: Path, bundle: Path = Path(DEFAULT_CA_BUNDLE)) -> None:
    """Write the certificates into a file.

    Raises:
        ValueError: the bundle lacks an authority.
    """
    found = {name: pem for pem in _CERTIFICATE.findall(bundle.read_text("utf-8")) if (name := _read_name(pem)) in _NAMES}
    if missing := sorted(_NAMES - set(found)):
        raise ValueError(f"botocore's certificates lack {', '.join(missing)}: see whether Amazon still uses this authority")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(found[name] for name in sorted(found)), "utf-8")


def _read_name(pem: str) -> str | None:
    """Return the common name of a certificate's subject."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    certificates: list[Any] = context.get_ca_certs()
    return next((value for certificate in certificates for ((key, value),) in certificate["subject"] if key == "commonName"), None)
