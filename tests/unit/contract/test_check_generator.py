"""The generated check of a schema has the result of `jsonschema`."""

import math
import os
import random
from collections.abc import Callable
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from mailhooks.contract import ContractError, schema, violations
from mailhooks.contract.check_generator import SchemaError, generate_check
from mailhooks.contract.schema import check, list_violations, load_check
from mailhooks.contract.schema_files import read_schema
from tests.support.schema_documents import ODD_VALUES, SCHEMAS, Documents

DEFINITIONS: Final = {"$defs": {"text": {"type": "string"}, "tree": {"items": {"$ref": "#/$defs/tree"}, "maxItems": 2}}}

KEYWORDS: Final[list[dict[str, Any]]] = [
    *({"type": name} for name in ("null", "boolean", "string", "integer", "number", "array", "object")),
    {"type": ["integer", "string"], "minimum": 0, "minLength": 1},
    {"const": 1},
    {"const": True},
    {"const": None},
    {"const": "a\n"},
    {"enum": [True, "BOUNCE", 0, None]},
    {"enum": ["BOUNCE", "a\n"]},
    {"minimum": 0},
    {"exclusiveMinimum": 0},
    {"maximum": 0},
    {"maximum": 0.5},
    {"minLength": 1},
    {"maxLength": 1},
    {"pattern": "^a$"},
    {"pattern": "^a$(?!\\n)"},
    {"minItems": 1},
    {"maxItems": 1},
    {"items": {"type": "integer"}},
    {"items": {"minLength": 2}},
    {"items": False},
    {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
    {"uniqueItems": True, "items": {"enum": ["a", "b"]}},
    {"uniqueItems": True, "items": {"$ref": "#/$defs/text"}},
    {"uniqueItems": False},
    {"minProperties": 1},
    {"maxProperties": 1},
    {"required": ["a"]},
    {"properties": {"a": {"type": "integer"}, "": False}},
    {"properties": {"a": True}, "additionalProperties": False},
    {"additionalProperties": False},
    {"properties": {"a": True}, "additionalProperties": {"type": "string"}},
    {"propertyNames": {"maxLength": 0}},
    {"dependentRequired": {"a": ["b", "c"]}},
    {"dependentSchemas": {"a": {"maxProperties": 1}}},
    {"allOf": [{"type": "integer"}, {"minimum": 1}]},
    {"not": {"type": "string"}},
    {"not": {}},
    {"if": {"type": "integer"}, "then": {"minimum": 1}, "else": {"maxLength": 1}},
    {"if": {"required": ["a"]}, "else": False},
    {"if": False, "then": False},
    {"then": False},
    {"$ref": "#/$defs/text", "maxLength": 1},
    {"$ref": "#/$defs/tree"},
    {"$ref": "#/$defs/tree", "not": {"$ref": "#/$defs/text"}},
]

VALUES: Final[list[Any]] = [
    *(make() for make in ODD_VALUES),
    *("a", "b", "ab", "\U0001f600", "e\u0301", "A"),
    *(5, -5, 5.0, -5.5, 0.5, -0.0, 2**63, 10**400, math.ulp(0.0)),
    *(
        [None],
        ["a"],
        ["a", "b"],
        ["a", "a"],
        ["a\n", "a"],
        ["ab", "cd"],
        [1, 1.0],
        [True, 1],
        [1, "1"],
        [[1], [1]],
        [[[], []], []],
        [[1, 2, 3]],
    ),
    *(
        {"a": 1},
        {"a": True},
        {"a": "x"},
        {"a": 1, "b": 1},
        {"a": 1, "b": 1, "c": 1},
        {"b": "x"},
        {"b": 1},
        {"": "", "a": 1},
        {"a": None, 1: 2},
    ),
]


def compile_check(checked: Any) -> Callable[[object], bool]:
    names: dict[str, Any] = {}
    exec(generate_check("x.json", lambda file: checked), names)
    is_valid: Callable[[object], bool] = names["is_valid"]
    return is_valid


@pytest.mark.parametrize("keywords", KEYWORDS, ids=str)
def test_each_keyword_has_the_meaning_of_jsonschema(keywords: dict[str, Any]) -> None:
    checked = keywords | DEFINITIONS
    is_valid, validator = compile_check(checked), Draft202012Validator(checked)
    results = {repr(value)[:60]: (is_valid(value), validator.is_valid(value)) for value in VALUES}
    assert {text: both for text, both in results.items() if both[0] is not both[1]} == {}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_generated_check_and_jsonschema_agree_on_random_documents(name: str) -> None:
    assert_agreement(name, violations._validator(name), 60, seed=60)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_generated_check_and_jsonschema_agree_on_the_plain_schema_files(name: str) -> None:
    """With their references, which `violations` replaces by the definitions."""
    assert_agreement(name, Draft202012Validator(read_schema(f"{name}.json"), registry=violations._REGISTRY), 60, seed=61)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("name", SCHEMAS)
def test_the_generated_check_and_jsonschema_agree_on_many_random_documents(name: str) -> None:
    """`make fuzz` makes other documents each time; a failure shows the seed."""
    examples = int(os.environ.get("FUZZ_EXAMPLES", "0"))
    count = examples or 100_000 // len(SCHEMAS) + 1
    assert_agreement(name, violations._validator(name), count, seed=random.randrange(2**32) if examples else count)


def assert_agreement(name: str, validator: Draft202012Validator, count: int, seed: int) -> None:
    documents, is_valid = Documents(name, seed), load_check(name)
    results = {True: 0, False: 0}
    for number in range(count):
        document = documents.make()
        valid = is_valid(document)
        assert valid is validator.is_valid(document), (f"seed {seed}", number, document)
        results[valid] += 1
    if count >= 60:
        assert min(results.values()) > count / 10, f"the documents should be of both kinds: seed {seed}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_document_that_only_the_generated_check_refuses_is_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documents, is_valid = Documents(name, seed=1), load_check(name)
    document = next(document for document in iter(documents.make, None) if is_valid(document))
    monkeypatch.setattr(schema, "load_check", lambda name: lambda document: False)
    check(name, document)
    assert list_violations(name, document, 9) == []
    with pytest.raises(ContractError):
        check(name, 0)


@pytest.mark.parametrize(
    "unsupported",
    [
        {"patternProperties": {}},
        {"properties": {"a": {"anyOf": []}}},
        {"$defs": {"a": {"format": "date"}}, "items": {"$ref": "#/$defs/a"}},
        {"const": []},
        {"enum": ["a", 0.5]},
        {"uniqueItems": True},
        {"uniqueItems": True, "items": {"type": "integer"}},
        {"uniqueItems": True, "items": {"enum": ["a", 1]}},
    ],
    ids=str,
)
def test_a_schema_that_the_generator_does_not_support_is_an_error(unsupported: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="support"):
        generate_check("x.json", lambda file: unsupported)


def test_a_document_nested_too_deep_for_python_raises_the_same_error_as_in_jsonschema() -> None:
    conditions: dict[str, Any] = {"size": {"over": 1}}
    for _ in range(10_000):
        conditions = {"not": conditions}
    policy = {"version": 1, "rules": [{"name": "r", "when": conditions, "do": "drop"}]}
    for find in (list_violations, violations.find_violations):
        with pytest.raises(RecursionError):
            find("policy", policy, 9)
