"""Which servers' certificates a backend trusts (`caCertificates`)."""

import re
import ssl
from typing import Any, Final

import certifi
import requests.adapters

from mailhooks.errors import SettingsError

_CERTIFICATE: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]*CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END \1-----")


def create_ssl_context(certificates: str | None = None, *, public: bool = False) -> ssl.SSLContext:
    """Return a context that checks servers' certificates.

    Args:
        certificates: certificate authorities or self-signed server certificates, as PEM. None: the public authorities.
        public: whether to trust the public authorities as well as `certificates`.

    Raises:
        SettingsError: `certificates` is not PEM.
    """
    if certificates is None:
        return ssl.create_default_context(cafile=certifi.where())
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


class TlsAdapter(requests.adapters.HTTPAdapter):
    """A transport that checks certificates with a given context only."""

    def __init__(self, context: ssl.SSLContext, *, connections: int) -> None:
        self._context = context
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Add nothing: requests would load the public authorities into the context."""
