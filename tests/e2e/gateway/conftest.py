"""The packages of the gateway as files, so that containers need no network."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.toolchain import Toolchain
from workmail_local.config.functions import ROOT

DOWNLOAD_S = 300


@pytest.fixture(scope="session")
def wheels(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download the pinned packages of the gateway for CPython 3.13 into a folder. Needs the package index."""
    folder = tmp_path_factory.mktemp("packages") / "wheels"
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", folder]
    command = [toolchain.python313, "-m", "pip", "download", *options, "--requirement", ROOT / "requirements-gateway.txt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    if done.returncode:
        pytest.skip(f"the packages of the gateway cannot be downloaded: {done.stderr.strip().splitlines()[-1]}")
    return folder
