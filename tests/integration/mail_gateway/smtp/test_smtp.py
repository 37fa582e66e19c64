"""The gateway between real sockets: a client in front of it, and the next host behind it."""

import smtplib

import pytest

from tests.support.gateway import ANA, BO, MESSAGE, SENDER, make_configuration, make_evaluator, run_listener, without_trace
from tests.support.smtp_sink import Sink, Step, run_sink

TAG = {"name": "Tag", "do": {"subject_tag": "[X]"}}


def test_a_message_is_passed_on_with_its_envelope_and_its_octets(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, smtplib.SMTP("127.0.0.1", gateway.port) as client:
        refused = client.sendmail(SENDER, [ANA, BO], MESSAGE, mail_options=["BODY=8BITMIME"])
    assert refused == {}
    [received] = sink.received
    assert (received.mail_from, received.recipients) == (SENDER, (ANA, BO))
    assert without_trace(received.content) == MESSAGE
    assert received.parameters == ("BODY=8BITMIME", f"SIZE={len(MESSAGE)}")


def test_the_greeting_lists_the_extensions(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port, max_message_octets=1000)) as gateway, gateway.connect() as client:
        assert client.greet().splitlines() == [
            "250-gateway.example.com",
            "250-SIZE 1000",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-PIPELINING",
            "250-ENHANCEDSTATUSCODES",
            "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
        ]
        assert client.command("HELO client.example.net") == "250 gateway.example.com"


def test_a_rule_changes_the_message_in_the_transaction_that_the_client_began(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port), make_evaluator(TAG)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.begin(SENDER, ANA) == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert without_trace(sink.received[0].content) == MESSAGE.replace(b"Offer", b"[X] Offer")
    assert [line.partition(" ")[0] for line in sink.commands] == ["EHLO", "MAIL", "RCPT", "DATA"]


def test_several_messages_use_one_connection_to_the_next_host(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        for _ in range(3):
            client.begin(SENDER, ANA)
            client.command("RSET")
            client.begin(SENDER, BO)
            assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert sink.connections == 1
    assert [each.recipients for each in sink.received] == [(BO,)] * 3


def test_the_answers_to_mail_and_rcpt_are_those_of_the_next_host(sink: Sink) -> None:
    sink.refused = {BO: "550 5.1.1 No such user", "cy@example.com": "450 4.2.0 Greylisted"}
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.begin(SENDER, ANA, BO, "cy@example.com")[1:] == ["250 2.1.5 Ok", "550 5.1.1 No such user", "450 4.2.0 Greylisted"]
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
        sink.replies = {Step.MAIL: "552 5.3.4 Too large"}
        assert client.begin(SENDER) == ["552 5.3.4 Too large"]
    assert [each.recipients for each in sink.received] == [(ANA,)]


LOST = "451 4.4.2 the connection to the next host ended, try again later"
FAILURES = {
    "550 5.7.1 Not wanted": "550 5.7.1 Not wanted",
    "554 Not wanted": "554 5.0.0 Not wanted",
    "452 4.3.1 Disk full": "452 4.3.1 Disk full",
    "550 4.3.1 A wrong class": "550 5.0.0 A wrong class",
    "550-5.7.1 First\r\n550 5.7.1 second": "550-5.7.1 First\n550 5.7.1 second",
    "421 4.3.2 Stopping": "451 4.3.2 Stopping",
    "": LOST,
    "nonsense": "451 4.4.1 the next host cannot be reached, try again later",
}
UNEXPECTED = "451 4.5.0 The next host gave an answer that SMTP does not have here, try again later"


@pytest.mark.parametrize(
    "step, reply, expected",
    [
        *((step, reply, expected) for step in (Step.MAIL, Step.RCPT, Step.DATA, Step.ACCEPTED) for reply, expected in FAILURES.items()),
        *((step, "354 Go on", UNEXPECTED) for step in (Step.MAIL, Step.RCPT, Step.ACCEPTED)),
        (Step.DATA, "250 Ok", UNEXPECTED),
    ],
)
def test_each_failure_of_the_next_host_reaches_the_client(sink: Sink, step: Step, reply: str, expected: str) -> None:
    sink.replies = {step: reply}
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        replies = client.begin(SENDER, ANA)
        got = {Step.MAIL: replies[0], Step.RCPT: replies[1]}.get(step)
        assert (got or client.data(MESSAGE)) == expected
        assert sink.received == []
        # The session continues, and the message gets through when the next host accepts it.
        sink.replies = {}
        client.command("RSET")
        client.begin(SENDER, ANA)
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert len(sink.received) == 1


def test_without_a_next_host_the_client_is_asked_to_try_again() -> None:
    with run_sink() as sink:
        port = sink.port
    with run_listener(make_configuration(port)) as gateway, gateway.connect() as client:
        client.greet()
        assert client.begin(SENDER)[0] == "451 4.4.1 the next host cannot be reached, try again later"
        assert gateway.log == [("a command is not passed on", "the next host cannot be reached")]


def test_a_connection_that_the_next_host_closed_meanwhile_is_opened_again(sink: Sink) -> None:
    with run_listener(make_configuration(sink.port)) as gateway, gateway.connect() as client:
        client.greet()
        client.begin(SENDER, ANA)
        sink.replies = {Step.RCPT: ""}
        assert client.command(f"RCPT TO:<{BO}>") == LOST
        sink.replies = {}
        assert client.data(MESSAGE) == "250 2.0.0 Accepted"
    assert sink.connections == 2
    assert sink.received[0].recipients == (ANA,)
