"""The Lambda handler of a function URL to which WorkMail posts notifications (payload format 2.0)."""

import base64
import binascii
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from mailhooks.aws.client import QUICK_CONFIG, call
from mailhooks.aws.secrets import SecretReader
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, SettingsError, TransientError
from mailhooks.push.answer import CONTENT_TYPE, SubscriptionStatus, build_answer
from mailhooks.push.callback_token import read_key
from mailhooks.push.delivered_events import DeliveredEvents
from mailhooks.push.events import EventBus
from mailhooks.push.notification import MAX_OCTETS, InvalidNotification
from mailhooks.push.report import RESPONDER, LogKey, Metric, Reporter
from mailhooks.push.responder import Outcome, Responder, UnknownSubscription
from mailhooks.push.settings import PushSettings
from mailhooks.push.subscription_table import SubscriptionTable

BUDGET_S: Final = 5.0
"""Time for an answer. Without trouble at AWS, some hundredths of it are needed."""


_FIRST_READ_S: Final = 8.0
"""Time for the first read of the secret: Lambda lets a function load for ten seconds."""

_AGAIN: Final = "The notification could not be handled. Send it again."


class PostRefused(MailhooksError):
    """A post that the function does not accept, with the HTTP status of the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Post(NamedTuple):
    key: str
    content: bytes | str
    octets: int


def push_handler(*, settings: PushSettings | None = None, clock: Callable[[], float] = time.time) -> Callable[[Any, Any], dict[str, Any]]:
    """Return the handler of the push function.

    Args:
        settings: None: the environment's.
        clock: seconds since 1970.

    Returns:
        `handler(event, context) -> dict`, the response of a function URL: 200 with the status of the subscription; 4xx without any effect
        for a post that is not WorkMail's or not valid; 503 for one that WorkMail has to post again. It raises no error.
    """
    return _Handler(settings or PushSettings.from_env(os.environ), clock)


class _Handler:
    def __init__(self, settings: PushSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._reporter = Reporter(RESPONDER, settings)
        self._problem: Exception | None = None
        try:
            self._set_up(settings, clock)
        except Exception as error:  # noqa: BLE001 - raised again for each post
            self._problem = error

    def _set_up(self, settings: PushSettings, clock: Callable[[], float]) -> None:
        needed = ("push_secret", "push_subscriptions_table", "push_events_table", "push_event_bus")
        if missing := [name.upper() for name in needed if not getattr(settings, name)]:
            raise SettingsError(f"{', '.join(missing)}: not set")
        self._secrets = SecretReader(QUICK_CONFIG)
        self._responder = Responder(
            SubscriptionTable(settings.push_subscriptions_table),
            DeliveredEvents(settings.push_events_table, clock=clock),
            EventBus(),
            settings.push_event_bus,
            clock=clock,
        )
        # While Lambda loads the function, it has a whole processor and no post waits. A failure is reported with each post.
        with suppress(MailhooksError):
            self._read_secret(Deadline.after(_FIRST_READ_S))

    def __call__(self, event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        started = time.monotonic()
        deadline = Deadline(started + BUDGET_S)
        outcome, octets = Outcome(), 0
        error: Exception | None = None
        try:
            self._require_set_up()
            post = self._read(event, deadline)
            octets = post.octets
            owner = str(getattr(context, "aws_request_id", "") or uuid.uuid4())
            outcome = self._responder.respond(post.key, post.content, owner, deadline)
            error = outcome.error
            response = _answer_error(503, _AGAIN) if error else _answer(outcome.status)
        except Exception as raised:  # noqa: BLE001 - WorkMail gets an answer in any case
            error = raised
            response = _answer_failure(raised)
        self._report(response["statusCode"], outcome, octets, error, time.monotonic() - started)
        return response

    def _require_set_up(self) -> None:
        if self._problem:
            raise self._problem

    def _read(self, event: dict[str, Any], deadline: Deadline) -> _Post:
        """Return the post of an event.

        Raises:
            PostRefused: it is not a post to a callback URL, or is too large.
            TransientError, Misconfigured: the secret cannot be read.
        """
        if event["requestContext"]["http"]["method"] != "POST":
            raise PostRefused(405, "Send notifications by POST.")
        key = read_key(event["rawPath"], self._read_secret(deadline))
        if key is None:
            raise PostRefused(403, "This is not the callback URL of a subscription.")
        content: bytes | str = event.get("body") or ""
        if event.get("isBase64Encoded"):
            try:
                content = base64.b64decode(content, validate=True)
            except binascii.Error:
                raise PostRefused(400, "The body is not Base64.") from None
        octets = len(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        if octets > MAX_OCTETS:
            raise PostRefused(413, f"A notification has at most {MAX_OCTETS:,} bytes.")
        return _Post(key, content, octets)

    def _read_secret(self, deadline: Deadline) -> str:
        secret = call("GetSecretValue", lambda: self._secrets.read(self._settings.push_secret), deadline)
        if not secret:
            raise Misconfigured("PUSH_SECRET: the secret has no text: store the key as its string value")
        return secret

    def _report(self, status: int, outcome: Outcome, octets: int, error: Exception | None, seconds: float) -> None:
        subscription = outcome.subscription
        line: dict[str, Any] = {
            LogKey.STATUS: status,
            LogKey.ANSWER: str(outcome.status) if status == 200 else None,
            LogKey.SUBSCRIPTION: subscription.name if subscription else None,
            LogKey.EVENTS: outcome.delivered,
            LogKey.DUPLICATES: outcome.duplicates,
            LogKey.NOT_DELIVERED: outcome.not_delivered,
            LogKey.ERROR_CODES: list(outcome.error_codes) or None,
            LogKey.BYTES: octets,
        }
        if subscription and self._reporter.log_addresses:
            line |= {LogKey.MAILBOX: subscription.mailbox, LogKey.SUBSCRIPTION_ID: subscription.id}
        refused = 400 <= status < 500
        counts: dict[str, int] = {
            Metric.POSTS: 1,
            Metric.REFUSED: int(refused),
            Metric.EVENTS: outcome.delivered,
            Metric.DUPLICATES: outcome.duplicates,
            Metric.HEARTBEATS: outcome.heartbeats,
            Metric.NOT_DELIVERED: outcome.not_delivered,
            Metric.PASSING: int(isinstance(error, TransientError)),
            Metric.FAILED: int(error is not None and not refused and not isinstance(error, TransientError)),
        }
        error = error or outcome.unrecorded
        if refused:
            text, level = "the post was refused", "warning"
        elif status != 200:
            text, level = "not all events are on the bus: WorkMail posts the notification again", "error"
        elif error or outcome.error_codes:
            text, level = "the notification was answered, with a problem", "warning"
        else:
            text, level = "the notification was answered", "info"
        self._reporter.report(text, line, counts, seconds, level=level, error=error)


def _answer(status: SubscriptionStatus) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"content-type": CONTENT_TYPE}, "body": build_answer(status)}


def _answer_error(status: int, text: str) -> dict[str, Any]:
    headers = {"content-type": "text/plain; charset=utf-8"} | ({"allow": "POST"} if status == 405 else {})
    return {"statusCode": status, "headers": headers, "body": f"{text}\n"}


def _answer_failure(error: Exception) -> dict[str, Any]:
    match error:
        case PostRefused():
            return _answer_error(error.status, str(error))
        case InvalidNotification():
            return _answer_error(400, f"The body is not a SendNotification message of EWS: {error}.")
        case UnknownSubscription():
            return _answer_error(404, "This URL has no subscription with this ID.")
        case _:
            return _answer_error(503, _AGAIN)
