"""The verdicts of a policy by SMTP and LMTP, with the answers of the next host."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from mail_gateway.config import Protocol
from mailhooks.relay.errors import Refused, TryAgain
from tests.support.gateway import (
    ANA,
    BO,
    HEADER,
    MESSAGE,
    SENDER,
    Client,
    RunningListener,
    make_configuration,
    make_evaluator,
    run_listener,
    without_trace,
)
from tests.support.smtp_sink import Sink, Step

CY, ARCHIVE = "cy@example.com", "archive@example.com"
TEXT = "550 5.7.1 Not wanted here"


def rule(action: Any, recipient: str = "") -> dict[str, Any]:
    """Return a rule, for one recipient if there is one."""
    return {"do": action} | ({"when": {"recipient": recipient}} if recipient else {})


BOUNCE = {"bounce": "Not wanted here"}


@contextmanager
def session(
    sink: Sink, *rules: dict[str, Any], protocol: Protocol = Protocol.SMTP, **options: Any
) -> Iterator[tuple[RunningListener, Client]]:
    """Run a listener with rules, and greet it."""
    configuration = make_configuration(sink.port, protocol)
    with run_listener(configuration, make_evaluator(*rules)) as gateway, gateway.connect() as client:
        client.greet("LHLO" if protocol is Protocol.LMTP else "EHLO")
        yield gateway, client


def send(client: Client, recipients: Sequence[str], content: bytes = MESSAGE, sender: str = SENDER, replies: int = 1) -> list[str]:
    """Send a message and return the replies to its content."""
    client.begin(sender, *recipients)
    return [client.data(content), *client.read_all(replies - 1)]


def test_a_bounce_for_all_is_the_answer_to_the_content(sink: Sink) -> None:
    with session(sink, rule(BOUNCE)) as (_, client):
        assert send(client, [ANA, BO]) == [TEXT]
    assert sink.received == []


def test_bounces_with_other_texts_are_lines_of_one_answer(sink: Sink) -> None:
    with session(sink, rule(BOUNCE, ANA), rule({"bounce": "Ask Cy"}, BO)) as (_, client):
        assert send(client, [ANA, BO]) == ["550-5.7.1 Not wanted here\n550 5.7.1 Ask Cy"]


def test_a_bounce_for_some_is_reported_to_the_sender_before_the_message_is_passed_on(sink: Sink) -> None:
    with session(sink, rule(BOUNCE, BO)) as (_, client):
        assert send(client, [ANA, BO, CY]) == ["250 2.0.0 Accepted"]
    report, message = sink.received
    assert (report.mail_from, report.recipients) == ("", (SENDER,))
    assert b"Final-Recipient: rfc822; bo@example.com" in report.content
    assert b"Not wanted here" in report.content
    assert message.recipients == (ANA, CY)
    assert without_trace(message.content) == MESSAGE


def test_a_retry_does_not_send_the_report_again(sink: Sink) -> None:
    with session(sink, rule(BOUNCE, BO)) as (_, client):
        sink.on_step = lambda step: sink.replies.update({Step.ACCEPTED: "451 4.3.0 Later"} if sink.received and step is Step.MAIL else {})
        assert send(client, [ANA, BO]) == ["451 4.3.0 Later"]
        sink.on_step, sink.replies = None, {}
        assert send(client, [ANA, BO]) == ["250 2.0.0 Accepted"]
    assert [each.mail_from for each in sink.received] == ["", SENDER]


def test_a_null_sender_gets_no_report(sink: Sink) -> None:
    with session(sink, rule(BOUNCE, BO)) as (_, client):
        assert send(client, [ANA, BO], sender="") == ["250 2.0.0 Accepted"]
    assert [(each.mail_from, each.recipients) for each in sink.received] == [("", (ANA,))]


@pytest.mark.parametrize(
    "step, reply", [(Step.MAIL, "451 4.3.0 Later"), (Step.RCPT, "450 4.2.0 Later"), (Step.ACCEPTED, "452 4.3.1 Later"), (Step.DATA, "")]
)
def test_without_its_report_a_message_is_not_passed_on(sink: Sink, step: Step, reply: str) -> None:
    with session(sink, rule(BOUNCE, BO)) as (_, client):
        client.begin(SENDER, ANA, BO)
        sink.replies = {step: reply}
        assert client.data(MESSAGE).startswith("45")
    assert sink.received == []


def test_a_sender_who_cannot_be_reached_stops_no_mail(sink: Sink) -> None:
    sink.refused = {SENDER: "550 5.1.1 No such user"}
    with session(sink, rule(BOUNCE, BO)) as (gateway, client):
        assert send(client, [ANA, BO]) == ["250 2.0.0 Accepted"]
    assert gateway.log == [("a message is not passed on as it should be", "the next host refuses the delivery status notification")]
    assert [each.recipients for each in sink.received] == [(ANA,)]


@pytest.mark.parametrize("recipients, left", [((ANA,), []), ((ANA, BO), [(BO,)])])
def test_a_drop_is_accepted_and_not_passed_on(sink: Sink, recipients: tuple[str, ...], left: list[tuple[str, ...]]) -> None:
    with session(sink, rule("drop", ANA)) as (_, client):
        [reply] = send(client, recipients)
    assert reply.startswith("250 2.0.0 ")
    assert [each.recipients for each in sink.received] == left


def test_added_recipients_get_the_message(sink: Sink) -> None:
    with session(sink, rule({"add_recipients": [ARCHIVE]})) as (_, client):
        assert send(client, [ANA]) == ["250 2.0.0 Accepted"]
    assert [each.recipients for each in sink.received] == [(ANA, ARCHIVE)]


def test_an_added_recipient_whom_the_next_host_refuses_is_logged_and_not_named_to_the_sender(sink: Sink) -> None:
    sink.refused = {ARCHIVE: "550 5.1.1 No such user"}
    with session(sink, rule({"add_recipients": [ARCHIVE]})) as (gateway, client):
        assert send(client, [ANA]) == ["250 2.0.0 Accepted"]
    assert [(each.mail_from, each.recipients) for each in sink.received] == [(SENDER, (ANA,))]
    assert gateway.log == [("a message is not passed on as it should be", "the next host refuses a recipient at the end of the message")]


@pytest.mark.parametrize("protocol", [Protocol.SMTP, Protocol.LMTP])
def test_a_recipient_whose_replacement_the_next_host_refuses_is_reported(sink: Sink, protocol: Protocol) -> None:
    sink.refused = {ARCHIVE: "550 5.1.1 No such user"}
    redirect = rule([{"add_recipients": [ARCHIVE]}, {"remove_recipients": [BO]}], BO)
    with session(sink, redirect, protocol=protocol) as (_, client):
        replies = send(client, [ANA, BO], replies=2 if protocol is Protocol.LMTP else 1)
    assert {reply[:4] for reply in replies} == {"250 "}
    report, message = sink.received
    assert (report.recipients, message.recipients) == ((SENDER,), (ANA,))
    assert b"Final-Recipient: rfc822; bo@example.com" in report.content
    assert b"archive@" not in report.content


def test_a_recipient_whom_the_next_host_accepts_at_first_and_refuses_in_the_end_is_reported(sink: Sink) -> None:
    with session(sink, rule("drop", CY)) as (_, client):
        for sender in (SENDER, ""):
            client.begin(sender, ANA, BO, CY)
            sink.refused = {BO: "550 5.1.1 No such user"}
            assert client.data(MESSAGE) == (
                "250 2.0.0 Accepted" if sender else "451 4.3.0 The next host refuses a recipient now, try again later"
            )
            sink.refused = {}
    assert [(each.mail_from, each.recipients) for each in sink.received] == [("", (SENDER,)), (SENDER, (ANA,))]


def test_an_added_recipient_whom_the_next_host_accepts_later_delays_the_message(sink: Sink) -> None:
    sink.refused = {ARCHIVE: "450 4.2.0 Greylisted"}
    with session(sink, rule({"add_recipients": [ARCHIVE]})) as (_, client):
        assert send(client, [ANA]) == ["450 4.2.0 Greylisted"]
        sink.refused = {}
        assert send(client, [ANA]) == ["250 2.0.0 Accepted"]
    assert [each.recipients for each in sink.received] == [(ANA, ARCHIVE)]


def test_junk_for_all_is_a_header_field(sink: Sink) -> None:
    with session(sink, rule("junk")) as (_, client):
        send(client, [ANA, BO])
    assert b"X-Spam-Flag: YES\r\n" in sink.received[0].fields


def test_junk_for_some_is_not_written_by_smtp_and_splits_the_message_by_lmtp(sink: Sink) -> None:
    with session(sink, rule("junk", BO)) as (_, client):
        send(client, [ANA, BO])
    assert [(each.recipients, b"X-Spam-Flag" in each.fields) for each in sink.received] == [((ANA, BO), False)]
    sink.received.clear()
    with session(sink, rule("junk", BO), protocol=Protocol.LMTP) as (_, client):
        assert send(client, [ANA, BO, CY], replies=3) == ["250 2.0.0 Accepted"] * 3
    assert [(each.recipients, b"X-Spam-Flag" in each.fields) for each in sink.received] == [((ANA, CY), False), ((BO,), True)]


def test_lmtp_answers_for_each_recipient_also_if_it_is_named_twice(sink: Sink) -> None:
    sink.refused = {"no@example.com": "550 5.1.1 No such user"}
    with session(sink, rule(BOUNCE, BO), rule("drop", CY), protocol=Protocol.LMTP) as (_, client):
        client.begin(SENDER, ANA, BO, "no@example.com", CY, ANA)
        assert [client.data(MESSAGE), *client.read_all(3)] == ["250 2.0.0 Accepted", TEXT, "250 2.0.0 Ok", "250 2.0.0 Accepted"]
    assert [(each.mail_from, each.recipients) for each in sink.received] == [(SENDER, (ANA,))]


def test_lmtp_answers_for_a_recipient_that_the_next_host_refuses_in_the_end(sink: Sink) -> None:
    with session(sink, rule(BOUNCE, BO), protocol=Protocol.LMTP) as (_, client):
        client.begin(SENDER, ANA, BO, CY)
        sink.refused = {CY: "550 5.1.1 No such user"}
        assert [client.data(MESSAGE), *client.read_all(2)] == ["250 2.0.0 Accepted", TEXT, "550 5.1.1 No such user"]
    assert [each.recipients for each in sink.received] == [(ANA,)]


def test_lmtp_passes_one_copy_on_if_the_other_fails(sink: Sink) -> None:
    with session(sink, rule("junk", BO), protocol=Protocol.LMTP) as (_, client):
        sink.on_step = lambda step: sink.replies.update({Step.MAIL: "451 4.3.0 Later"} if step is Step.ACCEPTED else {})
        assert send(client, [ANA, BO], replies=2) == ["250 2.0.0 Accepted", "451 4.3.0 Later"]
    assert [each.recipients for each in sink.received] == [(ANA,)]


@pytest.mark.parametrize("protocol, count", [(Protocol.SMTP, 1), (Protocol.LMTP, 2)])
@pytest.mark.parametrize(
    "error, reply",
    [
        (TryAgain("4.7.1 The message waits for an approval.", held=True), "451 4.7.1 The message waits for an approval."),
        (Refused(554, "5.4.6", "Too many hops"), "554 5.4.6 Too many hops"),
        (ValueError("a word of the mail"), "451 4.3.0 The message cannot be passed on now, try again later"),
    ],
)
def test_an_evaluation_without_a_disposition_keeps_the_message_with_the_client(
    sink: Sink, error: Exception, reply: str, protocol: Protocol, count: int
) -> None:
    class Evaluator:
        def evaluate(self, *_: object) -> Any:
            raise error

    with run_listener(make_configuration(sink.port, protocol), Evaluator()) as gateway, gateway.connect() as client:
        client.greet("LHLO" if protocol is Protocol.LMTP else "EHLO")
        assert send(client, [ANA, BO], replies=count) == [reply] * count
        assert "mail" not in str(gateway.log).replace("message", "")
    assert sink.received == []


def test_a_message_of_more_than_fifty_hops_is_refused(sink: Sink) -> None:
    with session(sink) as (_, client):
        assert send(client, [ANA], b"Received: by a.example.net\r\n" * 51 + MESSAGE)[0].startswith("554 5.4.6 ")


def test_a_message_that_comes_back_passes_once_and_a_forged_mark_does_not_help(sink: Sink) -> None:
    tag = rule({"subject_tag": "[X]"})
    with session(sink, tag) as (_, client):
        send(client, [ANA])
        send(client, [ANA], sink.received[0].content)
        assert sink.received[1].content.count(b"[X]") == 1
        send(client, [ANA], b"X-Mailhooks-Checked: v=1; l=inbound; h=" + b"A" * 43 + b"=\r\n" + MESSAGE)
    assert without_trace(sink.received[2].content) == HEADER.replace(b"Offer", b"[X] Offer") + b"\r\nHello\r\n"
