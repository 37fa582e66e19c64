"""What `workmail_local.containers.sam_template` adds to a built template. Needs neither Docker nor SAM."""

import json
import textwrap
from pathlib import Path

import pytest
import yaml

from workmail_local.containers.sam_template import main, write_local_template
from workmail_local.errors import InvalidSettings

BUILT = """
    Globals: {Function: {Environment: {Variables: {LEVEL: INFO}}}}
    Resources:
      One: {Type: "AWS::Serverless::Function", Properties: {CodeUri: One, Environment: {Variables: {TAG: {Ref: Tag}}}}}
      Two: {Type: "AWS::Serverless::Function", Properties: {CodeUri: Two}}
      Plain: {Type: "AWS::Lambda::Function", Properties: {Code: Plain}}
      Bucket: {Type: "AWS::S3::Bucket"}
    """


@pytest.fixture
def built(tmp_path: Path) -> Path:
    template = tmp_path / "template.yaml"
    template.write_text(textwrap.dedent(BUILT))
    return template


def variables(copy: Path) -> dict[str, object]:
    resources = yaml.safe_load(copy.read_text())["Resources"]
    return {name: resources[name]["Properties"].get("Environment", {}).get("Variables") for name in ("One", "Two", "Plain")}


def test_each_function_declares_what_is_set_for_all_and_what_is_set_for_it(built: Path) -> None:
    copy = write_local_template(built, {"Parameters": {"URL": "http://192.0.2.1"}, "Two": {"OWN": "1"}})

    assert variables(copy) == {"One": {"TAG": {"Ref": "Tag"}, "URL": ""}, "Two": {"URL": "", "OWN": ""}, "Plain": {"URL": ""}}


def test_what_the_template_declares_stays_as_it_is(built: Path) -> None:
    copy = write_local_template(built, {"Parameters": {"LEVEL": "DEBUG"}, "One": {"TAG": "x"}})

    assert variables(copy)["One"] == {"TAG": {"Ref": "Tag"}}
    assert yaml.safe_load(copy.read_text())["Globals"] == yaml.safe_load(built.read_text())["Globals"]


def test_a_resource_that_is_no_function_stays_as_it_is(built: Path) -> None:
    assert yaml.safe_load(write_local_template(built, {"Parameters": {"URL": ""}}).read_text())["Resources"]["Bucket"] == {
        "Type": "AWS::S3::Bucket"
    }


def test_the_copy_lies_beside_the_template_whose_paths_are_relative(built: Path) -> None:
    assert write_local_template(built, {}) == built.with_name("template.local.yaml")


@pytest.mark.parametrize("text", ["- a\n", "Resources: [1]\n", "a: !Ref b\n", "a: [\n"])
def test_what_is_no_built_template_is_refused(text: str, built: Path) -> None:
    built.write_text(text)
    with pytest.raises(InvalidSettings, match=r"template\.yaml is not a template that `sam build` wrote"):
        write_local_template(built, {})


def test_the_command_makes_the_copy_again(built: Path, tmp_path: Path) -> None:
    settings = tmp_path / "containers.json"
    settings.write_text(json.dumps({"Two": {"URL": ""}}))

    assert main([str(settings), "--template", str(built)]) == 0
    assert variables(built.with_name("template.local.yaml"))["Two"] == {"URL": ""}


def test_the_command_says_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "containers.json"
    settings.write_text("{}")

    assert main([str(settings), "--template", str(tmp_path / "template.yaml")]) == 2
    assert capsys.readouterr().err.startswith("workmail_local.containers.sam_template: ")
