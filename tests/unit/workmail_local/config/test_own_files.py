"""Files of the current folder come before those of this project."""

import shutil
from pathlib import Path

import pytest

from workmail_local.config.configuration import SAMPLE_FILE, find_file, load_configuration
from workmail_local.config.functions import ROOT, find_events, mail_function, mail_functions, project_function

RULE = """
organization = { domains = ["example.com"] }
[[rules]]
name = "All"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "NAME"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add_function(folder: Path, name: str) -> Path:
    path = folder / "functions" / name
    path.mkdir(parents=True)
    (path / "app.py").write_text("def handler(event, context): ...")
    return path


def test_in_an_empty_folder_they_are_those_of_this_project(folder: Path) -> None:
    assert find_events() == ROOT / "events"
    assert find_file() == SAMPLE_FILE
    assert mail_function("rewrite", {}).path == ROOT / "functions" / "rewrite"
    assert list(folder.iterdir()) == []


def test_a_function_replaces_that_of_this_project_with_the_same_name(folder: Path) -> None:
    path = add_function(folder, "rewrite")
    assert mail_function("rewrite", {}).path == path
    assert load_configuration(RULE.replace("NAME", "rewrite")).functions["rewrite"].path == path
    assert mail_function("bounce", {}).path == ROOT / "functions" / "bounce"


def test_a_function_has_the_variables_and_the_endpoint_of_its_name(folder: Path) -> None:
    add_function(folder, "stamp")
    shutil.copytree(ROOT / "events", folder / "events")
    (folder / "events" / "env.json").write_text('{"StampFunction": {"TEXT": "x"}}')
    function = project_function("stamp")
    assert "stamp" in mail_functions()
    assert function
    assert (function.environment, function.at_endpoint) == ({"TEXT": "x"}, "StampFunction")


def test_events_without_variables_belong_to_another_program(folder: Path) -> None:
    (folder / "events").mkdir()
    (folder / "events" / "event.json").write_text("{}")
    assert find_events() == ROOT / "events"


def test_a_configuration_replaces_the_sample(folder: Path) -> None:
    (folder / "workmail.toml").write_text(RULE)
    assert find_file().resolve() == folder / "workmail.toml"
