"""Notifications by SNS and EventBridge (moto's, over HTTP); webhooks have a file of their own."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from mailhooks.aws.notifications import Notifier
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, ServiceFailed, Throttled
from tests.support.serving import Quiet, serving
from workmail_local.workmail import LocalWorkMail

DOCUMENT = {"rule": "VIP", "messageId": "m-1", "subject": "Gr\u00fc\u00dfe \ud800", "mailFrom": "ana@example.com"}
KEY = "0123456789abcdef0123456789abcdef"


def publish(topic: str, document: dict[str, Any] = DOCUMENT) -> None:
    Notifier().publish(topic, document, KEY, Deadline.after(20))


def put_event(bus: str) -> None:
    Notifier().put_event(bus, DOCUMENT, KEY, Deadline.after(20))


class Topic:
    """A topic, and a queue that gets its messages."""

    def __init__(self, wm: LocalWorkMail, *, fifo: bool = False) -> None:
        name, attributes = f"t-{uuid.uuid4().hex}" + (".fifo" if fifo else ""), {"FifoQueue": "true"} if fifo else {}
        self._sqs = wm.client("sqs")
        self._queue = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.queue_arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns = wm.client("sns")
        self.arn = sns.create_topic(Name=name, Attributes={"FifoTopic": "true"} if fifo else {})["TopicArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=self.queue_arn, Attributes={"RawMessageDelivery": "true"})

    def received(self) -> list[dict[str, Any]]:
        names = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, **names)
        return [{**message, "notification": json.loads(message["Body"])} for message in answer.get("Messages", ())]


def test_a_topic_gets_the_document_and_its_key(wm: LocalWorkMail) -> None:
    topic = Topic(wm)
    publish(topic.arn)
    [message] = topic.received()
    assert message["notification"] == DOCUMENT | {"subject": "Gr\u00fc\u00dfe ?", "idempotencyKey": KEY}
    assert message["MessageAttributes"]["idempotencyKey"]["StringValue"] == KEY


def test_a_fifo_topic_delivers_a_repeated_notice_once(wm: LocalWorkMail) -> None:
    topic = Topic(wm, fifo=True)
    for _ in range(2):
        publish(topic.arn)
    [message] = topic.received()
    assert message["Attributes"]["MessageDeduplicationId"] == KEY
    assert message["notification"]["rule"] == "VIP"


def test_a_notice_that_is_too_large_omits_content_and_then_headers(wm: LocalWorkMail) -> None:
    topic = Topic(wm)
    headers = [{"name": "Subject", "value": "\u00e4" * 1000}]
    for document, kept in (
        ({"content": "A" * 300_000, "headers": headers}, {"headers": headers}),
        ({"content": "A" * 10, "headers": headers * 200}, {}),
        ({"content": "A" * 200_000, "headers": headers}, None),
    ):
        publish(topic.arn, DOCUMENT | document)
        received = topic.received()[-1]["notification"]
        kept_fields = {key: value for key, value in received.items() if key in ("content", "headers", "truncated")}
        assert kept_fields == (document if kept is None else kept | {"truncated": True})


def test_a_missing_topic_is_a_configuration_error(wm: LocalWorkMail) -> None:
    with pytest.raises(Misconfigured, match="Publish: NotFound"):
        publish("arn:aws:sns:us-east-1:123456789012:no-such-topic")


def test_a_bus_gets_an_event_that_rules_can_match(wm: LocalWorkMail) -> None:
    events, queue, name = wm.client("events"), Topic(wm), f"bus-{uuid.uuid4().hex}"
    events.create_event_bus(Name=name)
    pattern = {"source": ["workmail-hooks"], "detail-type": ["Mail matched a rule"], "detail": {"rule": ["VIP"]}}
    events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": queue.queue_arn}])
    put_event(name)
    [message] = queue.received()
    assert message["notification"]["detail"]["idempotencyKey"] == KEY
    assert message["notification"]["detail-type"] == "Mail matched a rule"


@contextmanager
def failed_entry(code: str) -> Iterator[str]:
    """An EventBridge that accepts the call and rejects the event."""

    class Answer(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.body()
            entry = {"ErrorCode": code, "ErrorMessage": "of ana@example.com"}
            self.answer(200, json.dumps({"FailedEntryCount": 1, "Entries": [entry]}).encode())

    with serving(Answer) as url:
        yield url


@pytest.mark.parametrize(
    "code, expected", [("ThrottlingException", Throttled), ("InternalFailure", ServiceFailed), ("NotAuthorized", Misconfigured)]
)
def test_a_rejected_entry_of_a_batch_is_an_error(
    code: str, expected: type[MailhooksError], wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failed_entry(code) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", url)
        with pytest.raises(expected, match=f"PutEvents: {code}") as caught:
            put_event("default")
    assert "@" not in str(caught.value)
