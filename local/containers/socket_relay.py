"""Joins sockets to sockets: for each connection to one, a new one to the other.

A relay has one on either side. This file is also the program that runs in the relay's container, on whatever Python that has, so that it
imports nothing of this package.
"""

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FOLDER_IN_CONTAINER = "/relay"


def serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Joins each connection to a new one of `connect`, in the background, until the listener is closed."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=_join, args=(near, connect), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def close(listener: socket.socket) -> None:
    """Ends `serve`."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
    listener.close()


def _join(near: socket.socket, connect: Callable[[], socket.socket]) -> None:
    with near, connect() as far:
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


def _run_in_container(folder: Path) -> None:
    """TCP on every address of the container's one network, to the Unix sockets in the folder; each is named by its port."""

    def to(path: Path) -> Callable[[], socket.socket]:
        def connect() -> socket.socket:
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(str(path))
            return far

        return connect

    for path in folder.iterdir():
        if path.is_socket():
            serve(socket.create_server(("", int(path.name))), to(path))
    sys.stdout.write(socket.gethostbyname(socket.gethostname()) + "\n")
    threading.Event().wait()


if __name__ == "__main__":
    _run_in_container(Path(FOLDER_IN_CONTAINER))
