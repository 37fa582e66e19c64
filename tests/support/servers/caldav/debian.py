"""Installs the servers of Debian, where that cannot change a machine that people use."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

PACKAGES: Final = {
    "davical": "/usr/share/davical/htdocs/caldav.php",
    "cyrus-caldav": "/usr/lib/cyrus/bin/httpd",
    "cyrus-imapd": "/usr/lib/cyrus/bin/imapd",
    "sasl2-bin": "/usr/sbin/saslpasswd2",
    "dovecot-core": "/usr/sbin/dovecot",
    "sogo": "/usr/sbin/sogod",
    "php-sabre-dav": "/usr/share/php/Sabre/DAV/Server.php",
    "php-cli": "/usr/bin/php",
    "php-pgsql": "/usr/share/php8*/pgsql",
    "php-sqlite3": "/usr/share/php8*/sqlite3",
    "postgresql": "/usr/lib/postgresql/*/bin/initdb",
}
"""A file of each package."""

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
_APT_S: Final = 180


class Missing(Exception):
    """This machine cannot run the servers. The text is the reason, and what to do."""


def require(packages: Mapping[str, str] = PACKAGES) -> None:
    """Install the packages that are missing.

    Args:
        packages: a file of each package.

    Raises:
        Missing: this user cannot install them, or apt-get fails.
    """
    if reason := _install(tuple(packages.items())):
        raise Missing(reason)


def unpack(package: str, same_version_as: str, folder: Path) -> None:
    """Download a package, and unpack it into a folder: its own installation would remove another one, which it conflicts with.

    Raises:
        Missing: apt-get fails.
    """
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", same_version_as], capture_output=True, text=True, check=True).stdout
    folder.mkdir()
    wanted = ["download", "-qq", f"{package}={version}"]
    if problem := _run_apt(wanted, folder) and (_run_apt(["update", "-qq"]) or _run_apt(wanted, folder)):
        raise Missing(problem)
    [archive] = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)


@cache
def _install(packages: tuple[tuple[str, str], ...]) -> str:
    """Install the missing packages once a process. Return why that is not possible, or nothing."""
    missing = [name for name, file in packages if not any(Path("/").glob(file[1:]))]
    advice = f"install {' '.join(name for name, _ in packages)}"
    if os.geteuid():
        return f"the servers need root, to run each as its own user: use a container of Debian, and {advice}"
    if not missing:
        return ""
    if not shutil.which("apt-get"):
        return f"there is no apt-get: use a container of Debian, and {advice}"
    if Path("/run/systemd/system").exists():
        return f"apt-get would enable the servers on this machine: use a container of Debian, or {advice}"
    with _without_starts():
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            if problem := _run_apt(command):
                return problem
    return ""


def _run_apt(command: list[str], folder: Path | None = None) -> str:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    try:
        done = subprocess.run(
            ["apt-get", *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_APT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"apt-get {command[0]} took longer than {_APT_S} s"
    lines = done.stderr.strip().splitlines()
    return f"apt-get {command[0]} failed: {lines[-1] if lines else done.returncode}" if done.returncode else ""


@contextmanager
def _without_starts() -> Iterator[None]:
    """Keep packages from starting services (invoke-rc.d(8))."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", "utf-8")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
