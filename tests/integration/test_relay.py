"""The relay without a working Docker. tests/e2e has the tests with Docker."""

from pathlib import Path

import pytest

from tests.support.containers.docker import install_docker
from tests.support.containers.relay import Relay
from workmail_local.errors import ServerError

IMAGE = "example.com/no-such-image:1"


def error_of_start() -> str:
    with pytest.raises(ServerError) as caught, Relay(IMAGE, [1]):
        pass
    return str(caught.value)


def test_without_docker_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert error_of_start() == "docker is not on PATH: install Docker and start it"


def test_with_a_stopped_daemon_the_error_quotes_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_docker("echo Cannot connect to the Docker daemon >&2; exit 1", tmp_path, monkeypatch)
    assert error_of_start() == "`docker version` failed: Cannot connect to the Docker daemon"


def test_without_the_image_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_docker('[ "$1" != image ]', tmp_path, monkeypatch)
    assert error_of_start() == f"the Lambda base image is missing: run docker pull {IMAGE}"


def test_a_container_that_does_not_start_leaves_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    install_docker(f'echo "$1 $2" >> {calls}; [ "$1" != run ]', tmp_path, monkeypatch)
    assert error_of_start() == "the relay container did not start"
    made = {"network create", "network rm", "rm --force"}
    assert [call for call in calls.read_text().splitlines() if call in made] == ["network create", "rm --force", "network rm"]
