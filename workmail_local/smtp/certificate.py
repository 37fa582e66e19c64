"""The certificate of the SMTP servers."""

import re
import socket
import ssl
from pathlib import Path

from workmail_local.config.smtp import Smtp
from workmail_local.errors import ServerError
from workmail_local.servers import HOST, find_own_addresses

_CERTIFICATE = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----", re.DOTALL)
_NAMES = ("localhost", HOST, "::1")


def create_context(settings: Smtp, host: str, file: Path) -> ssl.SSLContext:
    """Return the TLS context of a server, with the configured certificate or a new one.

    Args:
        settings: the configuration.
        host: where the server listens; a new certificate is for this machine's names and addresses.
        file: gets the certificate that clients have to trust. A new key is stored nowhere.

    Raises:
        ServerError: the configured files have no certificate and its key, or the key has a passphrase; `file` cannot be written, or
            contains something else.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if settings.certificate and settings.key:
            # Without a password, OpenSSL asks on the terminal.
            context.load_cert_chain(settings.certificate, settings.key, password="")
            # The file may contain the key, too, and clients get the other one.
            trusted = b"".join(found[0] + b"\n" for found in _CERTIFICATE.finditer(settings.certificate.read_bytes()))
        else:
            trusted = _add_new_certificate(context, host)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and _CERTIFICATE.sub(b"", file.read_bytes()).strip():
            raise ServerError(f"{file.name} contains more than certificates, so it is left as it is: give it another name")
        file.write_bytes(trusted)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ServerError(f"the certificate of the SMTP servers cannot be used: {error}") from error
    return context


def _add_new_certificate(context: ssl.SSLContext, host: str) -> bytes:
    """Add a new certificate and its key to a context; return the authority that signed it, as PEM."""
    # Imported late: a server without TLS, or with a certificate of the user, does not need it.
    import trustme

    authority = trustme.CA(organization_name="local WorkMail")
    names = dict.fromkeys((*_NAMES, *find_own_addresses(host), host.strip("[]"), socket.gethostname()))
    authority.issue_cert(*filter(_is_usable, names)).configure_cert(context)
    return bytes(authority.cert_pem.bytes())


def _is_usable(name: str) -> bool:
    """Return whether a certificate can have this name: not an address that means all, nor a name beyond ASCII."""
    return name.isascii() and name not in ("", "0.0.0.0", "::")  # noqa: S104 - compared, not used
