"""The stack of the function `ses` in an account of moto, and events and messages for it."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import boto3
from botocore.awsrequest import AWSResponse

from mailhooks.aws.session import open_session
from mailhooks.ses.handler import TASK, ses_handler
from mailhooks.ses.settings import SesSettings
from tests.infrastructure.stack import ROOT, Document, Stack, read_template
from tests.support.moto_account import use_moto_account

TEMPLATE: Final = ROOT / "ses/template.yaml"
REGION: Final = "eu-west-1"
SAMPLE: Final[Document] = json.loads((ROOT / "events/ses/aws-sample.json").read_text("utf-8"))
SAMPLE_MESSAGE: Final = (ROOT / "events/ses/aws-sample.eml").read_bytes()
MESSAGES_TABLE: Final = "ses-MessagesTable"
REQUIRED: Final = {"Domains": "example.com", "HostName": "ses.example.com", "BounceSender": "postmaster@example.com"}
MESSAGE: Final = (
    b"Return-Path: <ana@example.net>\r\nFrom: Ana <ana@example.net>\r\nTo: all@example.com\r\nSubject: Hi\r\n"
    b"Message-ID: <1@example.net>\r\n\r\nHello\r\n"
)


def ses_stack(**parameters: str | int) -> Stack:
    return Stack(read_template(TEMPLATE), name="ses", **{**REQUIRED, "NextHost": "mx.example.org:25", **parameters})


def make_event(
    *recipients: str, mail_from: str = "ana@example.net", message_id: str = "m-1", received: str = "2026-11-30T08:00:00.000Z"
) -> Document:
    """Return the event of a receipt rule."""
    mail = {"messageId": message_id, "source": mail_from, "timestamp": received, "headersTruncated": False}
    receipt = {"recipients": list(recipients or ["bo@example.com"]), "spamVerdict": {"status": "PASS"}}
    return {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": {"mail": mail, "receipt": receipt}}]}


@dataclass
class BounceRecorder:
    """Answers SendBounce, which moto does not know, and keeps the parameters of its calls.

    Attributes:
        status: of the response; another than 200 is an error with `code`.
    """

    calls: list[Document] = field(default_factory=list)
    status: int = 200
    code: str = "MessageRejected"

    def install(self) -> None:
        """Answer the calls of the library's session."""
        events = open_session().get_component("event_emitter")
        events.register("before-parameter-build.ses.SendBounce", lambda params, **_: self.calls.append(params))
        # As botocore's Stubber answers, but for each client of the session.
        events.register("before-call.ses.SendBounce", self._answer)

    def _answer(self, **_: object) -> tuple[AWSResponse, Document]:
        answer = {"MessageId": "b-1"} if self.status == 200 else {"Error": {"Code": self.code, "Message": "no"}}
        return AWSResponse("", self.status, {}, None), answer | {"ResponseMetadata": {"HTTPStatusCode": self.status}}


def _new_service() -> str:
    """Return a name without a logger: Powertools keeps one by its name, with the output of the test that created it."""
    return f"ses-{uuid.uuid4().hex[:8]}"


class Clock:
    """A clock that only a test moves."""

    def __init__(self, now: float = 1_796_025_600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Context:
    """A Lambda context with some time."""

    def __init__(self, seconds: float = 300.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@dataclass
class SesAccount:
    """The stack's resources in an account, and the function.

    Attributes:
        settings: as the variables of the template.
        transport: the way to the mailboxes; None for that of the settings.
    """

    settings: SesSettings
    queue: str
    clock: Clock = field(default_factory=Clock)
    bounces: BounceRecorder = field(default_factory=BounceRecorder)
    transport: Any = None
    _handler: Any = None

    def store(self, content: bytes = MESSAGE, message_id: str = "m-1", **more: Any) -> None:
        """Put a message into the bucket, as SES does."""
        boto3.client("s3").put_object(Bucket=self.settings.mail_bucket, Key=f"incoming/{message_id}", Body=content, **more)

    def reset(self, now: float, **changes: Any) -> None:
        """Forget all messages, change settings, and begin with a new process, for the next test."""
        self.forget_messages(now)
        self.queue = create_queue()
        own = {"failures_queue": self.queue, "messages_table": MESSAGES_TABLE, "service": _new_service()}
        self.settings = replace(self.settings, **{**own, **changes})
        self.transport = None
        self.restart()

    def forget_messages(self, now: float) -> None:
        """Forget all messages and bounces, at a new time."""
        dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
        for item in dynamodb.scan(TableName=MESSAGES_TABLE)["Items"]:
            dynamodb.delete_item(TableName=MESSAGES_TABLE, Key={"pk": item["pk"]})
        for each in s3.list_objects_v2(Bucket=self.settings.mail_bucket).get("Contents", []):
            s3.delete_object(Bucket=self.settings.mail_bucket, Key=each["Key"])
        self.bounces.calls.clear()
        self.bounces.status = 200
        self.clock.now = now

    def restart(self) -> None:
        """Begin with a new process."""
        self._handler = None

    @property
    def handler(self) -> Callable[[Any, Any], Any]:
        if self._handler is None:
            self._handler = ses_handler(settings=self.settings, transport=self.transport, clock=self.clock, sleep=self.clock.sleep)
        handler: Callable[[Any, Any], Any] = self._handler
        return handler

    def run(self, event: Document, seconds: float = 300.0) -> Any:
        return self.handler(event, Context(seconds))

    def run_schedule(self, seconds: float = 300.0) -> Any:
        return self.handler(TASK, Context(seconds))

    def items(self) -> list[Document]:
        """Return the items of messages in the table."""
        found = boto3.client("dynamodb").scan(TableName=self.settings.messages_table)["Items"]
        return [each for each in found if "state" in each]

    def states(self) -> list[str]:
        return [each["state"]["S"] for each in self.items()]

    def tags(self, message_id: str = "m-1") -> dict[str, str]:
        answer = boto3.client("s3").get_object_tagging(Bucket=self.settings.mail_bucket, Key=f"incoming/{message_id}")
        return {each["Key"]: each["Value"] for each in answer["TagSet"]}

    def failures(self) -> list[Document]:
        """Return the events in the queue of failures."""
        answer = boto3.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(each["Body"]) for each in answer.get("Messages", [])]


def create_table(name: str, stack: Stack, client: Any = None) -> None:
    """Create a table of the template.

    Args:
        client: of DynamoDB; None for one of the default session.
    """
    table = stack.of_type("AWS::DynamoDB::Table")[name]
    names = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    (client or boto3.client("dynamodb")).create_table(TableName=f"ses-{name}", **{each: table[each] for each in names if each in table})


def create_queue() -> str:
    """Create a queue of failures. Return its URL."""
    url: str = boto3.client("sqs").create_queue(QueueName=f"failures-{uuid.uuid4().hex[:12]}")["QueueUrl"]
    return url


@contextmanager
def use_ses_account(**changes: Any) -> Iterator[SesAccount]:
    """Provide the resources of the stack, whose SES has verified example.com.

    Args:
        changes: of the settings.
    """
    with use_moto_account(REGION):
        stack = ses_stack()
        create_table("MessagesTable", stack)
        # moto has one namespace of buckets for all its accounts, as S3 has.
        bucket = f"ses-mail-{uuid.uuid4().hex[:12]}"
        boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        queue = create_queue()
        boto3.client("secretsmanager").create_secret(Name="mark", SecretString="a-secret-of-the-tests")
        boto3.client("ses").verify_domain_identity(Domain="example.com")
        settings = {
            "organization_domains": frozenset({"example.com"}),
            "mail_bucket": bucket,
            "messages_table": MESSAGES_TABLE,
            "failures_queue": queue,
            "bounce_sender": "postmaster@example.com",
            "host_name": "ses.example.com",
            "mark_secret": "mark",
            "service": _new_service(),
            "next_host": "127.0.0.1:9",
            "next_host_tls": "none",
            **changes,
        }
        account = SesAccount(SesSettings(**settings), queue)
        account.bounces.install()
        yield account
