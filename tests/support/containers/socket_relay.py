"""Relays connections from a listening socket to another address.

A relay uses it on both sides. This file is also the program in the relay's container, so it imports nothing of this package.
"""

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

FOLDER_IN_CONTAINER = "/relay"


def serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Relay each connection to a new one from `connect`, in background threads, until the listener is closed."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=_relay, args=(near, connect), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def close(listener: socket.socket) -> None:
    """Close a listener and end `serve`."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
    listener.close()


def _relay(near: socket.socket, connect: Callable[[], socket.socket]) -> None:
    with near, connect() as far:
        for end in (near, far):
            if end.family != socket.AF_UNIX:
                # Otherwise each small answer waits for the other side's delayed acknowledgement: 40 ms.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_copy, args=(far, near), daemon=True)
        back.start()
        _copy(near, far)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


def _connect(path: Path) -> socket.socket:
    far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    far.connect(str(path))
    return far


def _run_in_container(folder: Path) -> None:
    """Listen on the container's network, on one port for each Unix socket in the folder, and relay to it. Its name is the port."""
    for path in folder.iterdir():
        if path.is_socket():
            serve(socket.create_server(("", int(path.name))), partial(_connect, path))
    sys.stdout.write(socket.gethostbyname(socket.gethostname()) + "\n")
    threading.Event().wait()


if __name__ == "__main__":
    _run_in_container(Path(FOLDER_IN_CONTAINER))
