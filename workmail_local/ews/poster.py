"""Posts the notifications that are due to their URLs, in threads of its own."""

import http.client
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from workmail_local.ews.soap import Status, read_status
from workmail_local.ews.subscriptions import Post, Subscriptions

_THREADS: Final = 2
"""Notifications under way at once, so that a responder that does not answer does not delay the others."""

_TIMEOUT_S: Final = 15.0
_MAX_ANSWER: Final = 65_536
_HEADERS: Final = {
    "content-type": "text/xml; charset=utf-8",
    "soapaction": "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification",
    "user-agent": "workmail-hooks",
}


class Poster:
    """Posts notifications until it is stopped. The threads start with the first subscription.

    Args:
        subscriptions: has the notifications.
        listener: is called with a line of text for each notification; None for none.
    """

    def __init__(self, subscriptions: Subscriptions, listener: Callable[[str], None] | None = None) -> None:
        self._subscriptions = subscriptions
        self._listener = listener
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, unless they run."""
        with self._lock:
            if not self._threads:
                self._threads = [threading.Thread(target=self._run, name=f"push-{number}", daemon=True) for number in range(_THREADS)]
                for thread in self._threads:
                    thread.start()

    def stop(self) -> None:
        """End the threads. A post under way is not waited for: it may last as long as its time-out."""
        self._subscriptions.close()

    def _run(self) -> None:
        while post := self._subscriptions.wait_for_post():
            status, outcome = _send(post)
            self._subscriptions.finish(post.subscription_id, status)
            if self._listener:
                self._listener(f"push notification  {', '.join(post.kinds)}  {outcome}")


def _send(post: Post) -> tuple[Status, str]:
    """Send a notification. Return the status in the answer, and the outcome for a log line."""
    parts = urlsplit(post.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)) as connection:
            connection.request("POST", path, post.body, _HEADERS)
            response = connection.getresponse()
            status = read_status(response.read(_MAX_ANSWER)) if response.status == 200 else Status.NONE
            return status, f"{response.status} {status}".rstrip()
    except (OSError, http.client.HTTPException) as error:
        return Status.NONE, f"no answer ({type(error).__name__})"
