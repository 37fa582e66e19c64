"""One version number for the package, the layer and the template, with an entry in the changelog."""

import re
import tomllib
from pathlib import Path

import pytest

import mailhooks
from tests.infrastructure.stack import read_template

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_package_has_the_version_of_the_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == mailhooks.__version__


def test_the_template_publishes_and_reports_this_version() -> None:
    template = read_template()

    assert template["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"] == mailhooks.__version__
    assert template["Outputs"]["Version"]["Value"] == mailhooks.__version__


@pytest.mark.parametrize("stack", ["push", "export", "ses"])
def test_the_template_of_another_stack_reports_this_version(stack: str) -> None:
    assert read_template(ROOT / stack / "template.yaml")["Outputs"]["Version"]["Value"] == mailhooks.__version__


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    assert re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)[0] == mailhooks.__version__


def test_entries_of_the_changelog_are_dated_and_newest_first() -> None:
    entries = re.findall(r"^## \[(\d+)\.(\d+)\.(\d+)\] - (unreleased|\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)

    assert len(entries) == CHANGELOG.count("\n## ")
    versions = [tuple(map(int, entry[:3])) for entry in entries]
    assert versions == sorted(versions, reverse=True)
    assert all(date != "unreleased" for *_, date in entries[1:])
