"""Reads template.yaml. Short-form tags become their long forms, and no reference is resolved."""

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
    # SAM puts a function's own layers behind those of all.
    layers = [*for_all["Layers"], *own.get("Layers", ())]
    return {**for_all, **own, "Environment": {"Variables": variables}, "Layers": layers}


def grants(role: str, *conditions: str) -> Iterator[tuple[Any, ...]]:
    """Return the permissions of a role: action, resource, and IAM's condition if there is one. Fails on a statement that is not Allow.

    Args:
        role: its logical ID.
        conditions: the template's conditions that are true.
    """
    for entry in properties(role)["Policies"]:
        policy = entry
        if "Fn::If" in entry:
            condition, when_true, when_false = entry["Fn::If"]
            policy = when_true if condition in conditions else when_false
            if policy == {"Ref": "AWS::NoValue"}:
                continue
        for statement in policy["PolicyDocument"]["Statement"]:
            assert {"Effect", "Action", "Resource"} <= statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
            assert statement["Effect"] == "Allow"
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield (action, resource, statement["Condition"]) if "Condition" in statement else (action, resource)


def holds(expression: Any, **parameters: str) -> bool:
    """Return whether a condition, or the assertion of a rule, is true for these parameters; the others have their defaults."""

    def value(found: Any) -> Any:
        match found:
            case {"Ref": name}:
                return parameters.get(name, template()["Parameters"][name].get("Default"))
            case _:
                return found

    match expression:
        case {"Fn::And": parts}:
            return all(holds(part, **parameters) for part in parts)
        case {"Fn::Or": parts}:
            return any(holds(part, **parameters) for part in parts)
        case {"Fn::Not": [part]}:
            return not holds(part, **parameters)
        case {"Fn::Equals": [left, right]}:
            return bool(value(left) == value(right))
        case _:
            raise AssertionError(f"not understood: {expression}")


def refused(**parameters: str) -> list[str]:
    """Return the descriptions of the assertions of CloudFormation that fail for these parameters."""
    rules = {name: rule for name, rule in template()["Rules"].items() if name != "WorkMailRegion"}  # which asks for the stack's region
    return [
        assertion["AssertDescription"]
        for rule in rules.values()
        if holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}), **parameters)
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"], **parameters)
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
