"""Mail with addresses beyond ASCII (RFC 6531, RFC 6532), from SMTP to the mailbox."""

import smtplib

import pytest

from workmail_local.workmail import LocalWorkMail

RULES = """
[organization]
domains = ["bücher.example"]

[[rules]]
name = "Shop"
direction = "inbound"
action = "lambda"
senders = ["%s"]
function = "rewrite"

[functions.rewrite.environment]
INBOUND_SUBJECT_PREFIX = "[Öffentlich]"
"""
AUTHOR, RECIPIENT = "verkäufer@bücher-shop.example", "änna@bücher.example"
RAW = f"From: Verkauf <{AUTHOR}>\r\nTo: Anna <{RECIPIENT}>\r\nSubject: Grüße\r\n\r\nHallo\r\n".encode()


@pytest.mark.parametrize("pattern", ["bücher-shop.example", "xn--bcher-shop-9db.example", "*.bücher-shop.example", AUTHOR])
def test_a_rule_applies_to_a_domain_beyond_ascii(pattern: str) -> None:
    with LocalWorkMail(RULES % pattern) as wm:
        with smtplib.SMTP("127.0.0.1", wm.smtp_port("INBOUND"), timeout=30) as client:
            client.sendmail(AUTHOR, [RECIPIENT], RAW, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        wm.wait_until_idle(60)
        wm.send(RAW)
        for number in (1, 2):
            trace = wm.history.trace(number)
            assert trace is not None
            assert (trace.summary.author, trace.summary.subject) == (f"Verkauf <{AUTHOR}>", "Grüße")
            assert [(run.rule, run.recipients, run.problems) for run in trace.rule_runs] == [("Shop", (RECIPIENT,), ())]
        assert len(wm.delivered(RECIPIENT)) == 2
        assert all(f"From: Verkauf <{AUTHOR}>".encode() in copy.raw for copy in wm.delivered(RECIPIENT))
