"""Odd octets through Postfix: what Postfix itself changes, and what the gateway and the milter keep."""

import re

import pytest

from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.policy.loading.loader import load_policy
from mailhooks.relay.platforms import GATEWAY
from tests.e2e.postfix.cases import remove_trace_fields
from tests.e2e.postfix.gateways import POLICY
from tests.e2e.postfix.mail_path import WAYS, MailPath
from tests.e2e.postfix.odd_mail import CHANGED, UNCHANGED, OddMessage
from tests.support.smtp_peers import Client, stuffed

_MESSAGES = pytest.mark.parametrize("message", [*UNCHANGED, *CHANGED], ids=lambda message: message.name)


@_MESSAGES
def test_postfix_alone_changes_what_the_table_lists(mail_path: MailPath, message: OddMessage) -> None:
    assert _send(mail_path, "plain", message.sent, b"ana@example.com") == message.expect("plain")


@_MESSAGES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("gateways")
def test_the_gateway_and_the_milter_keep_all_octets(mail_path: MailPath, way: str, message: OddMessage) -> None:
    assert _send(mail_path, way, message.sent, b"ana@example.com") == message.expect(way)


@_MESSAGES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("gateways")
def test_a_change_leaves_the_other_octets_as_they_are(mail_path: MailPath, way: str, message: OddMessage) -> None:
    arrived = _send(mail_path, way, message.sent, b"odd@example.com")
    unchanged = message.expect(way)
    if way == "milter" and b"\r\n\r\n" not in unchanged:
        # A milter cannot know that a message ends without the blank line behind its header.
        unchanged += b"\r\n"
    expected = apply_policy(unchanged)
    if not expected.endswith(b"\r\n"):
        expected += b"\r\n"
    if way == "proxy":
        # Before the queue, Postfix has only read lines: it makes its other changes behind the gateway.
        changed = apply_policy(re.sub(rb"(?<!\r)\n", b"\r\n", message.sent))
        expected = _send(mail_path, "plain", changed, b"ana@example.com")
    assert arrived == expected


def _send(path: MailPath, way: str, content: bytes, recipient: bytes) -> bytes:
    """Send a message, and return the one that arrived, without trace fields."""
    path.wait()
    before = len(path.sink.received)
    with Client(path.listeners[way]) as client:
        assert client.begin(recipient).startswith("354")
        client.socket.sendall(stuffed(content))
        assert client.say(b".").startswith("250")
    path.wait()
    [arrived] = path.sink.received[before:]
    return remove_trace_fields(arrived.content)


def apply_policy(content: bytes) -> bytes:
    """Return a message with the changes of the rule for odd@example.com, which the library makes without a mail server."""
    envelope = Envelope(
        mail_from="nora@example.net",
        recipients=("odd@example.com",),
        sender=None,
        subject="",
        message_id="1",
        invocation_id="1",
        flow_direction=FlowDirection.INBOUND,
    )
    evaluator = PolicyEvaluator(FixedPolicy(load_policy(POLICY)), GATEWAY)
    decision = evaluator.evaluate(Mail(envelope, lambda: content, Deadline.after(60)))
    assert decision.change
    return b"".join(decision.change.pieces())
