"""Odd octets through Postfix: what Postfix itself changes, and what the gateway and the milter keep."""

import re

import pytest

from tests.e2e.postfix.mail_path import MailPath
from tests.e2e.postfix.odd_mail import CHANGED, UNCHANGED, OddMessage
from tests.support.smtp_peers import Client
from tests.support.waiting import wait_until

_RECEIVED = re.compile(rb"(?:Received: .*\r\n(?:\s.*\r\n)*)+")


@pytest.mark.parametrize("message", [*UNCHANGED, *CHANGED], ids=lambda message: message.name)
def test_postfix_alone_changes_what_the_table_lists(mail_path: MailPath, message: OddMessage) -> None:
    before = len(mail_path.sink.received)
    with Client(mail_path.listeners["plain"]) as client:
        assert client.send(message.sent).startswith("250")
    wait_until(lambda: len(mail_path.sink.received) > before)
    [arrived] = mail_path.sink.received[before:]
    assert _RECEIVED.sub(b"", arrived.content, 1) == message.expected
