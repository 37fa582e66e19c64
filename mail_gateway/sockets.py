"""Listening sockets, bound before a server starts."""

import socket
import stat
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mail_gateway.config import Network, SocketAddress
from mail_gateway.errors import GatewayError

_BACKLOG: Final = 256
_UNIX_MODE: Final = 0o660
"""The owner and the group: the mail server's user has to be in the gateway's group."""


def listen(address: SocketAddress) -> socket.socket:
    """Return a listening socket. Port 0 lets the system choose the port.

    Raises:
        GatewayError: the address is in use, not allowed, or not one of this machine.
    """
    listener = _make_socket(address)
    try:
        if address.path:
            _remove_stale(Path(address.path))
            listener.bind(address.path)
            Path(address.path).chmod(_UNIX_MODE)
        else:
            listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise GatewayError(f"cannot listen on {address}: {error.strerror or type(error).__name__}") from error
    return listener


def _make_socket(address: SocketAddress) -> socket.socket:
    if address.path:
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # The protocol is named because asyncio turns off Nagle's algorithm only then; with it each answer needs 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        # An IPv4 client would have an address of another form than that in `networks`.
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed process has left. A socket with a listening process stays: binding then fails."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()


def may_connect(peer: object, networks: Collection[Network]) -> bool:
    """Return whether a client may connect. Without networks each may: the socket's folder or the certificate decides.

    Args:
        peer: its address, as asyncio has it.
    """
    if not networks:
        return True
    if not isinstance(peer, tuple):
        return False
    address = ip_address(str(peer[0]).partition("%")[0])
    return any(address in network for network in networks)
