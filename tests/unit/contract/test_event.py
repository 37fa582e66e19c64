"""The Run Lambda event: valid events are read, and the error of any other document names the right place."""

from typing import Any

import pytest

from mailhooks.contract import ContractError, FlowDirection, MailFlowEvent, check_event
from tests.support.mail import event, parsed
from tests.unit.contract.documents import Row, both, check_broken, check_error, load, named, put, without


@pytest.mark.parametrize("name", named("event-*"))
def test_a_valid_event_is_accepted(name: str) -> None:
    check_event(load(name))
    assert MailFlowEvent.parse(load(name)).message_id == load(name)["messageId"]


def test_the_guides_event_is_read_field_by_field() -> None:
    assert MailFlowEvent.parse(load("event-guide")) == MailFlowEvent(
        summary_version="2018-10-10",
        mail_from="from@example.com",
        recipients=("recipient1@example.com", "recipient2@example.com"),
        sender="sender@example.com",
        subject="Hello From Amazon WorkMail!",
        message_id="00000000-0000-0000-0000-000000000000",
        invocation_id="00000000000000000000000000000000",
        flow_direction=FlowDirection.INBOUND,
        truncated=False,
    )


def test_the_sam_cli_prints_the_guides_event() -> None:
    assert load("event-sam-generate-event") == load("event-guide")


def test_mail_on_behalf_of_another_has_a_sender() -> None:
    read = MailFlowEvent.parse(load("event-on-behalf"))
    assert (read.mail_from, read.sender) == ("director@example.com", "assistant@example.com")
    assert read.flow_direction is FlowDirection.OUTBOUND


@pytest.mark.parametrize("name", named("event-mail-from-*"))
def test_mail_without_a_sender_has_an_empty_mail_from(name: str) -> None:
    read = MailFlowEvent.parse(load(name))
    assert (read.mail_from, read.sender) == ("", None)


def test_absent_and_null_values_are_empty() -> None:
    for name in ("event-mail-from-absent", "event-mail-from-null-address"):
        assert MailFlowEvent.parse(load(name)).subject == ""
    for name in ("event-mail-from-absent", "event-mail-from-null"):
        assert MailFlowEvent.parse(load(name)).truncated is False


@pytest.mark.parametrize("changes", [{"invocationId": None}, {"invocationId": ""}, None])
def test_an_old_event_without_an_invocation_id_has_the_message_id_as_its_key(changes: dict[str, Any] | None) -> None:
    document = load("event-guide") | (changes or {})
    if changes is None:
        del document["invocationId"]
    read = MailFlowEvent.parse(document)
    assert read.invocation_id == read.message_id == document["messageId"]


def test_a_message_id_in_capitals_is_read_in_the_form_of_the_message_flow_api() -> None:
    assert parsed(messageId="0A1B2C3D-ABCD").message_id == "0a1b2c3d-abcd"


def test_a_truncated_event_may_have_no_recipient() -> None:
    assert MailFlowEvent.parse(load("event-truncated")).truncated is True
    assert MailFlowEvent.parse(load("event-truncated-to-no-recipient")).recipients == ()


def test_non_ascii_addresses_are_not_changed() -> None:
    read = MailFlowEvent.parse(load("event-smtputf8"))
    assert read.recipients == ("δοκιμή@παράδειγμα.example.com", "用户@例子.example.com", "GRACE@example.com")


def test_two_thousand_recipients_keep_their_order() -> None:
    recipients = tuple(f"recipient{number}@example.com" for number in range(2000))
    assert parsed(*recipients).recipients == recipients


def test_an_event_is_immutable_and_hashable() -> None:
    assert {parsed("a@example.com"), parsed("a@example.com")} == {parsed("a@example.com")}
    with pytest.raises(AttributeError):
        parsed().subject = "another"


RECIPIENTS = "/envelope/recipients"

BROKEN: list[Row] = [
    ("a null event", put("", None), "", "null"),
    ("a list", put("", []), "", "an empty array"),
    ("a string", put("", "{}"), "", "a string of 2 characters"),
    ("an object of no kind JSON knows", put("", {1, 2}), "", "a Python set"),
    ("an empty event", put("", {}), "/summaryVersion", "nothing"),
    ("an SNS event", put("", {"Records": [{"Sns": {}}]}), "/summaryVersion", "nothing"),
    ("no summaryVersion", without("/summaryVersion"), "/summaryVersion", "nothing"),
    ("an empty summaryVersion", put("/summaryVersion", ""), "/summaryVersion", "an empty string"),
    ("a summaryVersion that is a number", put("/summaryVersion", 20181010), "/summaryVersion", "a number"),
    ("no envelope", without("/envelope"), "/envelope", "nothing"),
    ("a null envelope", put("/envelope", None), "/envelope", "null"),
    ("an envelope that is a list", put("/envelope", [{}]), "/envelope", "an array of 1 item"),
    ("a mailFrom that is an address", put("/envelope/mailFrom", "a@example.com"), "/envelope/mailFrom", "a string of 13 characters"),
    ("a mailFrom that is a list", put("/envelope/mailFrom", ["a", "b"]), "/envelope/mailFrom", "an array of 2 items"),
    ("a mailFrom address that is an object", put("/envelope/mailFrom/address", {"a": 1}), "/envelope/mailFrom/address", "an object"),
    ("a mailFrom address that is a number", put("/envelope/mailFrom/address", 7), "/envelope/mailFrom/address", "a number"),
    ("no recipients", without(RECIPIENTS), RECIPIENTS, "nothing"),
    ("null recipients", put(RECIPIENTS, None), RECIPIENTS, "null"),
    ("recipients that are one object", put(RECIPIENTS, {"address": "a@example.com"}), RECIPIENTS, "an object"),
    ("no recipient at all", put(RECIPIENTS, []), RECIPIENTS, "an empty array"),
    ("no recipient, truncated being null", both(put(RECIPIENTS, []), put("/truncated", None)), RECIPIENTS, "an empty array"),
    ("no recipient, truncated being absent", both(put(RECIPIENTS, []), without("/truncated")), RECIPIENTS, "an empty array"),
    ("a recipient that is an address", put(f"{RECIPIENTS}/1", "a@example.com"), f"{RECIPIENTS}/1", "a string of 13 characters"),
    ("a recipient that is null", put(f"{RECIPIENTS}/0", None), f"{RECIPIENTS}/0", "null"),
    ("a recipient without an address", put(f"{RECIPIENTS}/1", {}), f"{RECIPIENTS}/1/address", "nothing"),
    ("a recipient with a null address", put(f"{RECIPIENTS}/0/address", None), f"{RECIPIENTS}/0/address", "null"),
    ("a recipient with an empty address", put(f"{RECIPIENTS}/1/address", ""), f"{RECIPIENTS}/1/address", "an empty string"),
    ("a recipient with two addresses", put(f"{RECIPIENTS}/0/address", ["a", "b"]), f"{RECIPIENTS}/0/address", "an array of 2 items"),
    ("a sender that is an address", put("/sender", "a@example.com"), "/sender", "a string of 13 characters"),
    ("a sender address that is a boolean", put("/sender/address", True), "/sender/address", "a boolean"),
    ("a subject that is a number", put("/subject", 1.5), "/subject", "a number"),
    ("a subject that is a list", put("/subject", []), "/subject", "an empty array"),
    ("no messageId", without("/messageId"), "/messageId", "nothing"),
    ("a null messageId", put("/messageId", None), "/messageId", "null"),
    ("an empty messageId", put("/messageId", ""), "/messageId", "an empty string"),
    ("a messageId that climbs a path", put("/messageId", "../bucket"), "/messageId", "a string of 9 characters"),
    ("a messageId with a line end", put("/messageId", "abc\n"), "/messageId", "a string of 4 characters"),
    ("a messageId in Arabic digits", put("/messageId", "١٢٣"), "/messageId", "a string of 3 characters"),
    ("a messageId of 121 characters", put("/messageId", "a" * 121), "/messageId", "a string of 121 characters"),
    ("an invocationId that is a number", put("/invocationId", 0), "/invocationId", "a number"),
    ("no flowDirection", without("/flowDirection"), "/flowDirection", "nothing"),
    ("a flowDirection in small letters", put("/flowDirection", "inbound"), "/flowDirection", "a string of 7 characters"),
    ("an unknown flowDirection", put("/flowDirection", "INTERNAL"), "/flowDirection", "a string of 8 characters"),
    ("a null flowDirection", put("/flowDirection", None), "/flowDirection", "null"),
    ("a truncated that is a string", put("/truncated", "true"), "/truncated", "a string of 4 characters"),
    ("a truncated that is a number", put("/truncated", 1), "/truncated", "a number"),
    ("two breaks, the outer one", both(put(f"{RECIPIENTS}/0/address", 1), put("/truncated", 1)), "/truncated", "a number"),
    (
        "two alike, the first",
        both(put(f"{RECIPIENTS}/1/address", 1), put(f"{RECIPIENTS}/0/address", "")),
        f"{RECIPIENTS}/0/address",
        "an empty string",
    ),
]


def test_a_broken_event_is_rejected_at_the_right_place() -> None:
    check_broken(BROKEN, "event-guide", check_event, MailFlowEvent.parse)


def test_the_error_names_the_place_the_expected_and_the_actual_type() -> None:
    error = check_error(check_event, event(messageId="No such ID"))
    assert (
        str(error)
        == "at /messageId: expected the message's ID (a string of 1 to 120 of a-z, A-Z, 0-9 and -), got a string of 10 characters"
    )
    assert error.expected == "the message's ID (a string of 1 to 120 of a-z, A-Z, 0-9 and -)"
    assert str(check_error(check_event, [1, 2])) == "at the top: expected a Run Lambda event (an object), got an array of 2 items"


def test_a_contract_error_is_a_value_error() -> None:
    assert issubclass(ContractError, ValueError)


@pytest.mark.parametrize("message_id", ["a", "a" * 120, "0-0", "-"])
def test_every_message_id_of_the_service_model_is_accepted(message_id: str) -> None:
    check_event(event(messageId=message_id))
