"""The gateway's image and its systemd unit run it without rights, from the pins of this project."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from workmail_local.config.functions import ROOT

FOLDER = ROOT / "gateway"
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
UNIT = FOLDER / "workmail-hooks-gateway@.service"
CONFIGURATION = "/etc/workmail-hooks/gateway.toml"
COMMAND = f"/opt/workmail-hooks/bin/workmail-hooks gateway serve {CONFIGURATION}"


def read_unit() -> dict[str, list[str]]:
    """Return the values of each key of the unit."""
    values = defaultdict(list)
    for key, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE):
        values[key].append(value)
    return values


def instructions(name: str) -> list[str]:
    """Return the arguments of an instruction of the Dockerfile, in their order."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


@pytest.fixture
def systemd_analyze(tmp_path: Path) -> list[str]:
    """Return the command that checks the unit, with a program that exists here."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name.replace("@", "@serve")
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/workmail-hooks/bin/workmail-hooks", sys.executable))
    return [program, str(unit)]


class TestUnit:
    def test_systemd_understands_it(self, systemd_analyze: list[str]) -> None:
        program, unit = systemd_analyze
        done = subprocess.run([program, "verify", unit], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_systemd_finds_little_to_attack(self, systemd_analyze: list[str]) -> None:
        program, unit = systemd_analyze
        command = [program, "security", "--offline=true", "--threshold=20", "--no-pager", unit]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout

    def test_starts_the_gateway_again_after_each_end(self) -> None:
        unit = read_unit()
        assert unit["ExecStart"] == [COMMAND.replace("serve", "%i")]
        assert unit["Restart"] == ["always"]
        assert unit["Type"] == ["notify"]
        assert unit["StartLimitIntervalSec"] == ["0"]

    def test_runs_without_an_account_and_capabilities(self) -> None:
        unit = read_unit()
        assert unit["DynamicUser"] == ["yes"]
        assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == [""]
        assert "User" not in unit

    def test_gives_the_secret_of_the_marks_as_the_sample_reads_it(self) -> None:
        sample = tomllib.loads((FOLDER / "gateway.toml").read_text("utf-8"))
        [credential] = read_unit()["LoadCredential"]
        assert credential.partition(":")[0] == sample["mark_secret_file"]


class TestImage:
    def test_runs_the_gateway_as_a_user_that_is_not_root(self) -> None:
        [user] = instructions("USER")
        [entry], [command] = instructions("ENTRYPOINT"), instructions("CMD")
        assert int(user.partition(":")[0]) > 0
        assert re.findall(r'"([^"]+)"', entry + command) == COMMAND.split()

    def test_has_a_health_check(self) -> None:
        assert len(instructions("HEALTHCHECK")) == 1

    def test_installs_the_pins_with_their_hashes(self) -> None:
        installed = [step for step in instructions("RUN") if "pip install" in step]
        assert "--require-hashes --requirement requirements-gateway.txt" in installed[0]
        assert all("--no-deps" in step for step in installed)
        assert all("--no-index" in step for step in installed[1:])

    def test_has_any_base_image_with_one_default(self) -> None:
        assert instructions("ARG") == ["BASE_IMAGE=python:3.13-slim"]
        assert {source.split()[0] for source in instructions("FROM")} == {"${BASE_IMAGE}"}

    def test_gets_what_the_wheel_needs_and_nothing_else(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        sources = {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"], *project["project"]["license-files"]}
        wanted = {*sources, project["project"]["readme"], "pyproject.toml", "requirements-gateway.txt"}
        lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
        assert lines[0] == "*"
        assert {line.removeprefix("!") for line in lines if line.startswith("!")} == wanted
        assert lines[-1] == "**/__pycache__"
