"""Held mail through two instances of the gateway that share the table of holds, on DynamoDB's and SES's APIs."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import SESBackend, ses_backends

from mail_gateway.config import Protocol
from mailhooks.aws.hold_table import HoldKey, HoldTable
from mailhooks.aws.session import open_session
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.holds.aws_holds import AwsHolds
from mailhooks.deadline import Deadline
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.platforms import GATEWAY
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings
from tests.support.gateway import ANA, BO, LISTENER, MESSAGE, SENDER, Client, Records, make_configuration, run_listener, without_trace
from tests.support.holds import HOLD, SECRET, link_of, make_holds_table
from tests.support.holds import SENDER as APPROVAL_SENDER
from tests.support.policies import make_policy
from tests.support.smtp_sink import Sink
from workmail_local.workmail import REGION, LocalWorkMail

RULES = ({"name": "four eyes", "when": {"recipient": BO}, "do": {"hold": HOLD}}, {"do": {"subject_tag": "[OK]"}})
HELD = "451 4.7.1 The message waits for an approval. Try again later."
TAGGED = MESSAGE.replace(b"Offer", b"[OK] Offer")


@dataclass
class Instances:
    """Instances of a gateway with one configuration."""

    ports: list[int]
    sink: Sink
    table: str
    ses: SESBackend
    clock: list[float]
    records: list[Records]

    def send(self, instance: int, attempt: int = 0, recipients: tuple[str, ...] = (ANA, BO)) -> str:
        """Send the message as a client that adds a Received field in each attempt, and return the reply to its content."""
        received = b"Received: from a by b; Mon, 4 May 2026 08:0%d:00 +0000\r\n" % attempt
        with Client(self.ports[instance]) as client:
            client.greet()
            client.begin(SENDER, *recipients)
            return client.data(received + MESSAGE)

    def decide(self, state: HoldState, reason: str = "") -> None:
        link = link_of(self.ses.sent_messages[0].raw_data.encode())
        HoldTable(self.table).decide(
            HoldKey(*link.hold_key), state, reason=reason, decided_by="boss@example.com", now=1, deadline=Deadline.after(20)
        )


@pytest.fixture
def instances(wm: LocalWorkMail, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instances]:
    open_session.cache_clear()
    url = wm.environment["AWS_ENDPOINT_URL_DYNAMODB"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
    backend = ses_backends[DEFAULT_ACCOUNT_ID][REGION]
    backend.reset()
    boto3.client("sesv2", endpoint_url=url).create_email_identity(EmailIdentity=APPROVAL_SENDER)
    backend.verify_email_identity(APPROVAL_SENDER)
    table = make_holds_table(wm)
    secret = wm.client("secretsmanager").create_secret(Name=f"approval-{table}", SecretString=SECRET)["ARN"]
    settings = Settings(
        holds_table=table, approval_url="https://approve.example.com/", approval_secret=secret, approval_sender=APPROVAL_SENDER
    )
    clock = [1_800_000_000.0]
    found = Instances([], sink, table, backend, clock, [Records(), Records()])
    with ExitStack() as stack:
        for records in found.records:
            policy = FixedPolicy(make_policy(*RULES))
            evaluator = PolicyEvaluator(policy, GATEWAY, make_holds=lambda: AwsHolds(settings, clock=lambda: clock[0]))
            configuration = make_configuration(sink.port, Protocol.SMTP)
            running = stack.enter_context(run_listener(configuration, MessageEvaluator(LISTENER, evaluator, records)))
            found.ports.append(running.port)
        yield found
    open_session.cache_clear()


def test_an_approved_message_is_passed_on_once_by_the_instance_that_gets_the_next_attempt(instances: Instances) -> None:
    assert [instances.send(attempt % 2, attempt) for attempt in range(3)] == [HELD] * 3
    # The approvers are asked at the same time.
    assert sorted(next(iter(mail.destinations)) for mail in instances.ses.sent_messages) == HOLD["approvers"]
    assert instances.sink.received == []
    instances.decide(HoldState.APPROVED)
    assert instances.send(1, 4) == "250 2.0.0 Accepted"
    [message] = instances.sink.received
    assert message.recipients == (ANA, BO)
    assert without_trace(message.content).endswith(TAGGED)
    assert instances.records[1].records[-1].log["holds"] == [{"rule": "four eyes", "state": "approved"}]


def test_a_rejected_message_reaches_the_other_recipient_and_its_sender_learns_of_it(instances: Instances) -> None:
    assert instances.send(0) == HELD
    instances.decide(HoldState.REJECTED, "not our supplier")
    assert instances.send(1, 1) == "250 2.0.0 Accepted"
    report, message = instances.sink.received
    assert (report.mail_from, report.recipients) == ("", (SENDER,))
    assert b"not our supplier" in report.content
    assert message.recipients == (ANA,)


def test_a_message_without_a_decision_in_time_is_bounced_by_each_instance(instances: Instances) -> None:
    assert instances.send(0, recipients=(BO,)) == HELD
    instances.clock[0] += 2 * 60 * 60 - 1
    assert instances.send(1, 1, recipients=(BO,)) == HELD
    instances.clock[0] += 1
    for instance in (0, 1):
        assert instances.send(instance, 2, recipients=(BO,)).startswith("550 5.7.1 ")
    assert instances.sink.received == []
