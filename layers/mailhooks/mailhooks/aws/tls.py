"""The TLS context that all connections to AWS share.

botocore loads its authorities, about 130 certificates, for each new connection: each time an eighth of a cold start. A context here loads
them once a process, or only the five of Amazon if they suffice (setting TLS_ROOTS).
"""

import logging
import ssl
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from botocore.awsrequest import AWSHTTPSConnection, AWSHTTPSConnectionPool
from botocore.httpsession import create_urllib3_context, get_cert_path

from mailhooks.settings import env

AMAZON_ROOTS: Final = Path(__file__).parent / "prepared" / "amazon-roots.pem"
"""The certificates of Amazon's authorities, in the built layer (`mailhooks.aws.amazon_roots`)."""

_LOADING: Final = Lock()


class _Roots:
    """A TLS context and the authorities that it trusts."""

    def __init__(self, bundle: str) -> None:
        self._bundle = bundle
        self.context: ssl.SSLContext = create_urllib3_context()
        self.is_complete = True
        if env().tls_roots == "amazon" and bundle == get_cert_path(True):
            # In a checkout there is no such file.
            with suppress(OSError):
                self.context.load_verify_locations(AMAZON_ROOTS)
                self.is_complete = False
        if self.is_complete:
            self.context.load_verify_locations(bundle)

    def complete(self) -> None:
        """Trust all authorities, from now on."""
        with _LOADING:
            if self.is_complete:
                return
            self.context.load_verify_locations(self._bundle)
            self.is_complete = True
        logging.getLogger(__name__).warning("a server's certificate is not by an authority of TLS_ROOTS=amazon: all authorities are loaded")


@cache
def _load(bundle: str) -> _Roots:
    return _Roots(bundle)


def _roots(bundle: str) -> _Roots:
    with _LOADING:
        return _load(bundle)


class _Connection(AWSHTTPSConnection):
    """A connection with the shared context of its authorities."""

    ca_certs: str | None
    _bundle: str | None = None

    def connect(self) -> None:
        roots = self._find_roots()
        if roots is None:
            super().connect()
            return
        # The bundle is kept for the next time: urllib3 connects again when a server has closed a kept connection.
        self._bundle, self.ca_certs, self.ssl_context = self.ca_certs or self._bundle, None, roots.context
        was_complete = roots.is_complete
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            if was_complete:
                raise
            roots.complete()
            super().connect()

    def _find_roots(self) -> _Roots | None:
        """Return the shared context; None for a proxy, a client certificate, no check, or an unreadable bundle."""
        bundle = self.ca_certs or self._bundle
        if self.cert_file or self.proxy or self.cert_reqs != "CERT_REQUIRED" or not bundle:
            return None
        try:
            return _roots(bundle)
        except OSError:
            return None


class _Pool(AWSHTTPSConnectionPool):
    ConnectionCls = _Connection


def share_context(http_session: Any, url: str) -> None:
    """Let a `botocore.httpsession.URLLib3Session` open its TLS connections with the shared context, which is loaded now for an https: URL.

    A function makes its clients while Lambda loads it, with a whole processor.
    """
    http_session._manager.pool_classes_by_scheme["https"] = _Pool
    if url.startswith("https:"):
        # botocore complains of an unreadable bundle at the call.
        with suppress(OSError):
            _roots(get_cert_path(http_session._verify))
