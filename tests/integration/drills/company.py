"""A company's mail in the drills: a policy that calls each service, its messages, and their correct results."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.hooks import without_stamp
from tests.support.mail import event
from tests.support.messages import OFFER
from tests.support.serving import Quiet, serving
from workmail_local.workmail import LocalWorkMail

ANA, BEN, NORA = "ana@example.com", "ben@example.com", "nora@example.net"

PLAIN = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com, ben@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Message-ID: <2@example.net>\r\n\r\nHello.\r\n"
)
RAW = OFFER

_POLICY = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all, on_error: %(on_error)s }
rules:
  - name: storm
    when: { rate: { more_than: 100, minutes: 5 } }
    do: drop
  - name: board
    when: { recipient_in_group: board@example.com }
    do: drop
  - name: not for ben
    when: { recipient: ben@example.com, header: { name: Subject, regex: "^Offer" } }
    do: { bounce: "Not for ben" }
  - name: executables
    do:
      - strip_attachments: { extensions: [exe], on_unmodifiable: bounce }
      - subject_tag: "[SEEN]"
      - archive: { bucket: %(archive)s }
  - name: topic
    do: { notify: { sns: "%(topic)s" } }
  - name: bus
    do: { notify: { eventbridge: default } }
  - name: webhook
    do: { notify: { webhook: "%(webhook)s", secret: "%(secret)s" } }
"""

SERVICES = {"dynamodb", "events", "s3", "secretsmanager", "sns", "workmail", "workmailmessageflow", "webhook"}
"""The services that the policy calls."""


@dataclass
class Company:
    """Attributes:
    notified: the keys of the received notifications of the webhook, in their order.
    refusals: the status of the webhook's next responses; after them, it accepts.
    """

    workmail: LocalWorkMail
    archive: str
    names: dict[str, str]
    notified: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)

    def policy(self, on_error: str = "retry") -> str:
        """Return the policy, in which each rule has that `on_error`."""
        return _POLICY % {**self.names, "archive": self.archive, "on_error": on_error}

    def variables(self) -> dict[str, str]:
        """Return the variables of the function mailflow without those of the servers."""
        return {"ON_ERROR": "retry", "POLICY_DIRECTORY": "true", "ORGANIZATION_ID": self.workmail.organization.id}

    def archived(self) -> dict[str, bytes]:
        """Return the archived messages by their keys."""
        with closing(self.workmail.client("s3")) as s3:
            keys = [key for key in self.list_keys(self.archive) if key.endswith(".eml")]
            return {key: s3.get_object(Bucket=self.archive, Key=key)["Body"].read() for key in keys}

    def list_keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket."""
        with closing(self.workmail.client("s3")) as s3:
            return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def arrive(self, number: int = 1, raw: bytes = RAW) -> dict[str, Any]:
        """Add a message in transit and return its event."""
        document = event(ANA, BEN, messageId=self.workmail.store.add(raw), subject="Offer")
        return document | {"invocationId": f"{number:032x}"}

    def content(self, document: dict[str, Any]) -> bytes:
        """Return the content of a message without its stamp, which differs from message to message."""
        return without_stamp(self.workmail.store.content(document["messageId"]))


@contextmanager
def found_company(workmail: LocalWorkMail) -> Iterator[Company]:
    """Create the resources of a company whose configuration is in use."""
    with ExitStack() as stack:
        company = Company(workmail, f"{workmail.bucket}-archive", {})

        class Receive(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                key = json.loads(self.body())["idempotencyKey"]
                if company.refusals:
                    self.answer(company.refusals.pop())
                    return
                company.notified.append(key)
                self.answer(204)

        webhook = stack.enter_context(serving(Receive))
        s3, sns, secrets = (workmail.client(name) for name in ("s3", "sns", "secretsmanager"))
        s3.create_bucket(Bucket=company.archive)
        topic = sns.create_topic(Name=f"seen-{workmail.bucket}")["TopicArn"]
        secret = secrets.create_secret(Name=f"hook-{workmail.bucket}", SecretString="s")["ARN"]
        for client in (s3, sns, secrets):
            client.close()
        company.names = {"topic": topic, "secret": secret, "webhook": webhook + "/"}
        yield company


def lines_of(text: str) -> list[dict[str, Any]]:
    """Return the log lines of messages in the output of a function."""
    documents = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [document for document in documents if "_aws" not in document and "message" in document]
