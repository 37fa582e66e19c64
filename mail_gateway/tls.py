"""TLS contexts: that of a listener, and that of the connection to the next host."""

import ssl
from pathlib import Path
from typing import Final

from mail_gateway.config import ListenerConfiguration, NextHost, Tls
from mail_gateway.errors import GatewayError

_UNREADABLE: Final = "expected certificates and keys in PEM format"


def make_server_context(configuration: ListenerConfiguration) -> ssl.SSLContext | None:
    """Return the context with which a listener answers STARTTLS; None if it offers none.

    A client without a certificate gets through the handshake: the reply to its next command names what is missing. A certificate of another
    authority ends the handshake.

    Raises:
        GatewayError: a file cannot be read, or is not in PEM format.
    """
    if configuration.tls is Tls.NONE or configuration.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_own(context, configuration.certificate, configuration.key)
    if configuration.client_ca:
        _load_authorities(context, configuration.client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def make_client_context(host: NextHost) -> ssl.SSLContext | None:
    """Return the context for STARTTLS with the next host; None if TLS is not used. Raises GatewayError as `make_server_context`."""
    if host.tls is Tls.NONE:
        return None
    context = ssl.create_default_context()
    if host.tls is Tls.OFFERED:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif host.ca:
        # The authorities of the system do not count then.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load_authorities(context, host.ca)
    if host.certificate:
        _load_own(context, host.certificate, host.key)
    return context


def has_name(certificate: object, names: tuple[str, ...]) -> bool:
    """Return whether a verified certificate is for one of the names (RFC 9525 section 6.3).

    Args:
        certificate: as `getpeercert()` returns it; `{}` or None without one.
        names: in lower case.
    """
    if not isinstance(certificate, dict):
        return False
    own = {value.lower() for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
    return any(name in own or f"*.{name.partition('.')[2]}" in own for name in names)


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        names = f"{certificate.name} and {key.name if key else 'its key'}"
        raise GatewayError(f"{names} cannot be used ({error.strerror}): {_UNREADABLE}") from error


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise GatewayError(f"{path.name} cannot be used ({error.strerror}): {_UNREADABLE}") from error
