"""Reads template.yaml as it stands: short-form tags become their long forms, and nothing is resolved."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
Document = Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """PyYAML with CloudFormation's tags: `!Sub x` is `{"Fn::Sub": x}`."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
            return {name: value.split(".", 1) if suffix == "GetAtt" else value}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _long_form)


@cache
def template() -> Document:
    """The whole template."""
    document: Document = yaml.load((ROOT / "template.yaml").read_text("utf-8"), _Loader)
    return document


def properties(name: str) -> Document:
    """The properties of one resource."""
    found: Document = template()["Resources"][name]["Properties"]
    return found


def of_type(kind: str) -> dict[str, Document]:
    """The properties of all resources of one type, by logical ID."""
    return {name: resource.get("Properties", {}) for name, resource in template()["Resources"].items() if resource["Type"] == kind}


def function(name: str) -> dict[str, Any]:
    """A function's properties, on top of the template's globals."""
    for_all, own = template()["Globals"]["Function"], properties(name)
    variables = for_all["Environment"]["Variables"] | own["Environment"]["Variables"]
    return {**for_all, **own, "Environment": {"Variables": variables}}


def grants(role: str, *, tracing: bool) -> Iterator[tuple[str, Any]]:
    """What a role may do, as pairs of one action and one resource; fails on anything but plain Allow statements.

    Args:
        role: its logical ID.
        tracing: whether the condition TracingActive holds.
    """
    for entry in properties(role)["Policies"]:
        policy = entry
        if "Fn::If" in entry:
            condition, when_true, when_false = entry["Fn::If"]
            assert condition == "TracingActive"
            policy = when_true if tracing else when_false
            if policy == {"Ref": "AWS::NoValue"}:
                continue
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement.keys() == {"Effect", "Action", "Resource"}
            assert statement["Effect"] == "Allow"
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield action, resource


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
