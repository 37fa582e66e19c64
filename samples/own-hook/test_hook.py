"""Runs the hook on a local WorkMail: `make .venv/.ready-dev && .venv/bin/python -m pytest samples/own-hook`."""

from pathlib import Path

import pytest

from workmail_local.workmail import LocalWorkMail

RULES = f"""
organization = {{ domains = ["example.com"] }}

[[rules]]
name = "Subject"
direction = "outbound"
action = "lambda"
senders = ["*"]
function = "require-subject"

[functions.require-subject]
path = "{Path(__file__).parent / "hook"}"
handler = "app.handler"
"""
MESSAGE = b"From: ana@example.com\r\nTo: nora@example.net\r\nDate: 2 Nov 2026 09:00:00 +0000\r\n%b\r\nHello\r\n"


@pytest.mark.parametrize("subject,delivered,returned", [(b"Subject: Offer\r\n", 1, 0), (b"", 0, 1), (b"Subject:  \r\n", 0, 1)])
def test_mail_without_a_subject_returns_to_its_sender(subject: bytes, delivered: int, returned: int) -> None:
    with LocalWorkMail(RULES) as workmail:
        workmail.send(MESSAGE % subject, direction="OUTBOUND")

        assert len(workmail.delivered("nora@example.net")) == delivered
        bounces = workmail.delivered("ana@example.com")
        assert len(bounces) == returned
        assert all(b"with a subject" in bounce.raw for bounce in bounces)
