"""Leads a Lambda container to servers that listen on 127.0.0.1 of this machine, and on nothing else.

QUIRK: `sam local invoke --docker-network host` does not use the host's network (aws-sam-cli issues 4236 and 3609): SAM leaves the name out
and the container stays on Docker's bridge, from where 127.0.0.1 is the container itself. So the way is: function -> relay container, on
a network of its own -> Unix sockets in a shared folder -> this process -> 127.0.0.1. No port is opened on any other address of the host.

This file runs on both sides: here as a module, in the relay container as a script, on the base image's own Python.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

PYTHON_IN_IMAGE = "/var/lang/bin/python3.13"
FOLDER_IN_CONTAINER = "/relay"


class Relay:
    """While entered, the ports of 127.0.0.1 are open on `address` for containers on `network`.

    Args:
        image: the Lambda base image.
        ports: of the servers on 127.0.0.1.

    Attributes:
        network: for `sam local invoke --docker-network`.
        address: of the relay in that network; it has the same ports.
    """

    def __init__(self, image: str, ports: Collection[int]) -> None:
        self.network = f"workmail-hooks-{uuid.uuid4().hex[:12]}"
        self.address = ""
        self._image = image
        self._ports = ports
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        # Not pytest's tmp_path: the path of a Unix socket may have 107 characters at most.
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-")))
        for port in self._ports:
            self._listen(folder / str(port), port)
        shutil.copy(__file__, folder / "relay.py")
        # Internal: the relay has no way out of this machine.
        _docker("network", "create", "--internal", self.network)
        self._stack.callback(_docker, "network", "rm", self.network)
        container = f"{self.network}-relay"
        options = ["--rm", "--pull", "never", "--name", container, "--network", self.network, "--entrypoint", PYTHON_IN_IMAGE]
        mount = ["--volume", f"{folder}:{FOLDER_IN_CONTAINER}:ro"]
        command = ["docker", "run", *options, *mount, self._image, "-u", f"{FOLDER_IN_CONTAINER}/relay.py"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._stack.callback(_stop, running, container)
        assert running.stdout is not None
        # The relay's first line, which comes once it listens; nothing when it ended.
        self.address = running.stdout.readline().strip()
        if not self.address:
            raise RuntimeError(f"the relay container did not start: exit code {running.wait()}")

    def _listen(self, path: Path, port: int) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stack.callback(_close, listener)
        listener.bind(str(path))
        listener.listen()
        _serve(listener, lambda: socket.create_connection(("127.0.0.1", port)))


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)


def _stop(running: "subprocess.Popen[str]", container: str) -> None:
    with suppress(subprocess.CalledProcessError):  # it may have ended by itself
        _docker("rm", "--force", container)
    running.communicate()


def _close(listener: socket.socket) -> None:
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
    listener.close()


def _serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Joins each connection to a new one of `connect`, in the background, until the listener is closed."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=_join, args=(near, connect), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


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
            _serve(socket.create_server(("", int(path.name))), to(path))
    sys.stdout.write(socket.gethostbyname(socket.gethostname()) + "\n")
    threading.Event().wait()


if __name__ == "__main__":
    _run_in_container(Path(FOLDER_IN_CONTAINER))
