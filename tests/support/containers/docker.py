"""A docker that does what a test needs."""

import os
import stat
from pathlib import Path

import pytest


def install_docker(body: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a shell script on PATH as docker."""
    script = folder / "docker"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
