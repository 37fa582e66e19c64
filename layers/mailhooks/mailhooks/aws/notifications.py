"""Tells somebody of a message: an SNS topic, an EventBridge bus, or a webhook.

Whoever is told may be told twice, when WorkMail tries an invocation again; the key is the same each time.
"""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, ServiceFailed, Throttled

MAX_OCTETS: Final = 240 * 1024
"""Of a notice: SNS and EventBridge take 256 KB, names and attributes included."""

SOURCE: Final = "workmail-hooks"
DETAIL_TYPE: Final = "Mail matched a rule"

_SECRET_AGE_S: Final = 300
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class SnsTarget:
    """A topic, by its ARN; a FIFO topic is told by its ending."""

    arn: str


@dataclass(frozen=True, slots=True)
class EventBridgeTarget:
    """A bus, by its name or ARN."""

    bus: str


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """An https: address, and the name or ARN of the secret that signs what is sent there."""

    url: str
    secret: str


Target = SnsTarget | EventBridgeTarget | WebhookTarget


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What `X-Mailhooks-Signature` holds: HMAC-SHA256 (RFC 2104) of the timestamp, a full stop and the body.

    A receiver computes it likewise, compares in constant time, and refuses timestamps (seconds since the epoch) older than some minutes.
    """
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


class Notifier:
    """Sends notices. Clients are made when they are first needed."""

    @cached_property
    def _sns(self) -> Any:
        return boto3.client("sns", config=aws.CONFIG)

    @cached_property
    def _events(self) -> Any:
        return boto3.client("events", config=aws.CONFIG)

    @cached_property
    def _secrets(self) -> Any:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider

        return SecretsProvider(boto3_client=boto3.client("secretsmanager", config=aws.CONFIG))

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager()

    def send(self, target: Target, document: dict[str, Any], key: str, deadline: Deadline) -> None:
        """Tells the target.

        Args:
            document: what to say. Where it is too large, `content` and then `headers` are left out, and `truncated` says so.
            key: the same for every try of one notice.

        Raises:
            PassingTrouble: the target does not answer now.
            Misconfigured: it refuses.
        """
        body = _fitting(document | {"idempotencyKey": key})
        match target:
            case SnsTarget():
                self._publish(target, body, key, deadline)
            case EventBridgeTarget():
                self._put_event(target, body, deadline)
            case WebhookTarget():
                self._post(target, body.encode(), key, deadline)

    def _publish(self, target: SnsTarget, body: str, key: str, deadline: Deadline) -> None:
        request: dict[str, Any] = {"TopicArn": target.arn, "Message": body}
        if target.arn.endswith(".fifo"):
            request |= {"MessageGroupId": SOURCE, "MessageDeduplicationId": key}
        aws.call("Publish", lambda: self._sns.publish(**request), deadline)

    def _put_event(self, target: EventBridgeTarget, body: str, deadline: Deadline) -> None:
        entry = {"EventBusName": target.bus, "Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": body}
        answer = aws.call("PutEvents", lambda: self._events.put_events(Entries=[entry]), deadline)
        if answer.get("FailedEntryCount"):
            raise aws.failure("PutEvents", str(answer["Entries"][0].get("ErrorCode", "")), 0)

    def _post(self, target: WebhookTarget, body: bytes, key: str, deadline: Deadline) -> None:
        parts = urlsplit(target.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise Misconfigured("webhook: its address has to be an https: one")
        secret = self._secret(target.secret, deadline)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "User-Agent": SOURCE,
            "X-Mailhooks-Timestamp": timestamp,
            "X-Mailhooks-Signature": signature(secret, timestamp, body),
        }

        def post() -> int:
            left = deadline.left()
            timeout = urllib3.Timeout(connect=min(3.0, left), read=left)
            answer = self._http.request(
                "POST", target.url, body=body, headers=headers, timeout=timeout, redirect=False, retries=False, preload_content=False
            )
            # Its words are of no interest, and may be without end.
            answer.close()
            return int(answer.status)

        try:
            status = deadline.wait_for("webhook", post)
        except urllib3.exceptions.HTTPError as error:
            raise ServiceFailed(f"webhook: {type(error).__name__}") from None
        _require_success(status)

    def _secret(self, name: str, deadline: Deadline) -> str:
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        def read() -> Any:
            try:
                return self._secrets.get(name, max_age=_SECRET_AGE_S)
            except GetParameterError as error:
                # Powertools wraps what botocore raised, and quotes the service's words.
                if isinstance(error.__context__, ClientError | BotoCoreError):
                    raise error.__context__ from None
                raise Misconfigured("GetSecretValue: the secret cannot be read") from None

        text = aws.call("GetSecretValue", read, deadline)
        if not isinstance(text, str):
            raise Misconfigured("webhook: its secret has no text: store the key as the secret's string value")
        return text


def _require_success(status: int) -> None:
    if 200 <= status < 300:
        return
    if status == 429:
        raise Throttled("webhook: HTTP 429")
    if status >= 500:
        raise ServiceFailed(f"webhook: HTTP {status}")
    raise Misconfigured(f"webhook: HTTP {status}: check its address and its secret; redirects are not followed")


def _fitting(document: dict[str, Any]) -> str:
    text = json.dumps(document, ensure_ascii=False)
    for name in ("content", "headers", "recipients"):
        if len(text.encode("utf-8", "replace")) <= MAX_OCTETS:
            break
        document = {key: value for key, value in document.items() if key != name} | {"truncated": True}
        text = json.dumps(document, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
