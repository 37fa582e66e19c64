"""HTTP servers on the loopback interface, each in a thread of its own.

uvicorn is imported when a server is created: it is slow to import, and commands without a server must not wait for it.
"""

import asyncio
import errno
import logging
import socket
import threading
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from workmail_local.errors import PortError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
_UNSPECIFIED = {"0.0.0.0": HOST, "::": "::1", "": HOST}  # noqa: S104 - to be shown, not to listen
_IPV4 = (socket.AF_INET, "192.0.2.1")
_REMOTE = {HOST: (_IPV4,), "::1": (_IPV4, (socket.AF_INET6, "2001:db8::1"))}
BACKLOG = 256

_REASONS = {
    errno.EADDRINUSE: "is in use",
    errno.EACCES: "needs the rights of an administrator",
    errno.EADDRNOTAVAIL: "cannot be used: this machine does not have the address",
    socket.EAI_NONAME: "cannot be used: there is no such host",
}

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_MAX_DESCRIPTORS = 65_536
_REPEAT_S = 60.0
"""Seconds in which a shortage is logged once."""

_LOG = logging.getLogger(__name__)


class ShortageLog:
    """Logs that this machine has no descriptors or memory left: once a minute, because asyncio reports it for each waiting client."""

    def __init__(self) -> None:
        self._next = 0.0

    def handle(self, loop: asyncio.AbstractEventLoop, context: "dict[str, Any]") -> None:
        """Handle an error of an event loop; any other error is handled as usual."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _SHORTAGES):
            loop.default_exception_handler(context)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _REPEAT_S
            _LOG.error("new connections have to wait: %s. Raise the limit (ulimit -n), or open fewer connections", error.strerror)


def raise_descriptor_limit() -> None:
    """Raise the number of descriptors that this process may open to the limit that the administrator of the machine allows."""
    # Windows has no such module and no such limit.
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def join_address(host: str, port: int) -> str:
    """Return the address by which a client on this machine reaches a server, with brackets for IPv6 (RFC 3986 section 3.2.2).

    >>> join_address("0.0.0.0", 25), join_address("::", 25), join_address("[::1]", 25)
    ('127.0.0.1:25', '[::1]:25', '[::1]:25')
    """
    host = _UNSPECIFIED.get(host.strip("[]"), host.strip("[]"))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is this machine's own: localhost, 127.0.0.0/8 or ::1.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "192.0.2.1", "example.com")]
    [True, True, True, False, False]
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def find_own_addresses(host: str) -> list[str]:
    """Return the addresses by which other machines reach a server, at most one of each kind; none if it has only one address or no route.

    Nothing is sent: to connect a datagram socket only chooses the route, here that to an address of documentation (RFC 5737, RFC 3849).

    Args:
        host: as for `listen`.
    """
    found = []
    for family, remote in _REMOTE.get(_UNSPECIFIED.get(host.strip("[]"), ""), ()):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as route:
            route.connect((remote, 9))
            found.append(route.getsockname()[0])
    return [address for address in found if not ip_address(address).is_loopback]


def listen(port: int, host: str = HOST) -> socket.socket:
    """Return a listening socket. Port 0 lets the system choose the port.

    Args:
        host: an address, IPv6 with or without brackets, or a name. `0.0.0.0` is every IPv4 address, and `::` also every IPv6 address.

    The socket is bound before its server starts, so that a port in use is an error for the caller and not in the server's thread.

    Raises:
        PortError: the port is in use or not allowed, or this machine does not have the address.
    """
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns off Nagle's algorithm only then; with it each answer needs 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PortError(
            port, host, _REASONS.get(getattr(error, "errno", None) or 0, f"cannot be used: {getattr(error, 'strerror', None) or error}")
        ) from error
    return listener


def has_address(address: str) -> bool:
    """Return whether this machine has an IPv4 address, so that a server can listen on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


class HttpServer:
    """An ASGI application on uvicorn: WorkMail's APIs, moto's services, or the web pages."""

    def __init__(self, app: "ASGIApp", port: int, *, host: str = HOST, name: str = "message-flow-api") -> None:
        import uvicorn

        self._host = host
        self._socket = listen(port, host)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{join_address(host, self.port)}"
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        # A client that closes the connection during a delayed answer is not worth a log line.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def find_urls_elsewhere(self) -> list[str]:
        """Return the URLs by which other machines reach this server; see `find_own_addresses`."""
        return [f"http://{join_address(address, self.port)}" for address in find_own_addresses(self._host)]

    def start(self) -> None:
        """Start the thread. The socket listens already, so that calls wait until the thread runs."""
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(ShortageLog().handle)
            runner.run(self._server.serve([self._socket]))

    def stop(self) -> None:
        """Stop the server and end its thread. Calls that still wait are cut off after a second."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
