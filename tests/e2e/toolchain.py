"""Finds what a Lambda container needs: Docker, the base image, CPython 3.13 and the SAM CLI. Reports which of them is missing."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.containers.relay import IMAGE

ROOT = Path(__file__).resolve().parents[2]


class Missing(Exception):
    """This machine cannot run Lambda containers; the text names what it lacks and how to get it."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What this machine has.

    Attributes:
        sam: the SAM CLI.
        python313: CPython 3.13, which compiles the layer.
    """

    sam: Path
    python313: Path

    def environment(self) -> dict[str, str]:
        """Variables for `sam`: this process's own, with CPython 3.13 first on PATH, and without the developer's AWS account.

        SAM hands the credentials that it finds to the container, and asks AWS whose they are.
        """
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "PATH": os.pathsep.join([str(self.python313.parent), os.environ.get("PATH", os.defpath)]),
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def find() -> Toolchain:
    """This machine's toolchain.

    Raises:
        Missing: it has none, or not all of it.
    """
    _require_docker()
    return Toolchain(sam=_sam(), python313=_python313())


def _require_docker() -> None:
    docker = shutil.which("docker")
    if docker is None:
        raise Missing("docker is not on PATH: install Docker and start it")
    if not _succeeds(docker, "info"):
        raise Missing("the Docker daemon does not answer `docker info`: start it, or let this user talk to it")
    if not _succeeds(docker, "image", "inspect", IMAGE):
        raise Missing(f"the Lambda base image is missing: run docker pull {IMAGE}")


def _sam() -> Path:
    own = ROOT / ".venv-sam" / "bin" / "sam"
    found = own if own.exists() else shutil.which("sam")
    if found is None:
        raise Missing("no SAM CLI: make .venv-sam/.ready")
    return Path(found)


def _python313() -> Path:
    for candidate in _python313_candidates():
        # A pyenv shim lies on PATH for every version, also for one that it refuses to start: only running it shows that.
        if _succeeds(str(candidate), "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))"):
            return candidate
    raise Missing("no CPython 3.13, which compiles the layer: put python3.13 on PATH, or `pyenv install 3.13`")


def _python313_candidates() -> Iterator[Path]:
    if on_path := shutil.which("python3.13"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.13*/bin/python3.13"), reverse=True)


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
