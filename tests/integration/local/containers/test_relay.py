"""A relay where Docker is not as it needs it. The one that works is in tests/e2e."""

import os
import stat
from pathlib import Path

import pytest

from local.containers.relay import Relay
from local.errors import ServerError

IMAGE = "example.com/no-such-image:1"


def docker_that(says: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a docker on PATH, a shell script."""
    script = folder / "docker"
    script.write_text(f"#!/bin/sh\n{says}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


def trouble() -> str:
    with pytest.raises(ServerError) as caught, Relay(IMAGE, [1]):
        pass
    return str(caught.value)


def test_without_docker_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert trouble() == "no docker on PATH: install Docker and start it"


def test_with_a_daemon_that_is_down_it_says_what_docker_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_that("echo Cannot connect to the Docker daemon >&2; exit 1", tmp_path, monkeypatch)
    assert trouble() == "`docker version` failed: Cannot connect to the Docker daemon"


def test_without_the_image_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_that('[ "$1" != image ]', tmp_path, monkeypatch)
    assert trouble() == f"the Lambda base image is not here: docker pull {IMAGE}"


def test_a_container_that_does_not_start_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    docker_that(f'echo "$1 $2" >> {calls}; [ "$1" != run ]', tmp_path, monkeypatch)
    assert trouble() == "the relay container did not start"
    made = {"network create", "network rm", "rm --force"}
    assert [call for call in calls.read_text().splitlines() if call in made] == ["network create", "rm --force", "network rm"]
