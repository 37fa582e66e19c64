"""A message that a rule holds: the client's attempts have one record, until an approver decides."""

import pytest

from mailhooks.errors import StillHeld
from mailhooks.relay.errors import TryAgain
from mailhooks.relay.platforms import MILTER, SES
from mailhooks.report_names import HoldState
from tests.support.holds import HOLD, Company
from tests.support.relay import CLIENT, TAG, Relay

MAIL = b"From: Ana <ana@example.net>\r\nTo: bo@example.com\r\nSubject: The invoice\r\n\r\nDear Bo\r\n"
RULES = [{"name": "four eyes", "when": {"recipient": "bo@example.com"}, "do": {"hold": HOLD}}, TAG]


def make_relay(company: Company) -> Relay:
    return Relay(RULES, make_holds=company.make_holds)


def attempt(relay: Relay, number: int, *recipients: str) -> None:
    """Send the message as a client that adds a Received field in each attempt."""
    received = b"Received: from b by a; Mon, 2 Nov 2026 09:0%d:00 +0000\r\n" % number
    relay.evaluate(received + MAIL, *recipients, client=CLIENT)


def test_a_retry_after_the_client_added_a_received_field_asks_no_approver_again() -> None:
    company = Company()
    relay = make_relay(company)
    for number in range(3):
        with pytest.raises(TryAgain) as caught:
            attempt(relay, number, "bo@example.com", "cy@example.com")
        assert caught.value.held
    assert company.outbox.asked == ["boss@example.com", "deputy@example.com"]
    assert len(company.table.records) == 1
    assert [type(record.held) for record in relay.reports.records] == [StillHeld] * 3


def test_a_restarted_gateway_and_another_order_of_recipients_find_the_same_record() -> None:
    company = Company()
    with pytest.raises(TryAgain):
        attempt(make_relay(company), 1, "bo@example.com", "cy@example.com")
    with pytest.raises(TryAgain):
        attempt(make_relay(company), 2, "CY@example.com", "bo@example.com")
    assert len(company.table.records) == 1


def test_an_approved_message_is_passed_on_at_the_next_attempt() -> None:
    company = Company()
    relay = make_relay(company)
    with pytest.raises(TryAgain):
        relay.evaluate(MAIL)
    company.decide(HoldState.APPROVED)
    disposition = relay.evaluate(b"Received: again\r\n" + MAIL)
    assert disposition.deliver == ("bo@example.com",)
    assert b"Subject: [EXT] The invoice\r\n" in b"".join(disposition.pieces())
    disposition.finish()
    assert relay.reports.records[-1].log["holds"] == [{"rule": "four eyes", "state": "approved"}]


def test_a_rejected_message_is_bounced_for_the_held_recipients_at_the_next_attempt() -> None:
    company = Company()
    relay = make_relay(company)
    with pytest.raises(TryAgain):
        relay.evaluate(MAIL, "bo@example.com", "cy@example.com")
    company.decide(HoldState.REJECTED, "not our supplier")
    disposition = relay.evaluate(MAIL, "bo@example.com", "cy@example.com")
    assert disposition.deliver == ("cy@example.com",)
    assert list(disposition.bounced) == ["bo@example.com"]
    assert "not our supplier" in disposition.bounced["bo@example.com"]


def test_another_message_has_a_record_of_its_own() -> None:
    company = Company()
    relay = make_relay(company)
    for raw in (MAIL, MAIL + b"And one more line\r\n"):
        with pytest.raises(TryAgain):
            relay.evaluate(raw)
    assert len(company.table.records) == 2


def test_a_platform_that_quarantines_names_the_rules_and_asks_no_approver() -> None:
    company = Company()
    relay = Relay(RULES, platform=MILTER, make_holds=company.make_holds)
    disposition = relay.evaluate(MAIL, "bo@example.com", "cy@example.com")
    assert disposition.quarantined_by == ("four eyes",)
    assert disposition.deliver == ("bo@example.com", "cy@example.com")
    assert disposition.is_changed
    assert company.outbox.asked == []
    disposition.finish()
    assert relay.record.log["holds"] == [{"rule": "four eyes", "state": "pending"}]


def test_a_message_that_no_rule_holds_is_not_quarantined() -> None:
    relay = Relay(RULES, platform=MILTER)
    assert relay.evaluate(MAIL, "cy@example.com").quarantined_by == ()


def test_ses_evaluates_held_mail_again_as_the_gateway_does() -> None:
    company = Company()
    relay = Relay(RULES, platform=SES, make_holds=company.make_holds)
    with pytest.raises(TryAgain) as caught:
        relay.evaluate(MAIL)
    assert caught.value.held
