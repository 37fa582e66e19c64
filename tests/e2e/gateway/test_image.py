"""The gateway's image, from its Dockerfile: it needs no rights and no file to write, reports its health, and passes mail on.

Its base image is a replacement, because machines of tests have no container registry: Lambda's, with the pinned packages as files.
"""

import json
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.containers.relay import IMAGE as LAMBDA_IMAGE
from tests.support.waiting import wait_until
from workmail_local.config.functions import ROOT
from workmail_local.containers.docker import run_docker

BASE = "workmail-hooks-gateway-base:test"
IMAGE = "workmail-hooks-gateway:test"
ACCOUNT = 65532
PYTHON = "/opt/workmail-hooks/bin/python"
BUILD_S = 300
RUN = ("run", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


@pytest.fixture(scope="module")
def image(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the image without a network."""
    context = tmp_path_factory.mktemp("base")
    shutil.copytree(wheels, context / "wheels")
    (context / "Dockerfile").write_text(f"FROM {LAMBDA_IMAGE}\nCOPY wheels/ /wheels/\nENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels\n")
    build("--tag", BASE, context)
    build("--network", "none", "--build-arg", f"BASE_IMAGE={BASE}", "--file", ROOT / "gateway/Dockerfile", "--tag", IMAGE, ROOT)
    return IMAGE


def build(*arguments: str | Path) -> None:
    done = subprocess.run(["docker", "build", "--quiet", *arguments], capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return a folder as docs/gateway.md describes it: the sample, a policy and a secret."""
    folder = tmp_path / "workmail-hooks"
    folder.mkdir(mode=0o755)
    shutil.copy(ROOT / "gateway/gateway.toml", folder)
    shutil.copy(ROOT / "functions/mailflow/policy.yaml", folder)
    (folder / "mark-secret").write_text("0123456789abcdef0123456789abcdef")
    return folder


@pytest.fixture
def container(image: str, configuration: Path) -> Iterator[str]:
    """Run the image, and return the container's ID. Docker makes the mount, so that its user can read it."""
    # The folders above belong to the user of the test alone: a volume has none.
    volume = run_docker("volume", "create").strip()
    try:
        fill = f"cp /from/* /to && chown {ACCOUNT} /to/mark-secret && chmod 400 /to/mark-secret"
        mounts = ["--volume", f"{configuration}:/from:ro", "--volume", f"{volume}:/to"]
        run_docker("run", "--rm", "--network", "none", "--user", "0", *mounts, "--entrypoint", "/bin/sh", image, "-c", fill)
        options = ["--detach", "--health-interval", "1s", "--volume", f"{volume}:/etc/workmail-hooks:ro"]
        container = run_docker(*RUN, *options, image).strip()
        try:
            yield container
        finally:
            run_docker("rm", "--force", container)
    finally:
        run_docker("volume", "rm", volume)


def read_health(container: str) -> str:
    state = json.loads(run_docker("inspect", "--format", "{{json .State}}", container))
    assert state["Running"], run_docker("logs", container)
    return str(state["Health"]["Status"])


def test_the_image_has_the_packages_of_the_gateway_and_no_other(image: str) -> None:
    program = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    found = run_docker(*RUN, "--rm", "--entrypoint", PYTHON, image, "-c", program).split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = find_packages([*project["dependencies"], *project["optional-dependencies"]["gateway"]])
    assert {canonicalize_name(name) for name in found} == wanted | {project["name"]}


def find_packages(requirements: Iterable[str]) -> set[str]:
    """Return the names of packages, and of all that they require."""
    found: set[str] = set()
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": "", "python_version": "3.13"}):
            found |= {canonicalize_name(requirement.name)} | find_packages(requires(requirement.name) or ())
    return found


def test_the_process_is_not_root_and_needs_no_file_to_write(container: str) -> None:
    wait_until(lambda: read_health(container) == "healthy")
    assert run_docker("exec", container, "id", "-u").strip() == str(ACCOUNT)
    assert run_docker("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}}", container).strip() == "true"


def test_a_message_passes_a_container_that_is_healthy(container: str) -> None:
    wait_until(lambda: read_health(container) == "healthy")
    probe = Path(__file__).with_name("probe.py").read_text("utf-8")
    passed = run_docker("exec", container, PYTHON, "-c", probe, "10025", "10026")
    assert passed.splitlines()[:2] == ["nora@example.net", "ana@example.com"]
    assert "\nSubject: [EXTERNAL] Offer" in passed
    assert "X-Mailhooks-Checked: v=1; l=inbound;" in passed


def test_a_stop_ends_it_without_an_error(container: str) -> None:
    wait_until(lambda: read_health(container) == "healthy")
    run_docker("stop", "--time", "20", container)
    assert run_docker("inspect", "--format", "{{.State.ExitCode}}", container).strip() == "0", run_docker("logs", container)


def test_an_invalid_configuration_ends_it_with_the_reason(image: str) -> None:
    done = subprocess.run(["docker", *RUN, "--rm", image], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "gateway.toml" in done.stderr
