"""The schemas: they are valid, compiled once, have descriptions for errors, and match the code."""

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mailhooks.contract import (
    ActionType,
    ContractError,
    FlowDirection,
    MailFlowEvent,
    Verdict,
    check_event,
    schema,
    schema_files,
    violations,
)
from mailhooks.contract.availability import (
    AvailabilityErrorCode,
    BusyType,
    DayOfWeek,
    InstanceType,
    Month,
    Week,
    check_availability_request,
    check_availability_response,
)
from mailhooks.contract.schema import check
from tests.support.mail import event
from tests.support.schema_documents import iterate_nodes
from tests.unit.contract.documents import load

SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in (files("mailhooks.contract") / "schemas").iterdir()}


def use_everything() -> None:
    for name in SCHEMAS:
        with pytest.raises(ContractError):
            check(name.removesuffix(".json"), 0)
    check_event(event())
    for direction in FlowDirection:
        Verdict(MailFlowEvent.parse(event(direction=direction))).to_response()
    check_availability_request(load("availability-request-guide"))
    check_availability_response(load("availability-response-guide"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_in_its_draft(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMAS[name]["$id"].endswith(f"/schemas/{name}")
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_required_property_has_a_description(name: str) -> None:
    required = [
        (node["properties"], missing)
        for node in iterate_nodes(SCHEMAS[name])
        if "properties" in node
        for missing in node.get("required", [])
    ]
    for properties, missing in required:
        # Properties in a condition ("if") need no description, because no error reports them.
        words = properties[missing]
        assert "const" in words or {"description", "enum"} & set(words), missing


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_schema_has_alternatives_with_vague_errors(name: str) -> None:
    assert not [node for node in iterate_nodes(SCHEMAS[name]) if {"anyOf", "oneOf"} & set(node)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_pattern_accepts_a_final_line_end(name: str) -> None:
    patterns = [node["pattern"] for node in iterate_nodes(SCHEMAS[name]) if isinstance(node.get("pattern"), str)]
    assert all(pattern.startswith("^") and pattern.endswith("$(?!\\n)") for pattern in patterns)


def test_a_check_and_a_validator_are_compiled_once() -> None:
    for name in SCHEMAS:
        stem = name.removesuffix(".json")
        assert schema.load_check(stem) is schema.load_check(stem)
        assert violations._validator(stem) is violations._validator(stem)


def test_a_schema_is_read_and_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    use_everything()

    def fail(*args: Any) -> Any:
        raise AssertionError("read or compiled again")

    monkeypatch.setattr(schema_files, "read_text", fail)
    monkeypatch.setattr(violations, "read_schema", fail)
    monkeypatch.setattr(violations, "Draft202012Validator", fail)
    use_everything()


def test_enums_match_the_schemas() -> None:
    defs = SCHEMAS["availability-response.json"]["$defs"]
    event_, transition = defs["event"]["properties"], defs["transition"]["properties"]
    for kind, words in (
        (BusyType, event_["busyType"]),
        (InstanceType, event_["details"]["properties"]["instanceType"]),
        (Month, transition["month"]),
        (Week, transition["week"]),
        (DayOfWeek, defs["dayOfWeek"]),
        (AvailabilityErrorCode, defs["mailbox"]["properties"]["error"]),
        (FlowDirection, SCHEMAS["run-lambda-event.json"]["properties"]["flowDirection"]),
        (ActionType, types_of("inbound")),
        ([kind for kind in ActionType if not kind.inbound_only], types_of("outbound")),
    ):
        assert [*kind] == words["enum"] or {*kind} == {*words["enum"]}


def types_of(direction: str) -> Any:
    actions = SCHEMAS[f"run-lambda-response-{direction}.json"]["properties"]["actions"]
    return actions["items"]["properties"]["action"]["properties"]["type"]
