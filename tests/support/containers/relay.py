"""A relay that lets containers without any other network reach servers which listen on this machine's 127.0.0.1 alone.

The e2e tests and the benchmarks use it: each has a network and ports of its own. `workmail_local.containers.endpoint` is for commands
that a person types.

QUIRK: `sam local invoke --docker-network host` does not use the host's network (aws-sam-cli issues 4236 and 3609): SAM omits the name, and
the container stays on Docker's bridge, where 127.0.0.1 is the container itself. So a connection goes from the function to a relay container
on a network of its own, through a Unix socket in a shared folder to this process, and to 127.0.0.1. The host opens no other port.
"""

import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from tests.support.containers import socket_relay
from workmail_local.containers.docker import TIMEOUT_S, run_docker
from workmail_local.errors import ServerError
from workmail_local.lifecycle import Lifecycle

IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
"""SAM's base image for python3.13 on x86_64."""

PYTHON_IN_IMAGE = "/var/lang/bin/python3.13"


class Relay(Lifecycle):
    """Opens ports of 127.0.0.1 to the containers of a Docker network, from entering to leaving.

    Args:
        image: a Lambda base image for Python 3.13 that is on this machine.
        ports: of the servers on 127.0.0.1.

    Attributes:
        network: for `--docker-network` of `sam local invoke` and `sam local start-lambda`.
        address: of the relay in that network, with the same ports.

    Raises:
        ServerError: on entering, when Docker is missing or does not answer, the image is missing, or the relay does not start.
    """

    def __init__(self, image: str, ports: Collection[int]) -> None:
        super().__init__()
        self.network = f"workmail-hooks-{uuid.uuid4().hex[:12]}"
        self.address = ""
        self._image = image
        self._ports = ports

    def _start(self) -> None:
        self._require_image()
        # A short path, because that of a Unix socket has at most 107 characters.
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-")))
        for port in self._ports:
            self._listen(folder / str(port), port)
        shutil.copy(socket_relay.__file__, folder / "socket_relay.py")
        # Internal: the relay cannot connect to other machines.
        run_docker("network", "create", "--internal", self.network)
        self._stack.callback(_remove_network, self.network)
        container = f"{self.network}-relay"
        options = ["--rm", "--pull", "never", "--name", container, "--network", self.network, "--entrypoint", PYTHON_IN_IMAGE]
        mount = ["--volume", f"{folder}:{socket_relay.FOLDER_IN_CONTAINER}:ro"]
        command = ["docker", "run", *options, *mount, self._image, "-u", f"{socket_relay.FOLDER_IN_CONTAINER}/socket_relay.py"]
        # In a session of its own, so that Ctrl-C does not reach it: this process stops the relay after its users.
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._stack.callback(_stop, running, container)
        self.address = _first_line(running)
        if not self.address:
            raise ServerError("the relay container did not start")

    def _require_image(self) -> None:
        try:
            run_docker("image", "inspect", self._image)
        except ServerError as error:
            run_docker("version")  # raises its own error when the daemon does not run
            raise ServerError(f"the Lambda base image is missing: run docker pull {self._image}") from error

    def _listen(self, path: Path, port: int) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stack.callback(socket_relay.close, listener)
        listener.bind(str(path))
        listener.listen()
        socket_relay.serve(listener, lambda: socket.create_connection(("127.0.0.1", port)))


def _first_line(running: "subprocess.Popen[str]") -> str:
    """Return the relay's address, which it prints once it listens; "" when it ended or was too slow."""
    timer = threading.Timer(TIMEOUT_S, running.kill)
    timer.start()
    try:
        return running.stdout.readline().strip() if running.stdout else ""
    finally:
        timer.cancel()
        timer.join()


def _remove_network(network: str) -> None:
    """Remove the network. Docker refuses that while a container is in it, so SAM's containers that still run are disconnected."""
    with suppress(ServerError):
        for container in run_docker("network", "inspect", "--format", "{{range $id, $_ := .Containers}}{{$id}} {{end}}", network).split():
            with suppress(ServerError):  # it ended in the meantime
                run_docker("network", "disconnect", "--force", network, container)
        run_docker("network", "rm", network)


def _stop(running: "subprocess.Popen[str]", container: str) -> None:
    with suppress(ServerError):  # it may have ended already
        run_docker("rm", "--force", container)
    running.communicate()
