"""The settings of `sam local invoke`: SAM drops a variable that the template does not declare, and no deployed function has a local URL."""

import json
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.infrastructure.stack import ROOT, Stack, read_template
from workmail_local.config.functions import CONTAINERS_PORT

SETTINGS: dict[str, dict[str, str]] = json.loads((ROOT / "events" / "env.json").read_text("utf-8"))
_LAPTOP_ONLY = {"LOG_DECISION", "LOG_EXCEPTIONS"}
"""Settings that only the local WorkMail sets."""

FOR_ALL = SETTINGS["Parameters"]
EACH = {name: variables for name, variables in SETTINGS.items() if name != "Parameters"}

TEMPLATES = {
    "ResponderFunction": ROOT / "push/template.yaml",
    "ExportFunction": ROOT / "export/template.yaml",
    "SesFunction": ROOT / "ses/template.yaml",
}
"""The templates of functions that are not in template.yaml."""


def declared(function: str) -> set[str]:
    """Return the variables that the template declares for a function, as SAM reads it."""
    template = read_template(TEMPLATES.get(function, ROOT / "template.yaml"))
    resources = (template.get("Globals", {}).get("Function", {}), template["Resources"][function]["Properties"])
    found: list[dict[str, Any]] = [each.get("Environment", {}).get("Variables", {}) for each in resources]
    return set().union(*found)


@pytest.mark.parametrize("function", EACH)
def test_each_variable_of_a_function_is_declared_by_the_template(function: str) -> None:
    assert EACH[function].keys() <= declared(function)


def test_each_variable_for_all_is_declared_by_some_function() -> None:
    functions = [name for name, resource in read_template()["Resources"].items() if resource["Type"] == "AWS::Serverless::Function"]
    assert FOR_ALL.keys() <= set().union(*map(declared, functions))
    assert all("AWS_ENDPOINT_URL" in declared(name) for name in (*functions, *TEMPLATES))


@pytest.mark.parametrize("template", [ROOT / "template.yaml", *TEMPLATES.values(), *sorted((ROOT / "samples").glob("*/template.yaml"))])
def test_no_deployed_function_logs_the_texts_of_errors_which_may_quote_a_message(template: Path) -> None:
    variables = [
        properties.get("Environment", {}).get("Variables", {})
        for document in [read_template(template)]
        for properties in (
            document.get("Globals", {}).get("Function", {}),
            *(each["Properties"] for each in document["Resources"].values()),
        )
    ]
    assert any(variables) or template.parent.name == "encryption-key"
    assert not any(_LAPTOP_ONLY & set(each) for each in variables)


def test_containers_know_the_host_and_the_port_of_the_url() -> None:
    url = urlsplit(FOR_ALL["AWS_ENDPOINT_URL"])

    assert url.port == CONTAINERS_PORT
    alone = ("local_invoke",)
    for folder, commands in {".": ("local_invoke", "local_start_lambda"), "push": alone, "export": alone, "ses": alone}.items():
        config = tomllib.loads((ROOT / folder / "samconfig.toml").read_text("utf-8"))["default"]
        for command in commands:
            assert config[command]["parameters"]["add_host"] == [f"{url.hostname}:host-gateway"]


def test_a_deployed_function_has_no_local_url() -> None:
    stack = Stack(Functions="mailflow,rewrite,disclaimer,bounce,observe")
    environments = [
        each["Properties"]["Environment"]["Variables"] for each in stack.resources.values() if "Environment" in each["Properties"]
    ]

    assert len(environments) == 5
    assert not any(name.startswith("AWS_ENDPOINT_URL") for variables in environments for name in variables)
