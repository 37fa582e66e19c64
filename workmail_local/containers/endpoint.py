"""The local servers for functions in containers: one URL, `http://host.docker.internal:8026`, that never changes.

So the commands are those of the SAM CLI, without an address to copy: `events/env.json` has the URL, and `samconfig.toml` makes the name
known in the containers.
"""

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse

from workmail_local.config.functions import CONTAINER_HOST, CONTAINERS_PORT
from workmail_local.containers.docker import run_docker
from workmail_local.errors import ServerError
from workmail_local.lifecycle import Lifecycle
from workmail_local.servers import HOST, HttpServer, has_address

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

ADD_HOST: Final = f"{CONTAINER_HOST}:host-gateway"
"""For `sam local --add-host`: Docker Desktop has this name in any case, Docker Engine has it only by this option."""


class ContainerEndpoint(Lifecycle):
    """Serves an application to this machine's containers, from entering to leaving.

    With Docker Engine it listens on the address of Docker's bridge, because containers do not reach 127.0.0.1. Other machines could send
    packets to that address, so only the bridge's own addresses get an answer. Docker Desktop leads the name to 127.0.0.1 itself.

    Args:
        app: the servers, as one application.
        port: 0 lets the system choose.

    Attributes:
        url: for a function in a container.

    Raises:
        ServerError: on entering, when Docker is missing or does not answer, or the port is in use.
    """

    def __init__(self, app: "ASGIApp", port: int = CONTAINERS_PORT) -> None:
        super().__init__()
        self.url = ""
        self._app = app
        self._port = port

    def _start(self) -> None:
        address, subnet = _find_bridge()
        host, app = (address, restrict(self._app, subnet)) if has_address(address) else (HOST, self._app)
        server = HttpServer(app, self._port, host=host, name="containers")
        self._stack.callback(server.stop)
        server.start()
        self.url = f"http://{CONTAINER_HOST}:{server.port}"


def restrict(app: "ASGIApp", subnet: str) -> "ASGIApp":
    """Return an application that answers only this machine and the addresses of a subnet.

    Raises:
        ValueError: the text is no subnet.
    """
    network = ip_network(subnet)

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        client = ip_address(scope["client"][0])
        allowed = client.is_loopback or client in network
        chosen = app if allowed else PlainTextResponse("Only containers on this machine are served.\n", 403)
        await chosen(scope, receive, send)

    return answer


def _find_bridge() -> tuple[str, str]:
    """Return this machine's address in Docker's default network, and the subnet."""
    found = run_docker("network", "inspect", "bridge", "--format", "{{with index .IPAM.Config 0}}{{.Gateway}} {{.Subnet}}{{end}}")
    match found.split():
        case [address, subnet]:
            return address, subnet
        case _:
            raise ServerError(f"Docker's network `bridge` has no address for this machine: {found.strip() or 'nothing'}")
