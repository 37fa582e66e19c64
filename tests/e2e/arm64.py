"""CPython 3.13 for arm64 and an emulator of its processor, from Debian's packages. Nothing is installed on this machine."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.toolchain import ROOT, Missing

FOLDER: Final = ROOT / ".arm64"
"""Keeps the unpacked packages for the next run; `make clean` removes it."""

_SUITE: Final = "trixie"
"""The release of Debian whose Python is that of the functions, 3.13."""

_PACKAGES: Final = ("python3.13-minimal", "libpython3.13-stdlib", "libstdc++6", "qemu-user:amd64")
"""The `re2` of the layer needs the C++ library, which Lambda's base image has too."""

_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_EMULATOR: Final = "usr/bin/qemu-aarch64"
_APT_S: Final = 180
_RUN_S: Final = 120


@dataclass(frozen=True, slots=True)
class Arm64:
    """An emulated machine with the processor of arm64 functions.

    Attributes:
        emulator: qemu's program for one process.
        system: the folder with Python and its libraries.
    """

    emulator: Path
    system: Path

    def run_python(self, code: str, arguments: Sequence[str], environment: Mapping[str, str], given: str = "") -> str:
        """Return the output of a Python program; `given` is its standard input.

        Raises:
            AssertionError: it failed; the text is its output.
        """
        python = [str(self.emulator), "-L", str(self.system), str(self.system / "usr/bin/python3.13")]
        variables = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **environment}
        done = subprocess.run(
            [*python, "-c", code, *arguments], input=given, env=variables, capture_output=True, text=True, timeout=_RUN_S, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


def find_arm64() -> Arm64:
    """Return the emulated machine; download it at the first call.

    Raises:
        Missing: this machine cannot have it.
    """
    if not (FOLDER / "ready").exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        _unpack(_download(FOLDER / "apt"))
        shutil.rmtree(FOLDER / "apt")
        (FOLDER / "ready").touch()
    return Arm64(FOLDER / "emulator" / _EMULATOR, FOLDER / "system")


def _download(folder: Path) -> list[Path]:
    """Download the packages and all that they need, by an apt with its own sources and state; return their files."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb") and _KEYRING.exists()):
        raise Missing("arm64 is emulated with Debian's packages, and this machine is not a Debian")
    if os.uname().machine != "x86_64":
        raise Missing("arm64 is emulated on x86_64 alone")
    for name in ("lists/partial", "archives/partial", "none"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(
        "".join(f"deb [signed-by={_KEYRING} arch=arm64,amd64] {mirror} {_SUITE} main\n" for mirror in _list_mirrors()), "utf-8"
    )
    settings = {
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "none",
        "Dir::Etc::preferencesparts": folder / "none",
        "APT::Architecture": "arm64",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    configuration = folder / "apt.conf"
    lines = [f'{name} "{value}";\n' for name, value in settings.items()]
    configuration.write_text("".join([*lines, 'APT::Architectures { "arm64"; "amd64"; };\n']), "utf-8")
    environment = os.environ | {"APT_CONFIG": str(configuration), "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "--download-only", *_PACKAGES]):
        _run(["apt-get", *command], environment)
    return sorted((folder / "archives").glob("*.deb"))


def _list_mirrors() -> list[str]:
    """Return the mirrors of Debian that this machine's own apt uses."""
    found = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], os.environ)
    mirrors = {line for line in found.split() if line.rstrip("/").endswith("/debian")}
    if not mirrors:
        raise Missing("arm64 is emulated with Debian's packages, and this machine's apt has no mirror of Debian")
    return sorted(mirrors)


def _unpack(packages: Sequence[Path]) -> None:
    system, emulator = FOLDER / "system", FOLDER / "emulator"
    for folder in (system, emulator):
        folder.mkdir()
    # Debian's /lib is a link since its merge of the folders (package base-files), which is not among these packages.
    (system / "lib").symlink_to("usr/lib")
    for package in packages:
        if not package.name.startswith("qemu-user_"):
            _run(["dpkg-deb", "--extract", str(package), str(system)], os.environ)
            continue
        # One of its forty emulators, of 455 MB.
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", str(emulator), f"./{_EMULATOR}"], stdin=archive.stdout, check=True)


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_APT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{command[0]} {command[1]} took longer than {_APT_S} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Missing(f"{command[0]} {command[1]} failed: {lines[-1] if lines else done.returncode}")
    return done.stdout
