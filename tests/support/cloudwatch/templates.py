"""Resolves a CloudFormation template as CloudFormation does at a deployment: parameters, conditions and intrinsic functions.

A reference to a resource becomes a made-up name or ARN from its logical ID.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

ACCOUNT: Final = "111122223333"
NO_VALUE: Final = object()


class _Loader(yaml.SafeLoader):
    """PyYAML with CloudFormation's tags: `!Sub x` is `{"Fn::Sub": x}`."""


def _to_long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
            return {name: value.split(".", 1) if suffix == "GetAtt" else value}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _to_long_form)


@dataclass
class Stack:
    """A template with the values of its parameters.

    Attributes:
        name: the stack's name.
        parameters: values that differ from the defaults, as texts.
    """

    template: Mapping[str, Any]
    name: str = "mail"
    parameters: Mapping[str, str] = field(default_factory=dict)
    region: str = "eu-west-1"

    @classmethod
    def load(cls, path: Path, name: str = "mail", **parameters: str) -> "Stack":
        return cls(yaml.load(path.read_text("utf-8"), _Loader), name, parameters)

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of the resources of a type that are deployed, by logical ID."""
        return {
            name: self.resolve(resource["Properties"])
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind and ("Condition" not in resource or self.condition(resource["Condition"]))
        }

    def condition(self, name: str) -> bool:
        """Return whether a condition of the template is true."""
        found: bool = self.resolve(self.template["Conditions"][name])
        return found

    def resolve(self, value: Any) -> Any:
        """Return a value of the template without intrinsic functions."""
        if isinstance(value, list):
            return [found for each in value if (found := self.resolve(each)) is not NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return self._refer(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name.startswith("Fn::"):
                return self._call(name.removeprefix("Fn::"), argument)
        return {key: found for key, each in value.items() if (found := self.resolve(each)) is not NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        match function, argument:
            case "If", [condition, when_true, when_false]:
                return self.resolve(when_true if self.condition(condition) else when_false)
            case "GetAtt", [name, attribute]:
                return self._attribute(name, attribute)
            case "Sub", str():
                return self._substitute(argument, {})
            case "Sub", [text, variables]:
                return self._substitute(text, self.resolve(variables))
            case "FindInMap", [name, first, second]:
                return self.resolve(self.template["Mappings"][name][self.resolve(first)][self.resolve(second)])
        return _FUNCTIONS[function](self.resolve(argument))

    def _refer(self, name: str) -> Any:
        match name:
            case "AWS::StackName":
                return self.name
            case "AWS::Region":
                return self.region
            case "AWS::AccountId":
                return ACCOUNT
            case "AWS::Partition":
                return "aws"
            case "AWS::NoValue":
                return NO_VALUE
        if name not in self.template["Parameters"]:
            properties = self.template["Resources"][name].get("Properties", {})
            named = next((properties[key] for key in ("LogGroupName", "Name", "DashboardName") if key in properties), None)
            return self.resolve(named) if named else f"{self.name}-{name}-1A2B3C4D"
        parameter = self.template["Parameters"][name]
        value = self.parameters.get(name, str(parameter.get("Default", "")))
        return value.split(",") if parameter["Type"] == "CommaDelimitedList" else value

    def _attribute(self, name: str, attribute: str) -> str:
        if attribute == "QueueName":
            return str(self._refer(name))
        return f"arn:aws:service:{self.region}:{ACCOUNT}:{self.name}-{name}"

    def _substitute(self, text: str, variables: Mapping[str, str]) -> str:
        def replace(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return variables[name]
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._refer(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)


_FUNCTIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "Join": lambda argument: argument[0].join(argument[1]),
    "Split": lambda argument: argument[1].split(argument[0]),
    "Select": lambda argument: argument[1][int(argument[0])],
    "Equals": lambda argument: argument[0] == argument[1],
    "Not": lambda argument: not argument[0],
    "And": all,
    "Or": any,
}
