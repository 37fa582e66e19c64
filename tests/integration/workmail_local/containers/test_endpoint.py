"""The server for functions in containers, without Docker. tests/e2e has the tests with Docker."""

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from tests.support.containers.docker import install_docker
from workmail_local.containers.endpoint import ContainerEndpoint, restrict
from workmail_local.errors import ServerError
from workmail_local.servers import HOST

APP = Starlette(routes=[Route("/", lambda _: PlainTextResponse("all services"))])
THIS_MACHINE, ANOTHER = "127.0.0.5 127.0.0.0/8", "203.0.113.1 203.0.113.0/24"


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A docker whose default network has this address for the machine, and this subnet."""
    install_docker(f'[ "$1 $2 $3" = "network inspect bridge" ] && echo {request.param}', tmp_path, monkeypatch)


@pytest.fixture
def endpoint(bridge: None) -> Iterator[ContainerEndpoint]:
    with ContainerEndpoint(APP, 0) as running:
        yield running


@pytest.mark.parametrize("bridge, address", [(THIS_MACHINE, "127.0.0.5"), (ANOTHER, HOST)], indirect=["bridge"])
def test_it_listens_where_docker_leads_the_name(endpoint: ContainerEndpoint, address: str) -> None:
    # Docker Desktop has the bridge in another machine, and leads the name to 127.0.0.1.
    assert endpoint.url.startswith("http://host.docker.internal:")
    with urllib.request.urlopen(endpoint.url.replace("host.docker.internal", address), timeout=10) as answer:
        assert answer.read() == b"all services"


@pytest.mark.parametrize("bridge", [THIS_MACHINE], indirect=True)
def test_a_port_in_use_is_an_error_that_names_it(endpoint: ContainerEndpoint) -> None:
    port = int(endpoint.url.rpartition(":")[2])
    with pytest.raises(ServerError, match=rf"port {port} on .* is in use"), ContainerEndpoint(APP, port):
        pass


@pytest.mark.parametrize("client, status", [("172.17.0.2", 200), ("127.0.0.1", 200), ("192.0.2.7", 403)])
def test_only_containers_and_this_machine_get_an_answer(client: str, status: int) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "client": (client, 40000)}

    async def answer() -> None:
        await restrict(APP, "172.17.0.0/16")(scope, receive, send)

    asyncio.run(answer())

    assert [message["status"] for message in sent if message["type"] == "http.response.start"] == [status]


def test_without_docker_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="docker is not on PATH"), ContainerEndpoint(APP, 0):
        pass


@pytest.mark.parametrize("bridge", ["''"], indirect=True)
def test_a_bridge_without_an_address_is_an_error(bridge: None) -> None:
    with pytest.raises(ServerError, match="has no address for this machine: nothing"), ContainerEndpoint(APP, 0):
        pass
