"""Answers whether the process accepts mail, over HTTP: for a container's health check and a load balancer."""

import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from mail_gateway.config import SocketAddress, load_configuration
from mail_gateway.errors import GatewayError
from mail_gateway.sockets import listen

PATH: Final = "/health"
_TIMEOUT_S: Final = 5.0


class HealthServer:
    """Serves GET /health in a thread: 200 while the process accepts mail, else 503.

    Args:
        is_healthy: whether it does; called in other threads.
    """

    def __init__(self, address: SocketAddress, is_healthy: Callable[[], bool]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = _TIMEOUT_S
            server_version, sys_version = "workmail-hooks", ""

            def do_GET(self) -> None:
                """Answer GET."""
                status = HTTPStatus.NOT_FOUND if self.path != PATH else HTTPStatus.OK if is_healthy() else HTTPStatus.SERVICE_UNAVAILABLE
                body = b"ok\n" if status is HTTPStatus.OK else f"{status.phrase}\n".encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing: each check would be a line."""

        listener = listen(address)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self.port = 0 if address.path else int(listener.getsockname()[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the socket."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def is_healthy(path: Path) -> bool:
    """Ask the process that runs a configuration whether it accepts mail.

    Raises:
        CommandError: the configuration is invalid, or names no address to ask.
        OSError: the configuration cannot be read.
    """
    address = load_configuration(path).health
    if address is None:
        raise GatewayError(f"{path.name} has no [health] listen: the gateway answers nowhere")
    connection = HTTPConnection("localhost", timeout=_TIMEOUT_S)
    try:
        connection.sock = _connect(address)
        connection.request("GET", PATH)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _connect(address: SocketAddress) -> socket.socket:
    if address.path:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_TIMEOUT_S)
        try:
            connection.connect(address.path)
        except OSError:
            connection.close()
            raise
        return connection
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - to connect, not to listen
    return socket.create_connection((host, address.port), timeout=_TIMEOUT_S)
