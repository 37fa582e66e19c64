"""Calls the webhook of the configuration for each message, in a thread of its own: mail never waits for it."""

import http.client
import json
import queue
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from workmail_local.config.configuration import Configuration
from workmail_local.config.webhook import Webhook
from workmail_local.lifecycle import Lifecycle
from workmail_local.mail.documents import to_document
from workmail_local.mail.history import History, State
from workmail_local.mail.search_query import SearchQuery

_TIMEOUT_S: Final = 5.0
_PAUSES_S: Final = (1.0, 5.0)
"""Pauses before the further attempts."""

_MOST_WAITING: Final = 1_000
_REMEMBERED: Final = 10_000
_STOP_S: Final = 1.0
"""Seconds for the waiting calls when WorkMail stops."""

_TRANSIENT: Final = frozenset({408, 425, 429})


class WebhookFailure(NamedTuple):
    """A message for which the webhook could not be called: its number, the time in seconds since the epoch, and why."""

    number: int
    time: float
    why: str


class WebhookCaller(Lifecycle):
    """Calls the webhook while entered. `announce` neither waits nor raises an error.

    Args:
        history: the stored messages.
        configuration: returns the current configuration.
        report: is called with a sentence about each failure.

    """

    def __init__(self, history: History, configuration: Callable[[], Configuration], report: Callable[[str], None]) -> None:
        super().__init__()
        self._history = history
        self._configuration = configuration
        self._report = report
        self._waiting: queue.SimpleQueue[tuple[int, State] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._called: dict[int, None] = {}
        self._webhook: Webhook | None = None
        self._failure: WebhookFailure | None = None

    @property
    def failure(self) -> WebhookFailure | None:
        """The last failure, unless a call has succeeded since, or `[webhook]` has changed; None for none."""
        return self._failure if self._configuration().webhook == self._webhook else None

    def announce(self, number: int, state: State) -> None:
        """Call the webhook soon, if it wants messages in this state. The same call again has no effect."""
        self._waiting.put((number, state))

    def _start(self) -> None:
        self._stack.callback(self._stop)
        self._thread.start()

    def _stop(self) -> None:
        """End the thread. The calls that wait are made first, within a second, and not repeated."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            number, state = waiting
            try:
                self._handle(number, state)
            except Exception as error:  # noqa: BLE001 - the thread must not end: other messages follow
                self._fail(number, type(error).__name__)

    def _handle(self, number: int, state: State) -> None:
        webhook = self._configuration().webhook
        if webhook is None or webhook.on is not state or number in self._called:
            return
        if webhook != self._webhook:
            self._webhook, self._failure = webhook, None
        self._called[number] = None
        if len(self._called) > _REMEMBERED:
            del self._called[next(iter(self._called))]
        if self._waiting.qsize() > _MOST_WAITING:
            self._fail(number, f"more than {_MOST_WAITING:,} messages are waiting")
            return
        body = self._load_body(webhook, number)
        if not body:
            return
        why = self._call(webhook, body)
        if why:
            self._fail(number, why)
        else:
            self._failure = None

    def _load_body(self, webhook: Webhook, number: int) -> bytes:
        """Return the summary of a message as JSON; b"" when the search does not find it, or it is no longer stored."""
        query = SearchQuery.parse(webhook.search).narrow(since=number - 1)
        found = self._history.summaries(before=number + 1, limit=1, query=query)
        return json.dumps(to_document(found[0])).encode("ascii") if found else b""

    def _call(self, webhook: Webhook, body: bytes) -> str:
        """Call the webhook, up to three times; return why it failed, "" if it did not."""
        why = ""
        for pause_s in (*_PAUSES_S, 0.0):
            try:
                status = _post(webhook.url, body)
            except (OSError, http.client.HTTPException) as error:
                why = f"{webhook.url} cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"
            else:
                if 200 <= status < 300:
                    return ""
                why = f"{webhook.url} answers {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
                if status < 500 and status not in _TRANSIENT:
                    return why
            if not pause_s or self._stopping.wait(pause_s):
                break
        return why

    def _fail(self, number: int, why: str) -> None:
        self._failure = WebhookFailure(number, time.time(), why)
        self._report(f"webhook for message {number}: {why}")


def _post(url: str, body: bytes) -> int:
    """Send a request and return its status.

    `http.client` follows no redirect and uses no proxy, so that the summary of a mail goes to the configured host alone.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT_S, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_S)
    with closing(connection):
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"content-type": "application/json", "user-agent": "workmail-hooks"})
        return connection.getresponse().status
