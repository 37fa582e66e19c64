"""`workmail-hooks wait`: waits for a message at a running server."""

import argparse
import http.client
import json
import sys
import time
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from workmail_local.console.text_columns import escape_controls
from workmail_local.errors import LocalError
from workmail_local.running_server import find_running

_ONE_REQUEST_S: Final = 60
_MARGIN_S: Final = 30.0
"""Seconds of a busy machine for which the response may be late."""

_OK, _TIME_OVER = 200, 408


def wait(options: argparse.Namespace) -> int:
    """Wait until a message that matches is done, and print it.

    Returns:
        0 when there is one, 1 when the time is over.

    Raises:
        LocalError: no server answers, or it rejects the request.
    """
    url = _find_url(options)
    deadline = time.monotonic() + options.timeout
    values = {"q": options.search, "from": options.mail_from, "to": options.to, "subject": options.subject}
    since = _find_newest(url) if options.new else options.since
    while True:
        left = max(deadline - time.monotonic(), 1)
        query = {**values, "since": since, "timeout": round(min(left, _ONE_REQUEST_S))}
        status, document = _get(f"{url}/api/wait?{urlencode({name: value for name, value in query.items() if value})}")
        if status == _OK:
            print(json.dumps(document) if options.json else _describe(document))
            return 0
        if status != _TIME_OVER:
            raise LocalError(document.get("error", f"the server answered {status}"))
        if time.monotonic() >= deadline:
            print(f"workmail-hooks wait: {document['error']}", file=sys.stderr)
            return 1


def _find_url(options: argparse.Namespace) -> str:
    if options.url:
        url: str = options.url
        return url.rstrip("/")
    running = find_running(options.folder)
    if running is None:
        raise LocalError(f"no server runs in {options.folder}: start `workmail-hooks serve`, or give its --folder or --url")
    return running.page.rstrip("/")


def _find_newest(url: str) -> int:
    """Return the number of the newest message; 0 when there is none."""
    _, document = _get(f"{url}/api/messages?limit=1")
    return next((message["number"] for message in document.get("messages", ())), 0)


def _get(url: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of a response."""
    # The server is on this machine or near: no proxy.
    opener = build_opener(ProxyHandler({}))
    try:
        try:
            with opener.open(url, timeout=_ONE_REQUEST_S + _MARGIN_S) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)
    except (OSError, http.client.HTTPException) as error:
        raise LocalError(f"{url.partition('/api/')[0]} does not answer: is `workmail-hooks serve` running?") from error
    except ValueError as error:
        raise LocalError(f"{url.partition('/api/')[0]} is not the web page of a local WorkMail") from error


def _describe(message: dict[str, Any]) -> str:
    places = ", ".join(f"{place} {count}" if count > 1 else place for place, count in message["places"])
    recipients = message["recipients"]
    more = f" and {len(recipients) - 1} more" if len(recipients) > 1 else ""
    envelope = f"{message['mail_from'] or '<>'} -> {recipients[0]}{more}"
    parts = (envelope, f'"{message["subject"] or "(no subject)"}"', ", ".join(filter(None, message["rules"])) or "no rule", places)
    return f"{message['number']}  {escape_controls('  '.join(parts))}"
