"""Notices: SNS, SQS, EventBridge and Secrets Manager are moto's, the webhook's other end is a server that checks what it gets."""

import hashlib
import hmac
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.workmail import LocalWorkMail
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, NoTimeLeft, PassingTrouble, ServiceFailed, Throttled
from mailhooks.notify import EventBridgeTarget, Notifier, SnsTarget, Target, WebhookTarget, signature
from tests.integration.availability.servers.tls import authority
from tests.integration.test_rates import answering

DOCUMENT = {"rule": "VIP", "messageId": "m-1", "subject": "Gr\u00fc\u00dfe \ud800", "mailFrom": "ana@example.com"}
KEY = "0123456789abcdef0123456789abcdef"
SECRET = "a secret of many \u00e4"


@pytest.fixture
def wm(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWorkMail]:
    with LocalWorkMail() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def secret(wm: LocalWorkMail) -> str:
    name: str = wm.client("secretsmanager").create_secret(Name=f"hook-{uuid.uuid4().hex}", SecretString=SECRET)["Name"]
    return name


def send(target: Target, document: dict[str, Any] = DOCUMENT, seconds: float = 20) -> None:
    Notifier().send(target, document, KEY, Deadline.after(seconds))


class Topic:
    """A topic, and a queue that gets what is published."""

    def __init__(self, wm: LocalWorkMail, *, fifo: bool = False) -> None:
        name, attributes = f"t-{uuid.uuid4().hex}" + (".fifo" if fifo else ""), {"FifoQueue": "true"} if fifo else {}
        self._sqs = wm.client("sqs")
        self._queue = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.queue_arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns = wm.client("sns")
        self.arn = sns.create_topic(Name=name, Attributes={"FifoTopic": "true"} if fifo else {})["TopicArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=self.queue_arn, Attributes={"RawMessageDelivery": "true"})

    def received(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
        return [{**message, "told": json.loads(message["Body"])} for message in answer.get("Messages", ())]


class Receiver:
    """A webhook's other end, which computes the signature itself.

    Attributes:
        status, headers: what it answers.
        stall: called before it answers, with the connection.
        good: bodies with a right signature.
        keys: the Idempotency-Keys.
        bad: how many came otherwise.
    """

    def __init__(self, status: int = 204, headers: dict[str, str] | None = None, stall: Callable[[Any], None] | None = None) -> None:
        self.good: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.bad = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._judge(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                if stall:
                    stall(self.wfile)
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

            def do_GET(self) -> None:
                receiver.bad += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token=t0ken"

    def _judge(self, headers: Any, body: bytes) -> None:
        stamp = headers["X-Mailhooks-Timestamp"]
        expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if hmac.compare_digest(headers["X-Mailhooks-Signature"], f"sha256={expected}") and abs(time.time() - int(stamp)) < 60:
            self.good.append(json.loads(body))
            self.keys.append(headers["Idempotency-Key"])
        else:
            self.bad += 1


@contextmanager
def receiving(*arguments: Any, **more: Any) -> Iterator[Receiver]:
    receiver = Receiver(*arguments, **more)
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def test_a_topic_gets_the_document_and_its_key(wm: LocalWorkMail) -> None:
    topic = Topic(wm)
    send(SnsTarget(topic.arn))
    [message] = topic.received()
    assert message["told"] == DOCUMENT | {"subject": "Gr\u00fc\u00dfe ?", "idempotencyKey": KEY}


def test_a_fifo_topic_passes_a_notice_on_once_however_often_it_is_sent(wm: LocalWorkMail) -> None:
    topic = Topic(wm, fifo=True)
    for _ in range(2):
        send(SnsTarget(topic.arn))
    [message] = topic.received()
    assert message["Attributes"]["MessageDeduplicationId"] == KEY
    assert message["told"]["rule"] == "VIP"


def test_what_is_too_large_goes_without_content_and_then_without_headers_and_says_so(wm: LocalWorkMail) -> None:
    topic = Topic(wm)
    headers = [{"name": "Subject", "value": "\u00e4" * 1000}]
    for document, kept in (
        ({"content": "A" * 300_000, "headers": headers}, {"headers": headers}),
        ({"content": "A" * 10, "headers": headers * 200}, {}),
        ({"content": "A" * 200_000, "headers": headers}, None),
    ):
        send(SnsTarget(topic.arn), DOCUMENT | document)
        told = {key: value for key, value in topic.received()[-1]["told"].items() if key in ("content", "headers", "truncated")}
        assert told == (document if kept is None else kept | {"truncated": True})


def test_a_topic_that_is_not_there_is_misconfigured(wm: LocalWorkMail) -> None:
    with pytest.raises(Misconfigured, match="Publish: NotFound"):
        send(SnsTarget("arn:aws:sns:us-east-1:123456789012:no-such-topic"))


def test_a_bus_gets_an_event_that_rules_can_match(wm: LocalWorkMail) -> None:
    events, queue, name = wm.client("events"), Topic(wm), f"bus-{uuid.uuid4().hex}"
    events.create_event_bus(Name=name)
    pattern = {"source": ["workmail-hooks"], "detail-type": ["Mail matched a rule"], "detail": {"rule": ["VIP"]}}
    events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": queue.queue_arn}])
    send(EventBridgeTarget(name))
    [message] = queue.received()
    assert message["told"]["detail"]["idempotencyKey"] == KEY
    assert message["told"]["detail-type"] == "Mail matched a rule"


@contextmanager
def failed_entry(code: str) -> Iterator[str]:
    """An EventBridge that takes the call and not the event."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "of ana@example.com"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    "code, expected", [("ThrottlingException", Throttled), ("InternalFailure", ServiceFailed), ("NotAuthorized", Misconfigured)]
)
def test_an_event_that_alone_is_not_taken_is_an_error_too(
    code: str, expected: type[MailhooksError], wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failed_entry(code) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", url)
        with pytest.raises(expected, match=f"PutEvents: {code}") as caught:
            send(EventBridgeTarget("default"))
    assert "@" not in str(caught.value)


def test_a_webhook_can_verify_what_it_gets_and_know_it_again(secret: str) -> None:
    with receiving() as receiver:
        for _ in range(2):
            send(WebhookTarget(receiver.url, secret))
    assert receiver.bad == 0
    assert [told["rule"] for told in receiver.good] == ["VIP", "VIP"]
    assert receiver.keys == [KEY, KEY]


def test_the_signature_is_the_one_that_the_documentation_describes() -> None:
    # Computed by: printf '1800000000.{}' | openssl dgst -sha256 -hmac key
    assert signature("key", "1800000000", b"{}") == "sha256=" + hmac.digest(b"key", b"1800000000.{}", "sha256").hex()


def test_the_secret_is_read_once_in_five_minutes(wm: LocalWorkMail, secret: str) -> None:
    notifier = Notifier()
    with receiving() as receiver:
        for _ in range(3):
            notifier.send(WebhookTarget(receiver.url, secret), DOCUMENT, KEY, Deadline.after(20))
            # Who asks again finds it gone.
            wm.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    assert len(receiver.good) == 3


def test_a_secret_that_is_not_there_is_misconfigured(wm: LocalWorkMail) -> None:
    with receiving() as receiver:
        with pytest.raises(Misconfigured, match="GetSecretValue: ResourceNotFoundException"):
            send(WebhookTarget(receiver.url, "no-such-secret"))
        assert (receiver.good, receiver.bad) == ([], 0)


@pytest.mark.parametrize(
    "status, code, expected",
    [(400, "AccessDeniedException", Misconfigured), (400, "ThrottlingException", Throttled), (500, "InternalServiceError", ServiceFailed)],
)
def test_a_secret_that_cannot_be_read_is_one_of_our_errors_and_quotes_nothing(
    status: int, code: str, expected: type[MailhooksError], wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, code) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        with pytest.raises(expected, match=f"GetSecretValue: {code}") as caught:
            send(WebhookTarget("https://hook.example/", "a-secret"))
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    "status, expected", [(429, Throttled), (500, ServiceFailed), (503, ServiceFailed), (400, Misconfigured), (401, Misconfigured)]
)
def test_a_webhook_s_status_decides(status: int, expected: type[MailhooksError], secret: str) -> None:
    with receiving(status) as receiver, pytest.raises(expected, match=f"HTTP {status}") as caught:
        send(WebhookTarget(receiver.url, secret))
    assert "t0ken" not in str(caught.value)
    assert len(receiver.good) == 1


def test_a_redirect_is_not_followed(secret: str) -> None:
    with receiving() as other:
        for status in (301, 302, 303, 307, 308):
            with receiving(status, {"Location": other.url}) as receiver, pytest.raises(Misconfigured, match=f"HTTP {status}"):
                send(WebhookTarget(receiver.url, secret))
        assert (other.good, other.bad) == ([], 0)


def test_a_webhook_that_is_silent_ends_with_the_time(secret: str) -> None:
    end = threading.Event()
    with receiving(stall=lambda _: end.wait(5) and None) as receiver:
        started = time.monotonic()
        with pytest.raises(PassingTrouble):
            send(WebhookTarget(receiver.url, secret), seconds=1)
        assert time.monotonic() - started < 2
        end.set()


def test_a_webhook_that_drips_ends_with_the_time(secret: str) -> None:
    """One octet of the header after the other: no time-out of a socket sees it."""
    end = threading.Event()

    def drip(stream: Any) -> None:
        try:
            stream.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not end.wait(0.05):
                stream.write(b"x")
                stream.flush()
        except OSError:
            pass

    with receiving(stall=drip) as receiver:
        started = time.monotonic()
        with pytest.raises(NoTimeLeft):
            send(WebhookTarget(receiver.url, secret), seconds=1)
        assert time.monotonic() - started < 2
        end.set()


def test_a_webhook_that_says_yes_may_be_slow_with_what_it_says_besides(secret: str) -> None:
    with receiving(200, {"Content-Length": "1000000"}) as receiver:
        send(WebhookTarget(receiver.url, secret), seconds=5)
    assert len(receiver.good) == 1


def test_a_webhook_that_nobody_answers_may_be_there_later(secret: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/t0ken"
    with pytest.raises(ServiceFailed) as caught:
        send(WebhookTarget(url, secret))
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://hook.example/", "http://localhost.example/", "http://10.0.0.1/", "ftp://127.0.0.1/", "nowhere"])
def test_without_tls_nothing_leaves_this_machine(url: str, secret: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        send(WebhookTarget(url, secret))
    assert url not in str(caught.value)


def test_a_certificate_that_nobody_trusts_gets_nothing(secret: str, tmp_path: Path) -> None:
    with authority(tmp_path) as (url, _), pytest.raises(ServiceFailed, match="SSLError"):
        send(WebhookTarget(url, secret))


def test_a_secret_without_text_is_misconfigured(wm: LocalWorkMail) -> None:
    name = wm.client("secretsmanager").create_secret(Name=f"hook-{uuid.uuid4().hex}", SecretBinary=b"key")["Name"]
    with pytest.raises(Misconfigured, match="no text"):
        send(WebhookTarget("https://hook.example/", name))
