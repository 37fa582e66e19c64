"""The relay, with Docker. Without it: tests/integration/test_relay.py."""

import subprocess

import pytest

from tests.support.containers.relay import IMAGE, Relay


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def networks() -> set[str]:
    """The names of Docker's networks."""
    return set(docker("network", "ls", "--format", "{{.Name}}").split())


@pytest.mark.usefixtures("toolchain")
def test_its_network_goes_with_it_though_a_container_is_still_on_it() -> None:
    container = ""
    try:
        with Relay(IMAGE, []) as relay:
            assert relay.network in networks()
            options = ["--detach", "--rm", "--pull", "never", "--network", relay.network, "--entrypoint", "sleep"]
            container = docker("run", *options, IMAGE, "60").strip()
        assert relay.network not in networks()
        assert docker("inspect", "--format", "{{.State.Running}}", container).strip() == "true"
    finally:
        if container:
            docker("rm", "--force", container)
