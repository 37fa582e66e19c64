import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from mailhooks.contract.schema import list_violations
from mailhooks.policy.facts.message_types import Importance, MessageType
from mailhooks.policy.loading.action_builders import ACTION_BUILDERS, VERDICT_WORDS
from mailhooks.policy.loading.condition_builders import CONDITION_BUILDERS
from tests.support.tables import check_rows
from tests.unit.policy.evaluation.test_changes_and_effects import CHANGES
from tests.unit.policy.rules.test_conditions import TABLES

SCHEMA: dict[str, Any] = json.loads((files("mailhooks.contract") / "schemas/policy.json").read_text("utf-8"))
CONDITIONS: dict[str, Any] = SCHEMA["$defs"]["conditions"]["properties"]
ACTION: dict[str, Any] = SCHEMA["$defs"]["action"]


def policy(**rule: Any) -> dict[str, Any]:
    return {"version": 1, "rules": [{"name": "r", "do": "drop", **rule}]}


def nodes(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [each for item in node for each in nodes(item)]
    return [node, *(each for value in node.values() for each in nodes(value))] if isinstance(node, dict) else []


def test_the_schema_is_one_of_draft_2020_12():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_has_every_condition_and_no_other():
    assert CONDITIONS.keys() == CONDITION_BUILDERS.keys()


def test_the_schema_has_every_action_and_no_other():
    do = SCHEMA["$defs"]["rule"]["properties"]["do"]
    assert ACTION["properties"].keys() == do["properties"].keys() == ACTION_BUILDERS.keys()
    for word in VERDICT_WORDS:
        assert list_violations("policy", policy(do=word), 9) == list_violations("policy", policy(do=[word]), 9) == []
    for value in ({}, [], "", "DROP", "drop\n", *ACTION_BUILDERS, {"drop": True}):
        assert list_violations("policy", policy(do=value), 9)


def test_the_schema_has_every_kind_and_importance():
    assert CONDITIONS["kind"]["items"]["enum"] == [*MessageType]
    assert CONDITIONS["importance"]["items"]["enum"] == [*Importance]


def test_no_condition_accepts_a_value_of_the_wrong_type() -> None:
    def check(name: str) -> None:
        for value in (None, 7, [], {}, "", [None], [[]], {"x": 1}, [{"x": 1}]):
            assert list_violations("policy", policy(when={name: value}), 9), value

    check_rows(sorted(CONDITION_BUILDERS), check)


def test_no_action_accepts_a_value_of_the_wrong_type() -> None:
    def check(name: str) -> None:
        for value in (None, 7, [], "", [None], [[]], {"x": 1}, [{"x": 1}]):
            assert list_violations("policy", policy(do={name: value}), 9), value

    check_rows(sorted(ACTION_BUILDERS), check)


def test_the_schema_accepts_every_value_of_the_tables():
    for name, rows in TABLES.items():
        for value, *_ in rows:
            assert list_violations("policy", policy(when={name: value}), 9) == []
    for name, rows in CHANGES.items():
        for value, *_ in rows:
            assert list_violations("policy", policy(do={name: value}), 9) == []


def test_one_text_is_checked_like_a_list_of_one_text():
    """A single text in place of a list is checked like the items of the list."""
    either = [node for node in nodes(SCHEMA) if {"string", "array"} <= set(node.get("type", ()))]
    assert len(either) > 8
    for node in either:
        items = node.get("items", {})
        if "$ref" in items or node.get("pattern", "").startswith("^(deliver|"):
            continue
        assert ("pattern" in node) == ("pattern" in items or "enum" in items), node
        for word in items.get("enum", ()):
            Draft202012Validator(node).validate(word)
        if "enum" in items:
            assert not Draft202012Validator(node).is_valid("no such word")
            assert not Draft202012Validator(node).is_valid(items["enum"][0] + "x")
