"""The action `hold` of the deployed function over HTTP: DynamoDB, SES, SNS and Secrets Manager."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import SESBackend, ses_backends

from mailhooks.aws.hold_table import HoldKey, HoldTable
from mailhooks.aws.session import open_session
from mailhooks.deadline import Deadline
from mailhooks.errors import StillHeld, TransientError
from mailhooks.report_names import HoldState
from tests.integration.conftest import Load
from tests.integration.hooks.test_mailflow import RAW
from tests.support.holds import SECRET, SENDER, link_of, make_holds_table
from tests.support.mail import event
from workmail_local.workmail import REGION, LocalWorkMail

POLICY = """
version: 1
organization: { domains: [example.com] }
rules:
  - name: four eyes
    when: { direction: inbound }
    do:
      hold: { approvers: [boss@example.com], notify: { sns: "%s" }, timeout: 2h, on_timeout: bounce }
  - name: tag
    do: { subject_tag: "[OK]" }
"""


@dataclass
class Stack:
    """The function and its resources."""

    workmail: LocalWorkMail
    load: Callable[[], ModuleType]
    table: str
    ses: SESBackend
    logs: pytest.CaptureFixture[str]

    @cached_property
    def handler(self) -> Any:
        """Loaded by the test itself, which captures the log."""
        return self.load().handler

    def arrive(self) -> dict[str, Any]:
        return event("ana@example.com", messageId=self.workmail.store.add(RAW), subject="Offer")

    def log(self) -> dict[str, Any]:
        lines = [json.loads(line) for line in self.logs.readouterr().out.splitlines() if line.startswith("{")]
        return next(line for line in lines if "_aws" not in line)


@pytest.fixture
def stack(wm: LocalWorkMail, load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Stack]:
    open_session.cache_clear()
    url = wm.environment["AWS_ENDPOINT_URL_DYNAMODB"]
    backend = ses_backends[DEFAULT_ACCOUNT_ID][REGION]
    backend.reset()
    topic = wm.client("sns").create_topic(Name="holds")["TopicArn"]
    secret = wm.client("secretsmanager").create_secret(Name=f"approval-{tmp_path.name}", SecretString=SECRET)["ARN"]
    boto3.client("sesv2", endpoint_url=url).create_email_identity(EmailIdentity=SENDER)
    backend.verify_email_identity(SENDER)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY % topic)
    table = make_holds_table(wm)
    variables = {
        # moto's SES and not the local WorkMail's, which rejects no sender.
        "AWS_ENDPOINT_URL_SESV2": url,
        "HOLDS_TABLE": table,
        "APPROVAL_URL": "https://approve.example.com/",
        "APPROVAL_SECRET": secret,
        "APPROVAL_SENDER": SENDER,
    }
    yield Stack(wm, partial(load, "mailflow", POLICY=str(policy), **variables), table, backend, capsys)
    open_session.cache_clear()


def decide(stack: Stack, state: HoldState, reason: str = "") -> None:
    [mail] = stack.ses.sent_messages
    link = link_of(mail.raw_data.encode())
    HoldTable(stack.table).decide(
        HoldKey(*link.hold_key), state, reason=reason, decided_by="boss@example.com", now=1, deadline=Deadline.after(20)
    )


def test_a_message_is_held_until_it_is_approved_and_then_changed(stack: Stack) -> None:
    document = stack.arrive()
    for _ in range(2):
        with pytest.raises(StillHeld):
            stack.handler(document, None)
    line = stack.log()
    assert (line["level"], line["holds"]) == ("INFO", [{"rule": "four eyes", "state": "pending"}])
    assert "@" not in json.dumps(line)
    assert stack.workmail.store.puts(document["messageId"]) == 0
    assert [set(mail.destinations) for mail in stack.ses.sent_messages] == [{"boss@example.com"}]

    decide(stack, HoldState.APPROVED)
    assert stack.handler(document, None) == {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
    assert b"Subject: [OK] Offer" in stack.workmail.store.content(document["messageId"])
    assert stack.log()["holds"] == [{"rule": "four eyes", "state": "approved"}]
    assert stack.handler(document, None) == {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
    assert stack.workmail.store.puts(document["messageId"]) == 1


def test_a_rejected_message_is_bounced_unchanged(stack: Stack) -> None:
    document = stack.arrive()
    with pytest.raises(StillHeld):
        stack.handler(document, None)
    decide(stack, HoldState.REJECTED, "not now")
    [entry] = stack.handler(document, None)["actions"]
    assert entry["action"]["type"] == "BOUNCE"
    assert entry["action"]["parameters"]["bounceMessage"].endswith("not now")
    assert stack.workmail.store.puts(document["messageId"]) == 0


def test_a_sender_that_ses_does_not_know_leaves_the_other_approver_and_a_line_in_the_log(stack: Stack) -> None:
    stack.ses.reset()
    with pytest.raises(StillHeld):
        stack.handler(stack.arrive(), None)
    [failure] = stack.log()["failures"]
    assert (failure["rule"], failure["what"], failure["error"]) == ("four eyes", "hold", "Misconfigured")
    assert "verify the sender in SES" in failure["detail"]


@pytest.mark.parametrize("variable", ["HOLDS_TABLE", "APPROVAL_SECRET"])
def test_mail_does_not_pass_while_a_resource_is_missing(variable: str, stack: Stack) -> None:
    stack.load = partial(stack.load, **{variable: "missing"})
    with pytest.raises(TransientError) as failed:
        stack.handler(stack.arrive(), None)
    assert not isinstance(failed.value, StillHeld)
    assert stack.ses.sent_messages == []
