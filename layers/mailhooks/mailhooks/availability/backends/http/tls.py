"""Which servers' certificates a backend trusts (`caCertificates`)."""

import re
import ssl
from functools import cache
from typing import Any, Final

import certifi
import requests.adapters

from mailhooks.errors import SettingsError

_CERTIFICATE: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]*CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END \1-----")


def create_ssl_context(certificates: str | None, *, public: bool = False) -> ssl.SSLContext | None:
    """Return a context that trusts a backend's certificates; None for the public authorities only.

    Args:
        certificates: certificate authorities or self-signed server certificates, as PEM. None: the public authorities.
        public: whether to trust the public authorities as well as `certificates`.

    Raises:
        SettingsError: `certificates` is not PEM.
    """
    if certificates is None:
        return None
    try:
        # Only the certificates: OpenSSL's comments between them may be in any language, and `cadata` must be ASCII.
        pem = "\n".join(match[0] for match in _CERTIFICATE.finditer(certificates))
        context = ssl.create_default_context(cafile=certifi.where() if public else None, cadata=pem or "no certificate")
    except (ssl.SSLError, ValueError):
        raise SettingsError("caCertificates: expected certificates in PEM form, got text that cannot be read as PEM") from None
    # Companies' authorities often lack extensions that RFC 5280 requires and Python 3.13 checks. A configured certificate is a trust anchor
    # even when it is not self-signed.
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context


@cache
def _public_context(file: str) -> ssl.SSLContext:
    # Created at the first connection and shared, because loading the public authorities needs 25 ms of CPU time.
    return ssl.create_default_context(cafile=file)


class TlsAdapter(requests.adapters.HTTPAdapter):
    """A transport that checks certificates with a given context only. None: the public authorities."""

    def __init__(self, context: ssl.SSLContext | None, *, connections: int) -> None:
        self._context = context
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def build_connection_pool_key_attributes(self, request: requests.PreparedRequest, verify: Any, cert: Any = None) -> tuple[Any, Any]:
        """Return the host, and the TLS context instead of the request's TLS options."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context or _public_context(certifi.where())} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Add nothing: requests would load the public authorities into the context."""
