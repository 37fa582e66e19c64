"""Sends notifications of messages to an SNS topic, an EventBridge bus or a webhook.

A notification may be sent several times: boto3 sends it again after a lost response, and a retry of the invocation does too. Its key is the
same each time.
"""

import hashlib
import hmac
import json
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import urllib3

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, ServiceFailed, Throttled

if TYPE_CHECKING:
    from mailhooks.aws.secrets import SecretReader

MAX_OCTETS: Final = 240 * 1024
"""The limit of a notification. SNS and EventBridge accept 256 KB, names and attributes included."""

SOURCE: Final = "workmail-hooks"
DETAIL_TYPE: Final = "Mail matched a rule"

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of `X-Mailhooks-Signature`: HMAC-SHA256 (RFC 2104) of the timestamp, a full stop and the body.

    A receiver computes it in the same way, compares in constant time, and rejects timestamps (seconds since the epoch) that are some
    minutes old.
    """
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


class Notifier:
    """Sends notifications. It makes each client at the first use."""

    @cached_property
    def _sns(self) -> Any:
        return aws.make_client("sns")

    @cached_property
    def _events(self) -> Any:
        return aws.make_client("events")

    @cached_property
    def _secrets(self) -> "SecretReader":
        # Late for the cold start: only webhooks need the parameters utility of Powertools.
        from mailhooks.aws.secrets import SecretReader

        return SecretReader()

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager()

    def publish(self, topic: str, document: dict[str, Any], key: str, deadline: Deadline) -> None:
        """Send a notification to an SNS topic, by its ARN. Arguments and errors as for `post`."""
        attributes = {"idempotencyKey": {"DataType": "String", "StringValue": key}}
        request: dict[str, Any] = {"TopicArn": topic, "Message": _to_json(document, key), "MessageAttributes": attributes}
        if topic.endswith(".fifo"):
            request |= {"MessageGroupId": SOURCE, "MessageDeduplicationId": key}
        aws.call("Publish", lambda: self._sns.publish(**request), deadline)

    def put_event(self, bus: str, document: dict[str, Any], key: str, deadline: Deadline, detail_type: str = DETAIL_TYPE) -> None:
        """Send a notification to an EventBridge bus, by its name or ARN. Arguments and errors as for `post`."""
        entry = {"EventBusName": bus, "Source": SOURCE, "DetailType": detail_type, "Detail": _to_json(document, key)}
        answer = aws.call("PutEvents", lambda: self._events.put_events(Entries=[entry]), deadline)
        if "FailedEntryCount" not in answer:
            raise ServiceFailed("PutEvents: the response is incomplete")
        if answer["FailedEntryCount"]:
            raise aws.error_for_code("PutEvents", str(answer["Entries"][0].get("ErrorCode", "")))

    def post(self, url: str, secret_name: str, document: dict[str, Any], key: str, deadline: Deadline) -> None:
        """Send a notification to a webhook.

        Args:
            url: an https: URL.
            secret_name: the name or ARN of the secret that signs the notification.
            document: the notification. If too large, `content`, then `headers`, then `recipients` are removed, and `truncated` is added.
            key: the same for each attempt of one notification.

        Raises:
            TransientError: the target does not answer now.
            Misconfigured: the target rejects the notification.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise Misconfigured("webhook: use an https: URL")
        secret = aws.call("GetSecretValue", lambda: self._secrets.read(secret_name), deadline)
        if secret is None:
            raise Misconfigured("webhook: its secret has no text: store the key as the secret's string value")
        body, timestamp = _to_json(document, key).encode(), str(int(time.time()))
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
                "POST", url, body=body, headers=headers, timeout=timeout, redirect=False, retries=False, preload_content=False
            )
            # The body is not needed, and may be endless.
            answer.close()
            return int(answer.status)

        try:
            status = deadline.wait_for("webhook", post)
        except urllib3.exceptions.HTTPError as error:
            raise ServiceFailed(f"webhook: {type(error).__name__}") from None
        if status == 429:
            raise Throttled("webhook: HTTP 429")
        if status >= 500:
            raise ServiceFailed(f"webhook: HTTP {status}")
        if not 200 <= status < 300:
            raise Misconfigured(f"webhook: HTTP {status}: check its URL and its secret; redirects are not followed")


def _to_json(document: dict[str, Any], key: str) -> str:
    """Return a notification with its key as JSON of at most `MAX_OCTETS`, without its largest properties if need be."""
    document = document | {"idempotencyKey": key}
    text = json.dumps(document, ensure_ascii=False)
    for name in ("content", "headers", "recipients"):
        if len(text.encode("utf-8", "replace")) <= MAX_OCTETS:
            break
        document = {key: value for key, value in document.items() if key != name} | {"truncated": True}
        text = json.dumps(document, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
