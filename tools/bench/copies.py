"""Copies of the library and the functions as `sam build` makes them, but with the packages of this Python environment."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Copy:
    """A prepared copy of a checkout.

    Attributes:
        name: for the tables: "" for this checkout, otherwise the name of its folder.
        checkout: the folder that was copied.
        site: the folder of the package `mailhooks`.
        functions: the folder with a folder for each function.
    """

    name: str
    checkout: Path
    site: Path
    functions: Path

    def label(self, text: str) -> str:
        """Return a name for a row of a table."""
        return f"{text}, {self.name}" if self.name else text


def make_copy(checkout: Path, folder: Path, name: str = "") -> Copy:
    """Copy a checkout's library and functions to a new folder, prepare the library (see `mailhooks.prepare`) and compile it.

    Raises:
        subprocess.CalledProcessError: the preparation failed.
    """
    site, functions = folder / "python", folder / "functions"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(checkout / "layers/mailhooks/mailhooks", site / "mailhooks", ignore=ignored)
    shutil.copytree(checkout / "functions", functions, ignore=ignored)
    environment = {"PATH": os.defpath, "PYTHONPATH": str(site)}
    if (site / "mailhooks/prepare.py").exists():
        subprocess.run([sys.executable, "-m", "mailhooks.prepare"], check=True, cwd=site, env=environment)
    compilation = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(site), str(functions)]
    subprocess.run(compilation, check=True)
    return Copy(name, checkout, site, functions)
