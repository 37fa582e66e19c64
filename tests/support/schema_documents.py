"""Random documents for a JSON Schema: valid ones, nearly valid ones and broken ones."""

import copy
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from mailhooks.contract.schema_files import list_schemas, read_schema

SCHEMAS: Final = {name: read_schema(f"{name}.json") for name in list_schemas()}


def iterate_nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a schema."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from iterate_nodes(inner)


class Text(str):
    """A subclass, as of an enum: for JSON Schema it is a string."""

    __slots__ = ()


_TEXTS: Final = [
    *("a@example.com", "*.example.com", "example.com", "mx.example.net", "list:partners", "partners", "https://example.com/x", "DE", "10"),
    *("2021-05-04T00:00:00.000Z", "2021-05-04T00:00:00+00:00", "18:00", "24:00", "02:00:00", "150 KB", "eu-west-1", "123456789012"),
    *("0a1b2c3d-0000-4000-8000-000000000001", "11111111-2222-3333-4444-555555555555", "m-0123456789abcdef0123456789abcdef"),
    *("arn:aws:sns:eu-west-1:123456789012:topic", "arn:aws:iam::123456789012:role/reader", "my-bucket", "mail/", "Seen", "X-Checked"),
    *("iban", "mon", "internal", "calendar", "high", "confidential", "junk", "subject", "pass", "koi8-r", "Straße 1"),
    "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
]
"""At least one of them matches each pattern of each schema."""

ODD_VALUES: Final[list[Callable[[], Any]]] = [
    *(lambda value=value: value for value in (None, True, False, 0, 1, -1, 1.0, 0.0, 2.5, 1e308, math.inf, -math.inf, math.nan, 10**30)),
    *(lambda value=value: value for value in ("", " ", "\n", "a\n", "\ud800", "a\udc00b", "\0", "\u2028", "😀", "İ", Text("BOUNCE"))),
    *(lambda value=value: copy.copy(value) for value in ([], {}, [[]], [{}], [1, True], [0, 0.0], {"": 0}, {1: 2}, {None: "x"})),
    *(lambda value=value: value for value in ((), ("a",), b"a")),
]
"""Functions that return a strange value; some are not JSON."""

_NODES: Final = [node for schema in SCHEMAS.values() for node in iterate_nodes(schema)]
_WORDS: Final = sorted({word for node in _NODES for word in node.get("enum", ()) if isinstance(word, str)})
_NAMES: Final = sorted({name for node in _NODES for name in node.get("properties", ())})


def _list_limits(keyword: str) -> list[Any]:
    """Return the values of the keywords whose names match a pattern, without those that would need large documents."""
    found = {value for node in _NODES for name, value in node.items() if re.fullmatch(keyword, name) and isinstance(value, int | float)}
    return sorted(value for value in found if value <= 5000)


_NUMBERS: Final = _list_limits("minimum|maximum|exclusiveMinimum")
_LENGTHS: Final = _list_limits("(min|max)(Length|Items)")


_Schema = tuple[dict[str, Any], str]
"""A schema, and the name of its file."""


class Documents:
    """Makes documents for one schema.

    Args:
        seed: the same documents for the same seed.
    """

    def __init__(self, schema: str, seed: int) -> None:
        self._schema = schema
        self._random = random.Random(seed)

    def make(self) -> Any:
        """Return a document: valid or nearly valid, or with up to four random changes."""
        document = self._fill([(SCHEMAS[self._schema], f"{self._schema}.json")], 6)
        for _ in range(self._random.choice([0, 0, 1, 1, 2, 4])):
            document = self._mutate(document)
        return document

    def _fill(self, schemas: list[_Schema], depth: int) -> Any:
        """Return a value that fits most parts of some schemas."""
        parts = [part for node, file in schemas for part in self._parts(node, file)]
        choose = self._random.choice
        for part, _ in reversed(parts):
            if "const" in part or "enum" in part:
                return choose(part.get("enum", [part.get("const")]))
        types = [name for part, _ in parts for name in _list_types(part)]
        kind = choose(types or ["string"])
        if kind == "object":
            return self._fill_object(parts, depth)
        if kind == "array":
            items = [(part["items"], file) for part, file in parts if "items" in part]
            least = max(part.get("minItems", 0) for part, _ in parts)
            values = [self._fill(items, depth - 1) for _ in range(least + choose([0, 0, 1, 2]))]
            return list(dict.fromkeys(values)) if any("uniqueItems" in part for part, _ in parts) else values
        if kind == "string":
            return self._fill_text(parts)
        numbers = {"integer": [1, 2, 30, 2.0], "number": [0.5, 3, 20.0], "boolean": [True, False], "null": [None]}
        return choose(numbers[kind])

    def _fill_text(self, parts: list[_Schema]) -> str:
        patterns = [part["pattern"] for part, _ in parts if "pattern" in part]
        least = max([part.get("minLength", 0) for part, _ in parts], default=0)
        return self._random.choice([text for text in _TEXTS if all(re.search(pattern, text) for pattern in patterns)] or ["x" * least])

    def _fill_object(self, parts: list[_Schema], depth: int) -> dict[str, Any]:
        properties: dict[str, list[_Schema]] = {}
        for part, file in parts:
            for name, inner in part.get("properties", {}).items():
                properties.setdefault(name, []).append((inner, file))
        forbidden = {name for name, found in properties.items() if any("not" in inner for inner, _ in found)}
        required = [name for part, _ in parts for name in part.get("required", ())]
        number = self._random.choice([0, 1, 2, 4, 50] if depth > 0 else [0, 1])
        least = max(part.get("minProperties", 0) for part, _ in parts)
        names = [*required, *self._random.sample(sorted(properties), min(max(least, number), len(properties)))]
        if any(part.get("maxProperties") == 1 for part, _ in parts):
            names = names[:1]
        content = {name: self._fill(properties.get(name, []), depth - 1) for name in names if name not in forbidden}
        for part, file in parts:
            if isinstance(part.get("additionalProperties"), dict):
                keys = [self._fill_text([(part.get("propertyNames", {}), file)]) for _ in range(2)]
                content |= {key: self._fill([(part["additionalProperties"], file)], depth - 1) for key in keys}
        return content

    def _parts(self, node: Any, file: str) -> Iterator[_Schema]:
        """Yield a schema and those that it includes; of conditions one branch."""
        if not isinstance(node, dict):
            return
        yield node, file
        if "$ref" in node:
            target, _, pointer = node["$ref"].partition("#")
            found: Any = SCHEMAS[(target or file).removesuffix(".json")]
            for step in pointer.split("/")[1:]:
                found = found[step]
            yield from self._parts(found, target or file)
        cases = [inner for inner in node.get("allOf", ()) if "if" in inner]
        for inner in node.get("allOf", ()):
            if inner not in cases:
                yield from self._parts(inner, file)
        if cases:
            case = self._random.choice(cases)
            yield from self._parts(case["if"], file)
            yield from self._parts(case["then"], file)
        if "if" in node:
            branch = self._random.choice(["then", "else"]) if "else" in node else "then"
            if branch == "then" and "else" in node:
                yield from self._parts(node["if"], file)
            yield from self._parts(node.get(branch, {}), file)

    def _mutate(self, document: Any) -> Any:
        """Return the document after one change at a random place."""
        places = list(_iterate_places(document))
        if not places:
            return self._odd_value(document)
        container, key = self._random.choice(places)
        other, other_key = self._random.choice(places)
        value = container[key]
        change = self._random.randrange(10)
        if change <= 3:
            container[key] = self._odd_value(value)
        elif change == 4:
            del container[key]
        elif change == 5:
            container[key] = self._random.choice([[value], [value, value], {"x": value}, {key: value}])
        elif change == 6:
            # A copy, so that no container is inside itself.
            container[key] = copy.deepcopy(other[other_key])
        elif change == 7 and isinstance(container, list):
            container.insert(self._random.randrange(len(container) + 1), copy.deepcopy(self._random.choice(container)))
        elif isinstance(container, dict):
            name = self._random.choice([self._random.choice(_NAMES), self._random.choice(_TEXTS), "x", "", "\n", Text("type"), 1])
            container[name] = self._random.choice([copy.deepcopy(value), self._odd_value(value)])
        return document

    def _odd_value(self, value: Any) -> Any:
        """Return a value of another type, at a limit of some schema, or strange."""
        choose = self._random.choice
        near_limit = isinstance(value, str | int | float | list) and self._random.random() < 0.4
        match {str: 1, list: 2}.get(type(value), 0) if near_limit else self._random.randrange(6):
            case 0:
                return choose(_NUMBERS) + choose([-1, -0.5, 0, 0.0, 0.5, 1])
            case 1:
                return choose(["a", "\ud800", "😀"]) * max(0, choose(_LENGTHS) + choose([-1, 0, 1]))
            case 2 if isinstance(value, list) and value:
                length = max(0, choose(_LENGTHS[:8]) + choose([-1, 0, 1]))
                return [copy.deepcopy(value[index % len(value)]) for index in range(length)]
            case 2 if isinstance(value, str):
                texts = [f"{value}\n", f"\n{value}", value + value, value[:-1], value.upper(), f"{value}\ud800"]
                return choose([*texts, Text(value), [value]])
            case 3:
                return choose(choose([_WORDS, _TEXTS]))
            case 4 if isinstance(value, int | float):
                return choose([float(value), str(value), not value, -value, value + 1])
            case _:
                return choose(ODD_VALUES)()


def _list_types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _iterate_places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a document with each of its keys or positions."""
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from _iterate_places(document[key])
