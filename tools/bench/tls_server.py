"""Serve TLS in front of a server of the benchmarks, which a function trusts by AWS_CA_BUNDLE.

No benchmark over HTTP shows what TLS costs at a cold start: the authorities that a client loads, and the handshakes.
"""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.servers.certificates import ServerCertificate


@contextmanager
def tls_server(port: int, certificate: ServerCertificate) -> Iterator[str]:
    """Relay TLS connections to a port on the loopback interface. Yields the URL of the TLS server.

    `Authority.new()` makes an authority, `.issue(folder)` the server's certificate, and `.pem` is the bundle for AWS_CA_BUNDLE.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, port), daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, context, port), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Copy in both directions, in one thread: OpenSSL allows one operation of a connection at a time."""
    with (
        suppress(OSError),
        context.wrap_socket(connection, server_side=True) as secure,
        socket.create_connection(("127.0.0.1", port)) as plain,
    ):
        while True:
            readable, _, _ = select.select([secure, plain], [], [])
            for source, target in ((secure, plain), (plain, secure)):
                if source in readable:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    target.sendall(data)
                    while source is secure and secure.pending():
                        plain.sendall(secure.recv(secure.pending()))
