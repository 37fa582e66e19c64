"""The wheel and the source archive of this project."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import build, clean_environment, install_without_packages
from workmail_local.config.functions import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PLACES = {
    "layers/mailhooks/mailhooks": "mailhooks",
    "mail_gateway": "mail_gateway",
    "workmail_local": "workmail_local",
    "events": "workmail_local/project/events",
    "functions": "workmail_local/project/functions",
    "docs/recipes": "workmail_local/project/docs/recipes",
    "samples/own-hook": "workmail_local/project/samples/own-hook",
}
"""The folders of the clone, and where the wheel has them."""
MADE = re.compile(r"(^|/)(__pycache__|aws/prepared|contract/prepared_\w+\.py)(/|$)")
"""What Python and `mailhooks.prepare` write into the folders of a clone."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("archive"))


def read(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def own_files() -> Iterator[tuple[str, Path]]:
    """Yield each file that belongs in the wheel, by its name there."""
    for folder, place in PLACES.items():
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT / folder).as_posix()
            if path.is_file() and not MADE.search(name):
                yield f"{place}/{name}", path


def run(programs: Path, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [programs / command[0], *command[1:]]
    return subprocess.run(line, cwd=folder, env=clean_environment(programs), capture_output=True, text=True, timeout=120, check=False)


def test_the_wheel_has_three_packages_and_no_other_name(wheel: Path) -> None:
    assert {name.partition("/")[0] for name in read(wheel)} == {
        "mail_gateway",
        "mailhooks",
        "workmail_local",
        f"workmail_hooks-{PROJECT['version']}.dist-info",
    }


def test_the_wheel_has_each_file_of_the_packages_and_the_samples(wheel: Path) -> None:
    found = {name: content for name, content in read(wheel).items() if ".dist-info/" not in name}
    assert found == {name: path.read_bytes() for name, path in own_files()}
    assert {"mailhooks/py.typed", "mail_gateway/py.typed", "workmail_local/py.typed", "workmail_local/workmail.toml"} <= found.keys()


def test_the_wheel_has_the_licence(wheel: Path) -> None:
    licences = {name.rpartition("/")[2]: content for name, content in read(wheel).items() if "/licenses/" in name}
    assert licences == {name: (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")}


def test_the_source_archive_builds_the_same_wheel(wheel: Path, archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    assert read(build("wheel", tmp_path / "dist", source)) == read(wheel)


@pytest.mark.parametrize(
    "layer, required", [("mailhooks", PROJECT["dependencies"]), ("availability", PROJECT["optional-dependencies"]["local"])]
)
def test_the_package_requires_what_the_layer_has(layer: str, required: list[str]) -> None:
    lines = (ROOT / "layers" / layer / "requirements.in").read_text("utf-8").splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    names = {re.split(r"[\[<>=]", each)[0] for each in required}
    assert names == wanted if layer == "mailhooks" else names > wanted


@pytest.mark.parametrize("command", [["workmail-hooks"], ["python", "-m", "workmail_local"]], ids=" ".join)
def test_the_command_runs_from_an_installation(command: list[str], programs: Path, tmp_path: Path) -> None:
    done = run(programs, *command, "test-rule", "--from", "nora@example.net", "--to", "ana@example.com", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Inbound mail" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_message_meets_a_function_in_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    done = run(programs, "workmail-hooks", "run", "rewrite-external", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[EXTERNAL]" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == [".local"]


def test_no_package_has_the_old_name(programs: Path, tmp_path: Path) -> None:
    assert "No module named 'local'" in run(programs, "python", "-c", "import local", folder=tmp_path).stderr


@pytest.mark.slow
def test_uninstalling_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    programs = install_without_packages(wheel, tmp_path / "environment")
    site = next((tmp_path / "environment" / "lib").glob("*/site-packages"))
    before = {each.name for each in site.iterdir()}
    assert run(programs, "workmail-hooks", "run", "bounce-blocked", folder=tmp_path).returncode == 0
    command = [sys.executable, "-m", "pip", "--python", programs / "python", "uninstall", "--quiet", "--yes", "workmail-hooks"]
    subprocess.run(command, check=True, env=clean_environment())
    assert before - {each.name for each in site.iterdir()} == {
        "mail_gateway",
        "mailhooks",
        "workmail_local",
        f"workmail_hooks-{PROJECT['version']}.dist-info",
    }
    assert not (programs / "workmail-hooks").exists()
