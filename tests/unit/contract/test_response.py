"""The check of a synchronous function's response."""

import json
from typing import Any

import pytest

from mailhooks.contract import ContractError, check_response
from mailhooks.contract.verdict import MAX_RESPONSE_BYTES
from tests.unit.contract.documents import Row, both, check_broken, check_error, load, named, put, without

DROP_ONE: dict[str, Any] = {"action": {"type": "DROP"}, "recipients": ["drop-recipient@example.com"]}


def bounce(text: str) -> dict[str, Any]:
    return {"actions": [{"action": {"type": "BOUNCE", "parameters": {"bounceMessage": text}}, "allRecipients": True}]}


@pytest.mark.parametrize("direction", ["INBOUND", "OUTBOUND"])
@pytest.mark.parametrize("name", named("response-guide-*"))
def test_the_guides_examples_are_accepted(name: str, direction: str) -> None:
    check_response(load(name), direction)


@pytest.mark.parametrize(
    "direction, types",
    [("INBOUND", "BOUNCE DROP DEFAULT BYPASS_SPAM_CHECK MOVE_TO_JUNK"), ("OUTBOUND", "BOUNCE DROP DEFAULT")],
)
def test_every_action_of_the_direction_is_accepted(direction: str, types: str) -> None:
    for name in types.split():
        check_response({"actions": [{"action": {"type": name}, "allRecipients": True}]}, direction)


def test_recipients_and_all_recipients_may_be_in_one_entry() -> None:
    check_response({"actions": [{"action": {"type": "DEFAULT"}, "recipients": ["a@example.com"], "allRecipients": True}]}, "INBOUND")
    check_response({"actions": [{"action": {"type": "DEFAULT"}, "recipients": ["a@example.com"], "allRecipients": False}]}, "OUTBOUND")


ACTION, BOUNCE_TEXT = "/actions/1/action", "/actions/1/action/parameters/bounceMessage"

BROKEN: list[Row] = [
    ("nothing at all", put("", None), "", "null"),
    ("the list of actions alone", put("", []), "", "an empty array"),
    ("a response that is a string", put("", "DEFAULT"), "", "a string of 7 characters"),
    ("an empty response", put("", {}), "/actions", "nothing"),
    ("a property next to actions", put("/statusCode", 200), "", "another one"),
    ("actions in another spelling", both(put("/Actions", []), without("/actions")), "/actions", "nothing"),
    ("null actions", put("/actions", None), "/actions", "null"),
    ("no action", put("/actions", []), "/actions", "an empty array"),
    ("actions that are one object", put("/actions", DROP_ONE), "/actions", "an object"),
    ("eleven actions", put("/actions", [DROP_ONE] * 11), "/actions", "an array of 11 items"),
    ("an entry that is a string", put("/actions/1", "DROP"), "/actions/1", "a string of 4 characters"),
    ("an entry without an action", without(ACTION), ACTION, "nothing"),
    (
        "an entry that names its type itself",
        put("/actions/1/type", "DROP"),
        "/actions/1",
        "another one",
    ),
    ("a null action", put(ACTION, None), ACTION, "null"),
    ("an action that is its type", put(ACTION, "DROP"), ACTION, "a string of 4 characters"),
    ("an action without a type", put(ACTION, {}), f"{ACTION}/type", "nothing"),
    ("a type in small letters", put(f"{ACTION}/type", "drop"), f"{ACTION}/type", "a string of 4 characters"),
    ("an unknown type", put(f"{ACTION}/type", "QUARANTINE"), f"{ACTION}/type", "a string of 10 characters"),
    ("a null type", put(f"{ACTION}/type", None), f"{ACTION}/type", "null"),
    ("recipients misspelt", put("/actions/1/recipient", []), "/actions/1", "another one named recipient"),
    ("a property that has an address for its name", put("/actions/1/a@example.com", "DROP"), "/actions/1", "another one"),
    ("a property next to the type", put(f"{ACTION}/bounceMessage", "No."), ACTION, "another one"),
    ("null parameters", put(f"{ACTION}/parameters", None), f"{ACTION}/parameters", "null"),
    ("parameters that are a string", put(f"{ACTION}/parameters", "No."), f"{ACTION}/parameters", "a string of 3 characters"),
    (
        "an unknown parameter",
        put(f"{ACTION}/parameters", {"folder": 1}),
        f"{ACTION}/parameters",
        "another one",
    ),
    ("a bounce text on another action", put(f"{ACTION}/parameters", {"bounceMessage": "No."}), BOUNCE_TEXT, "a string of 3 characters"),
    (
        "a bounce text that is a number",
        put(ACTION, {"type": "BOUNCE", "parameters": {"bounceMessage": 550}}),
        BOUNCE_TEXT,
        "a number",
    ),
    ("neither recipients nor allRecipients", without("/actions/1/recipients"), "/actions/1/recipients", "nothing"),
    ("allRecipients false alone", put("/actions/0/allRecipients", False), "/actions/0/recipients", "nothing"),
    ("allRecipients that is a string", put("/actions/0/allRecipients", "true"), "/actions/0/recipients", "nothing"),
    (
        "allRecipients that is a string, with recipients",
        put("/actions/1/allRecipients", "true"),
        "/actions/1/allRecipients",
        "a string of 4 characters",
    ),
    ("allRecipients that is 1, with recipients", put("/actions/1/allRecipients", 1), "/actions/1/allRecipients", "a number"),
    ("null recipients", put("/actions/1/recipients", None), "/actions/1/recipients", "null"),
    ("no recipients", put("/actions/1/recipients", []), "/actions/1/recipients", "an empty array"),
    (
        "recipients that are one address",
        put("/actions/1/recipients", "a@example.com"),
        "/actions/1/recipients",
        "a string of 13 characters",
    ),
    ("a recipient as in the event", put("/actions/1/recipients/0", {"address": "a"}), "/actions/1/recipients/0", "an object"),
    ("an empty recipient", put("/actions/1/recipients/0", ""), "/actions/1/recipients/0", "an empty string"),
    ("a null recipient behind a good one", put("/actions/1/recipients/-", None), "/actions/1/recipients/1", "null"),
    (
        "the same recipient twice",
        put("/actions/1/recipients", ["a@example.com", "a@example.com"]),
        "/actions/1/recipients",
        "an array of 2 items, one of them twice",
    ),
]


@pytest.mark.parametrize("direction", ["INBOUND", "OUTBOUND"])
def test_a_broken_response_is_rejected_at_the_right_place(direction: str) -> None:
    check_broken(BROKEN, "response-guide-remove-recipients", lambda response: check_response(response, direction))


@pytest.mark.parametrize("name", ["BYPASS_SPAM_CHECK", "MOVE_TO_JUNK"])
def test_an_inbound_action_is_rejected_for_outbound_mail(name: str) -> None:
    response = put("/actions/1/action/type", name)(load("response-guide-remove-recipients"))
    check_response(response, "INBOUND")
    error = check_error(lambda document: check_response(document, "OUTBOUND"), response)
    assert (error.pointer, error.expected) == ("/actions/1/action/type", "one of BOUNCE, DROP, DEFAULT")


def test_ten_actions_are_accepted() -> None:
    check_response({"actions": [{**DROP_ONE, "recipients": [f"user{n}@example.com"]} for n in range(10)]}, "INBOUND")


def test_the_error_lists_the_allowed_properties() -> None:
    error = check_error(lambda document: check_response(document, "INBOUND"), {"actions": [], "action": {}})
    assert error.expected == "no properties other than actions"


def test_a_property_name_that_is_not_a_string_is_rejected() -> None:
    error = check_error(lambda document: check_response(document, "INBOUND"), {"actions": [DROP_ONE], 7: "seven"})
    assert (error.pointer, error.got) == ("", "another one")


@pytest.mark.parametrize("filling", ["x", "é", "漢", "🗼"])
def test_a_response_has_at_most_256_kilobytes_in_utf_8(filling: str) -> None:
    empty = len(json.dumps(bounce(""), ensure_ascii=False).encode())
    count, rest = divmod(MAX_RESPONSE_BYTES - empty, len(filling.encode()))
    text = filling * count + "x" * rest
    assert len(json.dumps(bounce(text), ensure_ascii=False).encode()) == 262144
    check_response(bounce(text), "OUTBOUND")
    error = check_error(lambda document: check_response(document, "OUTBOUND"), bounce(text + "x"))
    assert (error.pointer, error.expected, error.got) == ("", "a response of at most 262144 bytes", "one of 262145 bytes")


def test_half_of_a_surrogate_pair_is_rejected() -> None:
    with pytest.raises(ContractError) as caught:
        check_response(bounce("\ud800"), "INBOUND")
    assert caught.value.pointer == "/actions"


@pytest.mark.parametrize(
    "second",
    [
        {"action": {"type": "DROP"}, "recipients": ["A@example.com"]},
        {"action": {"type": "DROP"}, "allRecipients": True},
        {"action": {"type": "DEFAULT"}, "allRecipients": True},
    ],
)
def test_two_actions_for_one_recipient_or_for_all_are_rejected(second: dict[str, object]) -> None:
    actions = [
        {"action": {"type": "DEFAULT"}, "recipients": ["a@example.com"]},
        {"action": {"type": "DROP"}, "allRecipients": True},
        second,
    ]
    with pytest.raises(ContractError) as caught:
        check_response({"actions": actions}, "INBOUND")
    assert caught.value.pointer == "/actions/2"


def test_an_unknown_direction_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="sideways"):
        check_response(bounce("No."), "sideways")
