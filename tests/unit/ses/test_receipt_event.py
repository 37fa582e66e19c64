"""The event of an SES receipt rule: AWS's own sample, what SES may leave out, and what is no such event."""

import copy
import json
from typing import Any

import pytest

from mailhooks.contract import ContractError
from mailhooks.ses.receipt_event import Receipt
from tests.infrastructure.stack import ROOT

SAMPLE = json.loads((ROOT / "events/ses/aws-sample.json").read_text("utf-8"))


def change(**changes: Any) -> Any:
    """Return the sample with other values: `mail__source="..."`; None removes the property."""
    event = copy.deepcopy(SAMPLE)
    for path, value in changes.items():
        section, _, name = path.partition("__")
        document = event["Records"][0]["ses"][section]
        if value is None:
            del document[name]
        else:
            document[name] = value
    return event


def test_the_sample_of_aws_has_the_envelope_and_the_key_of_the_stored_message() -> None:
    receipt = Receipt.parse(SAMPLE)

    assert receipt.message_id == "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"
    assert receipt.mail_from == "prvs=144d0cba7=sender@example.com"
    assert receipt.recipients == ("recipient@example.com",)
    assert receipt.received_at == 1565040602.028


def test_recipients_are_those_of_the_envelope_and_not_of_the_header() -> None:
    event = change(mail__destination=["all@example.com", "else@example.net"], receipt__recipients=["ana@example.com", "bo@example.com"])

    assert Receipt.parse(event).recipients == ("ana@example.com", "bo@example.com")


@pytest.mark.parametrize("left_out", ["headers", "commonHeaders", "destination", "headersTruncated"])
def test_truncated_headers_make_no_difference(left_out: str) -> None:
    assert Receipt.parse(change(**{f"mail__{left_out}": None})) == Receipt.parse(SAMPLE)


@pytest.mark.parametrize("source", ["", "<>", None])
def test_a_null_sender_is_empty(source: str | None) -> None:
    assert Receipt.parse(change(mail__source=source)).mail_from == ""


def test_a_recipient_in_two_spellings_is_one() -> None:
    event = change(receipt__recipients=["Ana@Example.com", "bo@example.com", "ana@example.com"])

    assert Receipt.parse(event).recipients == ("Ana@Example.com", "bo@example.com")


def test_the_short_form_of_an_event_is_the_same_message() -> None:
    receipt = Receipt.parse(SAMPLE)

    assert Receipt.parse(json.loads(json.dumps(receipt.to_event()))) == receipt


@pytest.mark.parametrize(
    "event, pointer",
    [
        ({}, ""),
        ({"Records": []}, "/Records"),
        ({"Records": SAMPLE["Records"] * 2}, "/Records"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "/Records/0"),
        ({"Records": [{"eventSource": "aws:s3", "ses": {}}]}, "/Records/0"),
        (change(mail__messageId=None), "/Records/0/ses/mail"),
        (change(mail__messageId="../policy.yaml"), "/Records/0/ses/mail/messageId"),
        (change(mail__messageId="id\n"), "/Records/0/ses/mail/messageId"),
        (change(mail__timestamp="Monday"), "/Records/0/ses/mail/timestamp"),
        (change(receipt__recipients=[]), "/Records/0/ses/receipt/recipients"),
        (change(receipt__recipients=[""]), "/Records/0/ses/receipt/recipients/0"),
        (change(receipt__recipients=None), "/Records/0/ses/receipt"),
    ],
)
def test_another_event_is_rejected_with_its_place_and_without_its_values(event: Any, pointer: str) -> None:
    with pytest.raises(ContractError) as raised:
        Receipt.parse(event)

    assert raised.value.pointer.startswith(pointer)
    assert "example.com" not in str(raised.value)
