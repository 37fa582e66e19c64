"""Outbound rules and fallbacks that route to an SMTP gateway: a real SMTP server on this machine."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.queue import ALL, ANA, NORA, ORGANIZATION, Queue, Scripted, action, destinations
from tests.support.smtp_recorder import REFUSED, Recorder, recording
from workmail_local.config.configuration import load_configuration
from workmail_local.mail.history import Destination, MessageTrace
from workmail_local.mail.job import DeliveryJob
from workmail_local.queue.disposition import apply_results
from workmail_local.storage.tables import load_all

RAW = b"From: ana@example.com\r\nTo: nora@example.net\r\nSubject: Hello\r\n\r\n.\r\n..dots\r\nB\xc3\xbccher\r\n"


@pytest.fixture
def gateway() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


class Sender:
    """Queues whose one rule is for outbound mail, and that end with their test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.queues: list[Queue] = []

    def send(self, rule: str, port: int, *recipients: str, login: str = "", response: Any = ALL, mail_from: str = ANA) -> MessageTrace:
        text = ORGANIZATION + f'[[gateways]]\nname = "relay"\nport = {port}\n{login}\n'
        text += f'[[rules]]\nname = "R"\ndirection = "outbound"\nsenders = ["*"]\n{rule}\n'
        queue = Queue(self._folder / f"{len(self.queues)}", load_configuration(text), Scripted(response))
        self.queues.append(queue)
        queue.workers.start()
        return queue.send(*(recipients or (NORA,)), mail_from=mail_from, raw=RAW)


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    found = Sender(tmp_path)
    yield found
    for queue in found.queues:
        queue.workers.stop()
        queue.spool.close()


ROUTE = 'action = "smtp-gateway"\ngateway = "relay"'
FALLBACK = 'action = "lambda"\nfunction = "rewrite"\nfallback = "smtp-gateway"\ngateway = "relay"\ntimeout-minutes = 0'


def test_a_rule_routes_mail_to_its_gateway_byte_for_byte(gateway: Recorder, sender: Sender) -> None:
    trace = sender.send(ROUTE, gateway.port, NORA, "ben@example.com")
    assert destinations(trace) == {NORA: Destination.GATEWAY, "ben@example.com": Destination.GATEWAY}
    assert gateway.received == [(ANA, [NORA, "ben@example.com"], RAW)]
    [result, _] = trace.rule_runs[0].results
    assert (result.note, trace.rule_runs[0].problems) == ("relay", ())
    assert [copy.raw for copy in sender.queues[0].maildirs.delivered(NORA)] == [RAW]


def test_the_fallback_action_may_route_to_a_gateway(gateway: Recorder, sender: Sender) -> None:
    trace = sender.send(FALLBACK, gateway.port, response=ValueError("odd"))
    assert destinations(trace) == {NORA: Destination.GATEWAY}
    assert len(gateway.received) == 1


def test_only_recipients_whom_the_response_leaves_out_are_routed_to_the_gateway_of_the_fallback(gateway: Recorder, sender: Sender) -> None:
    named = "named@example.net"
    trace = sender.send(FALLBACK, gateway.port, named, NORA, response={"actions": [action("DEFAULT", named)]})
    assert destinations(trace) == {named: Destination.OUTGOING, NORA: Destination.GATEWAY}
    assert [recipients for _, recipients, _ in gateway.received] == [[NORA]]


def test_a_valid_response_needs_no_gateway(gateway: Recorder, sender: Sender) -> None:
    assert destinations(sender.send(FALLBACK, gateway.port)) == {NORA: Destination.OUTGOING}
    assert gateway.received == []


def test_mail_to_a_gateway_that_cannot_be_reached_bounces_to_the_sender(sender: Sender) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        trace = sender.send(ROUTE, unused.getsockname()[1])
    assert destinations(trace) == {NORA: Destination.BOUNCED}
    why = "5.4.1 The SMTP gateway cannot be reached (ConnectionRefusedError)."
    assert trace.rule_runs[0].problems == (f'SMTP gateway "relay": {why}',)
    [bounce] = sender.queues[0].maildirs.delivered(ANA)
    assert (bounce.destination, why in bounce.raw.decode()) == (Destination.INBOX, True)


def test_a_recipient_whom_the_gateway_rejects_bounces_alone(gateway: Recorder, sender: Sender) -> None:
    trace = sender.send(ROUTE, gateway.port, NORA, REFUSED)
    assert destinations(trace) == {NORA: Destination.GATEWAY, REFUSED: Destination.BOUNCED}
    assert [recipients for _, recipients, _ in gateway.received] == [[NORA]]
    [bounce] = sender.queues[0].maildirs.delivered(ANA)
    assert "550 5.1.1 No such user" in bounce.raw.decode()


@pytest.mark.parametrize("recipients", [(NORA,), (NORA, "ben@example.net"), (REFUSED,)])
def test_mail_that_the_gateway_rejects_bounces_for_all(recipients: tuple[str, ...], gateway: Recorder, sender: Sender) -> None:
    gateway.reply = "554 5.7.1 Not this content"
    trace = sender.send(ROUTE, gateway.port, *recipients)
    assert set(destinations(trace).values()) == {Destination.BOUNCED}


def test_a_gateway_with_a_user_gets_the_password(gateway: Recorder, sender: Sender) -> None:
    login = 'user = "relay-user"\npassword = "{}"'
    assert destinations(sender.send(ROUTE, gateway.port, login=login.format("secret"))) == {NORA: Destination.GATEWAY}
    assert destinations(sender.send(ROUTE, gateway.port, login=login.format("wrong"))) == {NORA: Destination.BOUNCED}
    assert gateway.logins == [(b"relay-user", b"secret"), (b"relay-user", b"wrong")]


def test_addresses_beyond_ascii_are_sent_as_utf_8(gateway: Recorder, sender: Sender) -> None:
    assert destinations(sender.send(ROUTE, gateway.port, "zoë@example.net")) == {"zoë@example.net": Destination.GATEWAY}
    assert gateway.received[0][1] == ["zoë@example.net"]


def test_a_rule_without_a_gateway_stores_its_mail(sender: Sender) -> None:
    trace = sender.send('action = "smtp-gateway"', 2525)
    assert destinations(trace) == {NORA: Destination.GATEWAY}
    assert [copy.destination for copy in sender.queues[0].maildirs.delivered(NORA)] == [Destination.GATEWAY]


def test_a_message_is_not_sent_again_when_its_delivery_is_repeated(gateway: Recorder, sender: Sender) -> None:
    """As after a crash between the delivery and the end of the job."""
    sender.send(ROUTE, gateway.port)
    queue = sender.queues[0]
    [job] = load_all(DeliveryJob, queue.spool._database.read("SELECT job FROM jobs"))
    apply_results(job, RAW, queue.maildirs, queue.configuration)
    assert len(gateway.received) == 1
    assert len(queue.maildirs.delivered(NORA)) == 1
