"""A stack as CloudFormation would create it: the template after SAM's transform, with all functions resolved for some parameters."""

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from workmail_local.doctor.statements import as_list

ROOT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"
ORGANIZATION: Final = "m-0123456789abcdef0123456789abcdef"
Document = dict[str, Any]

_NO_VALUE: Final = object()
_NO_VALUE_REF: Final = {"Ref": "AWS::NoValue"}


class _Loader(yaml.SafeLoader):
    """PyYAML with CloudFormation's tags: `!Sub x` is `{"Fn::Sub": x}`."""


def _write_out(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Document:
    """Return the long form of a tag."""
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
            return {name: value.split(".", 1) if suffix == "GetAtt" else value}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _write_out)


def parse_template(text: str) -> Document:
    """Return a template as it is written, with the long forms of tags."""
    document: Document = yaml.load(text, _Loader)
    return document


@cache
def _read(path: Path) -> Document:
    return parse_template(path.read_text("utf-8"))


def read_template(path: Path = ROOT / "template.yaml") -> Document:
    """Return a template file as it is written, for the caller to change."""
    return copy.deepcopy(_read(path))


class Stack:
    """A stack with some parameters. The others have their defaults.

    Attributes:
        translated: the template after SAM's transform.
        resources: the resources that CloudFormation creates, by logical ID. In their properties, a reference to a resource is its name, and
            a reference to its attribute is `NAME.ATTRIBUTE`. The RoleId of a role follows from its path: CloudFormation replaces a role if
            the path changes. A function URL has the form that Lambda gives to it.
        outputs: the values of the outputs that the stack has.
        refused: the descriptions of the rules' assertions that fail. CloudFormation would then create no resource.
    """

    def __init__(
        self,
        template: Document | None = None,
        *,
        name: str = "mail",
        region: str = REGION,
        **parameters: str | int,
    ) -> None:
        template = template or read_template()
        self.name = name
        self._values: dict[str, Any] = {
            **{each: str(parameter["Default"]) for each, parameter in template["Parameters"].items() if "Default" in parameter},
            **({"OrganizationId": ORGANIZATION} if "OrganizationId" in template["Parameters"] else {}),
            **{each: str(value) for each, value in parameters.items()},
            "AWS::Region": region,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": name,
            "AWS::NoValue": _NO_VALUE,
        }
        assert parameters.keys() <= template["Parameters"].keys()
        self.parameters = {each: self._values[each] for each in template["Parameters"]}
        for each, parameter in template["Parameters"].items():
            if parameter["Type"] == "CommaDelimitedList":
                self._values[each] = self._values[each].split(",")
        self.translated = _translate(template, self.parameters, region)
        self.refused = [
            assertion["AssertDescription"]
            for rule in template.get("Rules", {}).values()
            if self._resolve(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
            if not self._resolve(assertion["Assert"])
        ]
        self.resources = {
            each: {**resource, "Properties": self._resolve(resource.get("Properties", {})), **self._update_policy(resource)}
            for each, resource in self.translated["Resources"].items()
            if self.holds(resource.get("Condition"))
        }
        self.outputs: dict[str, str] = {
            each: self._resolve(output["Value"])
            for each, output in self.translated["Outputs"].items()
            if self.holds(output.get("Condition"))
        }

    def holds(self, condition: str | None) -> bool:
        """Return whether a condition is true. A resource without a condition is always created."""
        return condition is None or bool(self._resolve(self.translated["Conditions"][condition]))

    def decided(self) -> Document:
        """Return the translated template without Fn::If, and with only the resources and outputs that the stack has."""
        template = {**self.translated, "Resources": self._created("Resources"), "Outputs": self._created("Outputs")}
        decided: Document = self._decide(template)
        return decided

    def of_type(self, kind: str) -> dict[str, Document]:
        """Return the properties of the resources of a type, by logical ID."""
        return {each: resource["Properties"] for each, resource in self.resources.items() if resource["Type"] == kind}

    def functions(self) -> dict[str, Document]:
        """Return the properties of the functions, by logical ID."""
        return self.of_type("AWS::Lambda::Function")

    def variables(self, function: str) -> dict[str, str]:
        """Return a function's environment variables."""
        found: dict[str, str] = self.functions()[function]["Environment"]["Variables"]
        return found

    def version(self, function: str) -> Document:
        """Return the properties of a function's published version."""
        [version] = [each for each in self.of_type("AWS::Lambda::Version").values() if each["FunctionName"] == self._name(function)]
        return version

    def statements(self, function: str) -> list[Document]:
        """Return the statements of a function's role: those of its own policies and of the stack's managed policies."""
        name = self.functions()[function]["Role"].removesuffix(".Arn")
        [role] = [each for logical, each in self.of_type("AWS::IAM::Role").items() if self._name(logical) == name]
        managed = {self._name(logical): each for logical, each in self.of_type("AWS::IAM::ManagedPolicy").items()}
        documents = [each["PolicyDocument"] for each in role.get("Policies", ())]
        documents += [managed[arn]["PolicyDocument"] for arn in role.get("ManagedPolicyArns", ()) if arn in managed]
        return [statement for document in documents for statement in document["Statement"]]

    def rights(self, function: str) -> set[tuple[str, str]]:
        """Return a function's permissions as pairs of an action and a resource."""
        return {
            (action, resource)
            for statement in self.statements(function)
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }

    def _created(self, section: str) -> Document:
        return {name: each for name, each in self.translated[section].items() if self.holds(each.get("Condition"))}

    def _decide(self, value: Any) -> Any:
        match value:
            case {"Fn::If": [condition, yes, no]}:
                return self._decide(yes if self.holds(condition) else no)
            case dict():
                return {name: each for name, each in ((name, self._decide(each)) for name, each in value.items()) if each != _NO_VALUE_REF}
            case list():
                return [each for each in map(self._decide, value) if each != _NO_VALUE_REF]
            case _:
                return value

    def _name(self, logical: str) -> str:
        return f"{self.name}-{logical}"

    def _update_policy(self, resource: Document) -> Document:
        return {"UpdatePolicy": self._resolve(resource["UpdatePolicy"])} if "UpdatePolicy" in resource else {}

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self._resolve, value) if each is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Fn::If":
                condition, yes, no = argument
                return self._resolve(yes if self.holds(condition) else no)
            if name.startswith("Fn::") or name == "Ref" or (name == "Condition" and isinstance(argument, str)):
                return getattr(self, f"_{name.removeprefix('Fn::').lower()}")(self._resolve(argument))
        resolved = {name: self._resolve(each) for name, each in value.items()}
        return {name: each for name, each in resolved.items() if each is not _NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        resource = self.translated["Resources"][name]
        assert self.holds(resource.get("Condition")), f"{name} is referred to, and not created"
        return self._name(name)

    def _getatt(self, argument: list[str]) -> str:
        name, attribute = argument
        if attribute == "RoleId":
            path = self._resolve(self.translated["Resources"][name]["Properties"].get("Path", "/"))
            return f"AROA{hashlib.sha256(f'{self._ref(name)} {path}'.encode()).hexdigest()[:17].upper()}"  # 21 characters, as in IAM
        if attribute == "FunctionUrl":
            return f"https://{hashlib.sha256(self._ref(name).encode()).hexdigest()[:32]}.lambda-url.{self._values['AWS::Region']}.on.aws/"
        return f"{self._ref(name)}.{attribute}"

    def _sub(self, argument: str | list[Any]) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def value(found: re.Match[str]) -> str:
            if found[1].startswith("!"):  # CloudFormation leaves ${!name} as ${name}
                return f"${{{found[1][1:]}}}"
            name, *attribute = found[1].split(".")
            return str(variables[name] if name in variables else self._getatt([name, *attribute]) if attribute else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _findinmap(self, argument: list[str]) -> str:
        name, first, second = argument
        found: str = self.translated["Mappings"][name][first][second]
        return found

    _condition = holds

    _join = staticmethod(lambda argument: argument[0].join(argument[1]))
    _split = staticmethod(lambda argument: argument[1].split(argument[0]))
    _select = staticmethod(lambda argument: argument[1][int(argument[0])])
    _equals = staticmethod(lambda argument: str(argument[0]) == str(argument[1]))
    _not = staticmethod(lambda argument: not argument[0])
    _and = staticmethod(all)
    _or = staticmethod(any)
    _contains = staticmethod(lambda argument: argument[1] in argument[0])


def strings(value: Any) -> Iterator[str]:
    """Return all texts in a document: keys, values and list items."""
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                yield key
                yield from strings(each)
        case list():
            for each in value:
                yield from strings(each)


def accepts(name: str, value: str | int) -> bool:
    """Return whether CloudFormation would accept a parameter's value."""
    parameter = _read(ROOT / "template.yaml")["Parameters"][name]
    if "AllowedValues" in parameter:
        return value in parameter["AllowedValues"]
    if parameter["Type"] == "Number":
        return bool(parameter["MinValue"] <= int(value) <= parameter["MaxValue"])
    return len(str(value)) <= parameter.get("MaxLength", 4096) and bool(re.fullmatch(parameter["AllowedPattern"], str(value)))


def _translate(template: Document, parameters: Mapping[str, str], region: str) -> Document:
    """Return the template after SAM's transform, as if `sam package` had uploaded its folders."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        for folder in ("CodeUri", "ContentUri", "DefinitionUri"):
            if folder in resource.get("Properties", {}):
                resource["Properties"][folder] = f"s3://packages/{resource['Properties'][folder]}"
    session = boto3.Session(region_name=region)
    translated: Document = Translator({}, Parser(), boto_session=session).translate(template, dict(parameters))
    return translated
