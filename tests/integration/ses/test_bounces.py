"""Bounce messages by SendBounce: a call for each reason, one a second, and none to senders who must get none."""

import email
from collections.abc import Iterator
from email.policy import SMTP
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto.backends import get_backend

from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, Throttled
from mailhooks.ses.answer import Answer
from mailhooks.ses.bounces import BounceService
from mailhooks.ses.message_table import MessageTable
from mailhooks.ses.reasons import Reason
from mailhooks.ses.receipt_event import Receipt
from tests.support.moto_account import use_moto_account
from tests.support.ses import MESSAGE, Clock, create_table, make_event, ses_stack

RECIPIENTS = ("bo@example.com", "cy@example.com", "di@example.com")
RECEIVED_AT = Receipt.parse(make_event()).received_at
NOT_WANTED = Reason.of_rule("We accept no such mail.\nWrite to Ana's team: ä")
UNKNOWN = Reason.of_answer(Answer(550, "5.1.1 No such user"))


@pytest.fixture
def clock() -> Clock:
    return Clock(RECEIVED_AT + 60)


@pytest.fixture
def service(clock: Clock) -> Iterator[BounceService]:
    with use_moto_account("eu-west-1"):
        create_table("MessagesTable", ses_stack())
        table = MessageTable("ses-MessagesTable", 3600, clock=clock, sleep=clock.sleep)
        yield BounceService("postmaster@example.com", "ses.example.com", table, clock=clock)


@pytest.fixture
def ses(service: BounceService) -> Iterator[Stubber]:
    with Stubber(service._ses) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect(ses: Stubber, reason: Reason, *recipients: str) -> None:
    fields = {"Action": "failed", "Status": reason.status, "DiagnosticCode": reason.diagnostic}
    ses.add_response(
        "send_bounce",
        {"MessageId": "b-1"},
        {
            "OriginalMessageId": "m-1",
            "BounceSender": "postmaster@example.com",
            "Explanation": reason.text,
            "BouncedRecipientInfoList": [{"Recipient": each, "RecipientDsnFields": fields} for each in recipients],
        },
    )


def bounce(
    service: BounceService, reasons: dict[str, Reason], content: bytes = MESSAGE, mail_from: str = "ana@example.net"
) -> list[tuple[str, ...]]:
    receipt = Receipt.parse(make_event(*RECIPIENTS, mail_from=mail_from))
    return list(service.bounce(receipt, reasons, content, Deadline.after(20)))


def test_each_recipient_has_the_text_of_its_rule(service: BounceService, ses: Stubber) -> None:
    expect(ses, NOT_WANTED, "bo@example.com", "di@example.com")
    expect(ses, UNKNOWN, "cy@example.com")

    done = bounce(service, {"bo@example.com": NOT_WANTED, "cy@example.com": UNKNOWN, "di@example.com": NOT_WANTED})
    assert done == [("bo@example.com", "di@example.com"), ("cy@example.com",)]


def test_a_reason_has_a_reply_for_programs() -> None:
    assert NOT_WANTED.status == "5.7.1"
    assert NOT_WANTED.diagnostic == "smtp; 550 5.7.1 We accept no such mail. Write to Ana's team: a"
    assert Reason.of_rule("5.2.1 Closed") == Reason("5.2.1 Closed", "5.2.1", "smtp; 550 5.2.1 Closed")
    assert UNKNOWN.text == "The next mail server answers: 550 5.1.1 No such user"
    assert (UNKNOWN.status, UNKNOWN.diagnostic) == ("5.1.1", "smtp; 550 5.1.1 No such user")
    assert Reason.of_answer(Answer(554, "no")).status == "5.0.0"


def test_there_is_one_call_a_second(service: BounceService, ses: Stubber, clock: Clock) -> None:
    reasons = {each: Reason.of_rule(each) for each in RECIPIENTS}
    for recipient, reason in reasons.items():
        expect(ses, reason, recipient)
    began = clock.now
    bounce(service, reasons)

    assert clock.now - began == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(
    "mail_from, header",
    [("", b""), ("ana@example.net", b"Auto-Submitted: auto-replied\r\n"), ("ana@example.net", b"Content-Type: multipart/report\r\n")],
)
def test_no_bounce_answers_a_report_or_a_null_sender(service: BounceService, ses: Stubber, mail_from: str, header: bytes) -> None:
    assert bounce(service, {"bo@example.com": UNKNOWN}, header + MESSAGE, mail_from) == [("bo@example.com",)]


def list_sent() -> list[Any]:
    account = boto3.client("sts").get_caller_identity()["Account"]
    return list(get_backend("ses")[account]["eu-west-1"].sent_messages)


class TestLater:
    """SendBounce is for a day (SES API reference). Later, or for another ID, SES sends an own report."""

    @pytest.fixture
    def verified(self, service: BounceService) -> None:
        boto3.client("ses").verify_domain_identity(Domain="example.com")

    @pytest.mark.usefixtures("verified")
    def test_after_a_day_the_sender_gets_a_report(self, service: BounceService, ses: Stubber, clock: Clock) -> None:
        clock.now = RECEIVED_AT + 24 * 3600
        assert bounce(service, {"bo@example.com": UNKNOWN}) == [("bo@example.com",)]
        [sent] = list_sent()
        report = email.message_from_string(sent.raw_data, policy=SMTP)

        assert sent.source == "postmaster@example.com"
        assert report["To"] == "ana@example.net"
        assert report.get_content_type() == "multipart/report"
        assert "550 5.1.1 No such user" in sent.raw_data

    @pytest.mark.usefixtures("verified")
    @pytest.mark.parametrize("code", ["InvalidParameterValue", "MessageRejected"])
    def test_an_id_that_ses_does_not_accept_leads_to_a_report(self, service: BounceService, ses: Stubber, code: str) -> None:
        ses.add_client_error("send_bounce", code, "message id")
        assert bounce(service, {"bo@example.com": UNKNOWN}) == [("bo@example.com",)]
        assert len(list_sent()) == 1

    def test_a_sender_that_is_not_verified_is_an_error_of_the_set_up(self, service: BounceService, ses: Stubber, clock: Clock) -> None:
        clock.now = RECEIVED_AT + 24 * 3600
        with pytest.raises(Misconfigured, match="BOUNCE_SENDER"):
            bounce(service, {"bo@example.com": UNKNOWN})


@pytest.mark.parametrize("code, error", [("MessageRejected", Misconfigured), ("Throttling", Throttled)])
def test_recipients_before_an_error_are_done(service: BounceService, ses: Stubber, code: str, error: type[Exception]) -> None:
    expect(ses, NOT_WANTED, "bo@example.com")
    ses.add_client_error("send_bounce", code, "no")
    receipt = Receipt.parse(make_event(*RECIPIENTS))
    done = service.bounce(receipt, {"bo@example.com": NOT_WANTED, "cy@example.com": UNKNOWN}, MESSAGE, Deadline.after(20))

    assert next(done) == ("bo@example.com",)
    with pytest.raises(error):
        next(done)
