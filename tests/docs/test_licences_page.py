"""docs/licences.md lists every package in the layers and in the gateway's image, with a licence that this project may pass on."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tools import licences

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/licences.md").read_text("utf-8")
ROWS = {
    name: (version, licence, files)
    for name, version, licence, files in re.findall(r"^\| (\S+) \| (\S+) \| ([^|]+) \| (`.+`) \|$", PAGE, re.MULTILINE)
}
PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
WITH_CONDITIONS = {"python-stdnum": "LGPL-2.1-or-later", "certifi": "MPL-2.0"}
"""The page has a section on them."""


@pytest.mark.parametrize("place", licences.PINS)
def test_each_pin_is_listed_with_its_version(place: str) -> None:
    pins = re.findall(r"^([^\s=]+)==(\S+)", licences.PINS[place].read_text("utf-8"), re.MULTILINE)
    shipped = {name: version for name, version in pins if name not in licences.BUILD_TOOLS}

    assert len(shipped) > 15
    assert {name: ROWS[name][0] for name in shipped} == shipped


def test_the_image_of_the_gateway_has_none_of_the_packages_that_only_build_it() -> None:
    [removed] = re.findall(r"pip uninstall --quiet --yes (.+)$", (ROOT / "gateway/Dockerfile").read_text("utf-8"), re.MULTILINE)

    assert set(removed.split()) == licences.BUILD_TOOLS | {"pip"}


def test_the_page_is_as_the_tool_writes_it() -> None:
    assert licences.render(PAGE) == PAGE, "python -m tools.licences"


def test_each_package_has_a_licence_text_that_exists() -> None:
    for name, (_, _, listed) in ROWS.items():
        installed = distribution(name)
        for file in re.findall(r"`([^`]+)`", listed):
            assert installed.read_text(file.split("/", 1)[1]), f"{name}: {file}"


def test_licences_are_permissive_or_explained_on_the_page() -> None:
    others = {name: licence for name, (_, licence, _) in ROWS.items() if not set(licence.split(" OR ")) <= PERMISSIVE}

    assert others == WITH_CONDITIONS
    explained = PAGE.split("## Licences with conditions", 1)[1]
    assert all(name in explained for name in others)


def test_the_project_has_the_apache_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE", "NOTICE"]
    assert (ROOT / "LICENSE").read_text("utf-8").split()[:4] == ["Apache", "License", "Version", "2.0,"]


def test_the_layer_contains_the_licence_and_the_notice() -> None:
    for name in ("LICENSE", "NOTICE"):
        assert (ROOT / "layers/mailhooks" / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_notice_has_the_licence_of_the_unicode_data() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")

    assert "policy/facts/confusables.py" in notice
    assert "UNICODE LICENSE V3" in notice
