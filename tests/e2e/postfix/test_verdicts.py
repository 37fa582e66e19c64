"""Every verdict through a real Postfix: as milter, as content filter by LMTP and SMTP, and as before-queue proxy. Mail by swaks."""

import re

import pytest

from tests.e2e.postfix.cases import NORA, Case
from tests.e2e.postfix.mail_path import BEFORE_QUEUE, WAYS, MailPath
from tests.support.gateway_process import GatewayProcess
from tests.support.waiting import wait_until

ANA, BO, CLEO = "ana@example.com", "bo@example.com", "cleo@example.com"

pytestmark = [pytest.mark.usefixtures("gateways"), pytest.mark.parametrize("way", WAYS)]

_PROGRAM = b"""\
--b\r
Content-Type: text/plain\r
\r
See the file.\r
--b\r
Content-Type: application/octet-stream; name="invoice.exe"\r
Content-Disposition: attachment; filename="invoice.exe"\r
Content-Transfer-Encoding: base64\r
\r
TVqQAAMAAAAEAAAA\r
--b--\r
"""


def test_a_message_without_a_rule_keeps_its_octets(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Hello", b"one\r\n.\r\n..two \xff\r\n\r\n", b"X-Folded: a\r\n\tb\r\n")
    assert case.send(ANA, BO).end.startswith("250")
    assert case.read_content() == case.content
    assert {address for each in case.read() for address in each.recipients} == {ANA, BO}
    assert {each.mail_from for each in case.read()} == {NORA}


def test_the_subject_is_tagged(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Tag")
    assert case.send(ANA).end.startswith("250")
    assert case.read_content() == case.content.replace(b"Subject: ", b"Subject: [EXTERNAL] ")


def test_a_disclaimer_is_added(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Disclaimer")
    case.send(ANA)
    header, _, body = case.read_content().partition(b"\r\n\r\n")
    assert header.startswith(case.content.partition(b"\r\n\r\n")[0])
    assert body == b"Hello\r\n\r\nConfidential.\r\n"


def test_an_attachment_is_replaced_by_a_notice(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Programs", _PROGRAM, b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n")
    case.send(ANA)
    content = case.read_content()
    assert content.startswith(case.content[: case.content.index(b"Content-Type: application")])
    assert b"Removed: invoice.exe" in content
    assert b"TVqQ" not in content


def test_a_bounce_for_all_reaches_the_sender_with_the_rules_text(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Bounce")
    reply = case.send(ANA, BO).end
    if way in BEFORE_QUEUE:
        assert reply == "550 5.7.1 We accept no offers."
        assert not case.read_bounces()
    else:
        assert reply.startswith("250")
        [bounce] = case.read_bounces()
        assert bounce.recipients == (NORA,)
        assert b"We accept no offers." in bounce.content
    assert not case.read()


def test_a_bounce_for_one_of_three_reaches_the_sender_and_the_others_get_the_message(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Three")
    assert case.send(ANA, BO, CLEO).end.startswith("250")
    assert case.read_content() == case.content
    assert {address for each in case.read() for address in each.recipients} == {ANA, CLEO}
    [bounce] = case.read_bounces()
    assert (bounce.mail_from, bounce.recipients) == ("", (NORA,))
    assert b"Bo has left." in bounce.content
    assert re.findall(rb"^Final-Recipient: (.*)\r$", bounce.content, re.MULTILINE) == [b"rfc822; bo@example.com"]


def test_a_bounce_for_one_of_three_is_not_sent_to_a_null_sender(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Three")
    assert case.send(ANA, BO, CLEO, sender="<>").end.startswith("250")
    mail_path.wait()
    arrived = [each for each in mail_path.sink.received if case.id in each.content]
    assert {address for each in arrived for address in each.recipients} == {ANA, CLEO}


def test_a_drop_is_silent(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Drop")
    assert case.send(ANA, BO).end.startswith("250")
    assert not case.read()
    assert not case.read_bounces()


def test_a_drop_for_one_recipient_is_silent_and_the_other_gets_the_message(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Leave")
    assert case.send(ANA, BO).end.startswith("250")
    [arrived] = case.read()
    assert arrived.recipients == (ANA,)
    assert not case.read_bounces()


def test_junk_gets_the_listeners_header_field(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Junk")
    case.send(ANA)
    content = case.read_content()
    assert content.count(b"X-Spam-Flag: YES\r\n") == 1
    assert content.replace(b"X-Spam-Flag: YES\r\n", b"") == case.content


def test_an_added_recipient_gets_the_message(mail_path: MailPath, way: str) -> None:
    case = Case(mail_path, way, "Copy")
    case.send(ANA)
    assert sorted(address for each in case.read() for address in each.recipients) == [ANA, "archive@example.com"]


def test_mail_waits_for_a_gateway_that_is_away(mail_path: MailPath, way: str, gateways: dict[str, GatewayProcess]) -> None:
    case = Case(mail_path, way, "Tag")
    before = len(mail_path.postfix.log)
    gateways[way].stop()
    try:
        reply = case.send(ANA).end
        if way in BEFORE_QUEUE:
            assert reply.startswith("451 4.")
        else:
            assert reply.startswith("250")
            wait_until(lambda: "status=deferred" in mail_path.postfix.log[before:])
        assert not mail_path.sink.find(case.id)
    finally:
        gateways[way].start()
    if way in BEFORE_QUEUE:
        assert case.send(ANA).end.startswith("250")
    assert case.read_content() == case.content.replace(b"Subject: ", b"Subject: [EXTERNAL] ")
