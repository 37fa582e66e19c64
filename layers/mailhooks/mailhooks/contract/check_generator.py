"""Generates Python code that checks documents against a JSON Schema (draft 2020-12): valid or not, without a reason.

Such a check needs a few microseconds and no library, so a cold start does not wait for `jsonschema`. For JSON data it has the result of
`jsonschema`. An unknown keyword is an error, so that the generated check ignores no part of a schema.
"""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final

_ANNOTATIONS: Final = {"$schema", "$id", "$comment", "$defs", "title", "description"}

_TYPES: Final = {
    "null": "{0} is None",
    "boolean": "isinstance({0}, bool)",
    "string": "isinstance({0}, str)",
    # Python's True and False are integers, JSON's are not. 1.0 is an integer (JSON Schema, Core, section 4.2.3).
    "integer": "(isinstance({0}, int) and not isinstance({0}, bool) or isinstance({0}, float) and {0}.is_integer())",
    "number": "(isinstance({0}, (int, float)) and not isinstance({0}, bool))",
    "array": "isinstance({0}, list)",
    "object": "isinstance({0}, dict)",
}

_LIMITS: Final = {
    "string": {
        "minLength": "len({0}) < {1!r}",
        "maxLength": "len({0}) > {1!r}",
        "pattern": "not pattern({1!r}).search({0})",
    },
    "number": {
        "minimum": "{0} < {1!r}",
        "exclusiveMinimum": "{0} <= {1!r}",
        "maximum": "{0} > {1!r}",
    },
    "array": {
        "minItems": "len({0}) < {1!r}",
        "maxItems": "len({0}) > {1!r}",
    },
    "object": {
        "minProperties": "len({0}) < {1!r}",
        "maxProperties": "len({0}) > {1!r}",
    },
}
"""By the type of value to which a keyword applies: the condition under which a value breaks it."""

_KEYWORDS: Final = _ANNOTATIONS.union(
    *_LIMITS.values(),
    {"type", "enum", "const", "items", "uniqueItems"},
    {"properties", "required", "additionalProperties", "propertyNames", "dependentRequired", "dependentSchemas"},
    {"$ref", "allOf", "not", "if", "then", "else"},
)

_HEAD: Final = '''"""Generated from schemas/{0} by mailhooks.contract.check_generator."""

from functools import cache
from re import compile

# Compiles an expression at its first use: most documents use few of them.
pattern = cache(compile)
'''


class SchemaError(ValueError):
    """A schema has a keyword or a value that the generator does not support: add it to `check_generator.py`."""


def generate_check(file: str, read_schema: Callable[[str], Any]) -> str:
    """Return the source of a module whose function `is_valid(value)` checks a document.

    Args:
        file: the name of the schema's file.
        read_schema: returns the parsed schema in a file; called for `file` and for files to which it refers.

    Raises:
        SchemaError: the schema has a keyword or a value that is not supported.
    """
    module = _Module(read_schema)
    module.add_reference(file, "", "is_valid")
    return "\n\n".join((_HEAD.format(file), *module.functions))


class _Module:
    """The functions of one module: one for each definition that is referred to, and for each condition (`if`, `not`)."""

    def __init__(self, read_schema: Callable[[str], Any]) -> None:
        self.functions: list[str] = []
        self._read_schema = read_schema
        self._names: dict[tuple[str, str], str] = {}
        self._numbers = count(1)

    def add_reference(self, file: str, reference: str, name: str = "") -> str:
        """Add a function for the target of a `$ref` in a file, and return its name."""
        target, _, pointer = reference.partition("#")
        key = target or file, pointer
        if key not in self._names:
            # Before the function is generated, because a definition may refer to itself.
            self._names[key] = name or self._new_name(pointer.rpartition("/")[2] or "file")
            self._add_function(self._names[key], key[0], self._resolve(file, reference))
        return self._names[key]

    def _resolve(self, file: str, reference: str) -> Any:
        target, _, pointer = reference.partition("#")
        schema = self._read_schema(target or file)
        for step in pointer.split("/")[1:]:
            schema = schema[step]
        return schema

    def _new_name(self, label: str) -> str:
        return f"{label}_{next(self._numbers)}"

    def _add_function(self, name: str, file: str, schema: Any) -> str:
        self.functions.append("\n".join([f"def {name}(value):", *_indent(self._checks(file, schema, "value")), "    return True\n"]))
        return name

    def _checks(self, file: str, schema: Any, value: str) -> list[str]:
        """Return statements that return False if the variable `value` breaks a schema."""
        if isinstance(schema, bool):
            return [] if schema else ["return False"]
        if unknown := schema.keys() - _KEYWORDS:
            raise SchemaError(f"{file}: the generator does not support {', '.join(sorted(unknown))}")
        types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
        lines = [_refuse(f"not ({' or '.join(_TYPES[name].format(value) for name in types)})")] if types else []
        if "const" in schema or "enum" in schema:
            lines.append(_refuse(f"not ({_equals(value, schema.get('enum', [schema.get('const')]))})"))
        for kind, limits in _LIMITS.items():
            checks = [_refuse(text.format(value, schema[keyword])) for keyword, text in limits.items() if keyword in schema]
            if kind == "array":
                checks += self._item_checks(file, schema, value)
            if kind == "object":
                checks += self._property_checks(file, schema, value)
            # A keyword applies to values of its own type only.
            is_known = bool(types) and {*types} <= {kind, "integer" if kind == "number" else kind}
            lines += checks if is_known else _nest(f"if {_TYPES[kind].format(value)}:", checks)
        return lines + self._combined_checks(file, schema, value)

    def _item_checks(self, file: str, schema: Any, value: str) -> list[str]:
        item = self._new_name("item")
        lines = _nest(f"for {item} in {value}:", self._checks(file, schema.get("items", True), item))
        if schema.get("uniqueItems"):
            if not self._has_texts(file, schema.get("items", {})):
                raise SchemaError(f"{file}: the generator supports uniqueItems for texts only")
            lines.append(_refuse(f"len(set({value})) < len({value})"))
        return lines

    def _has_texts(self, file: str, items: Any) -> bool:
        if "$ref" in items:
            return self._has_texts(file, self._resolve(file, items["$ref"]))
        return items.get("type") == "string" or all(isinstance(constant, str) for constant in items.get("enum", [None]))

    def _property_checks(self, file: str, schema: Any, value: str) -> list[str]:
        lines = [_refuse(f"{name!r} not in {value}") for name in schema.get("required", [])]
        for name, others in schema.get("dependentRequired", {}).items():
            lines += [_refuse(f"{name!r} in {value} and {other!r} not in {value}") for other in others]
        for name, inner in schema.get("dependentSchemas", {}).items():
            lines += _nest(f"if {name!r} in {value}:", self._checks(file, inner, value))
        properties = schema.get("properties", {})
        for name, inner in properties.items():
            item = self._new_name("item")
            if checks := self._checks(file, inner, item):
                lines += _nest(f"if {name!r} in {value}:", [f"{item} = {value}[{name!r}]", *checks])
        key, item = self._new_name("key"), self._new_name("item")
        lines += _nest(f"for {key} in {value}:", self._checks(file, schema.get("propertyNames", True), key))
        others = self._checks(file, schema.get("additionalProperties", True), item)
        known = f"{{{', '.join(map(repr, properties))}}}" if properties else "()"
        return lines + _nest(f"for {key}, {item} in {value}.items():", _nest(f"if {key} not in {known}:", others))

    def _combined_checks(self, file: str, schema: Any, value: str) -> list[str]:
        lines = [_refuse(f"not {self.add_reference(file, schema['$ref'])}({value})")] if "$ref" in schema else []
        for part in schema.get("allOf", []):
            lines += self._checks(file, part, value)
        if "not" in schema:
            lines.append(_refuse(f"{self._add_function(self._new_name('not'), file, schema['not'])}({value})"))
        if "if" in schema:
            condition = f"{self._add_function(self._new_name('if'), file, schema['if'])}({value})"
            lines += _nest(f"if {condition}:", self._checks(file, schema.get("then", True), value))
            lines += _nest(f"if not {condition}:", self._checks(file, schema.get("else", True), value))
        return lines


def _refuse(condition: str) -> str:
    return f"if {condition}: return False"


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _nest(head: str, lines: list[str]) -> list[str]:
    return [head, *_indent(lines)] if lines else []


def _equals(value: str, constants: list[Any]) -> str:
    """Return a condition: the variable equals one of the constants, where True is not 1, but 1.0 is."""
    texts = tuple(constant for constant in constants if isinstance(constant, str))
    conditions = [f"{value} in {texts!r}"] if texts else []
    for constant in constants:
        if constant is None or isinstance(constant, bool):
            conditions.append(f"{value} is {constant}")
        elif isinstance(constant, int):
            conditions.append(f"{value} == {constant} and not isinstance({value}, bool)")
        elif not isinstance(constant, str):
            raise SchemaError("the generator supports texts, whole numbers, true, false and null in enum and const")
    return " or ".join(conditions)
