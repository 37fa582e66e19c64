"""Envelopes through Postfix and the gateway: clients, internationalized addresses, and messages in Postfix's hold queue."""

import re

import pytest

from tests.e2e.postfix.cases import Case
from tests.e2e.postfix.mail_path import FILTERS, WAYS, MailPath
from tests.support.smtp_peers import Client, stuffed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("gateways")


@pytest.mark.parametrize("way", FILTERS)
def test_postfix_behind_the_gateway_knows_the_client_in_front_of_it(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Hello")
    case.send("ana@example.com")
    [arrived] = case.read()
    [queue_id] = re.findall(r"with ESMTP id (\w+)", arrived.content.partition(b"\r\nReceived:")[0].decode())
    assert re.search(rf" {queue_id}: client=.*, orig_client=localhost\[127\.0\.0\.1\]", mail_path.postfix.log)


@pytest.mark.parametrize("way", WAYS)
def test_an_internationalized_address_arrives(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Grüße Tag")
    with Client(mail_path.listeners[way]) as client:
        assert client.say("MAIL FROM:<jürgen@example.net> SMTPUTF8 BODY=8BITMIME".encode()).startswith("250")
        assert client.say("RCPT TO:<ünal@example.com>".encode()).startswith("250")
        assert client.say(b"DATA").startswith("354")
        client.socket.sendall(stuffed(case.content))
        assert client.say(b".").startswith("250")
    [arrived] = case.read()
    assert (arrived.mail_from, arrived.recipients) == ("jürgen@example.net", ("ünal@example.com",))
    assert "SMTPUTF8" in arrived.parameters
    assert "Subject: [EXTERNAL] Grüße Tag\r\n".encode() in arrived.content


def test_a_message_that_the_milter_quarantines_waits_until_the_operator_releases_it(mail_path: MailPath) -> None:
    case = Case(mail_path, "milter", "Hold")
    assert case.send("ana@example.com").end.startswith("250")
    wait_until(mail_path.postfix.list_quarantine)
    assert not case.read()
    mail_path.postfix.release()
    wait_until(lambda: mail_path.sink.find(case.id))
    assert case.read_content() == case.content
    assert not case.read_bounces()


def test_a_loop_ends_and_the_sender_gets_one_bounce(mail_path: MailPath) -> None:
    case = Case(mail_path, "loop", "Tag")
    assert case.send("ana@example.com").end.startswith("250")
    wait_until(case.read_bounces)
    assert not case.read()
    [bounce] = case.read_bounces()
    assert b"too many hops" in bounce.content.lower()
    assert bounce.content.count(b"[EXTERNAL]") == 1
