"""The wheel of this project, and environments in which it is installed."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from workmail_local.config.functions import ROOT


def build(target: str, folder: Path, source: Path = ROOT) -> Path:
    """Build the wheel or the source archive (`sdist`) of a source folder, and return its file."""
    # A process of its own: the builder changes the current folder.
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder], cwd=source, check=True, capture_output=True)
    [file] = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return file


def install_without_packages(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a new environment that finds all other packages in this one. Return its folder of programs."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel]
    subprocess.run(command, check=True, env=clean_environment())
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # Python reads no other `.pth` file there, so the clone is not on the path.
    (folder / "lib" / version / "site-packages" / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def clean_environment(programs: Path | None = None) -> dict[str, str]:
    """Return the environment of a process without the search path and the AWS settings of this one; `programs` is first on its PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
    return kept | ({"PATH": f"{programs}{os.pathsep}{kept['PATH']}"} if programs else {})
