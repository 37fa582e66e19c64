"""Exchange Server on premises, and other servers with Exchange Web Services (EWS).

Exchange Online no longer accepts EWS; use the backend `graph`.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from mailhooks.availability.backends.ews.client import Client, widen_window
from mailhooks.availability.backends.ews.connection import BASIC, EXCHANGE_2010, NTLM, Connection
from mailhooks.availability.backends.ews.errors import RequestFailed
from mailhooks.availability.backends.ews.response import read_response
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import Token, TokenCache, token_failure
from mailhooks.availability.backends.http.json_api import json_object
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound
from mailhooks.availability.model import Answers, Limits, Result
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline

_MAX_REQUESTS: Final = 32
"""Requests per look-up. Isolating one mailbox of 100 needs 14."""

_MAX_ADDRESS: Final = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""


class EwsBackend:
    """Queries one server, with one request for all mailboxes of a look-up."""

    limits = Limits(mailboxes=100, span=timedelta(days=42))
    """EWS reference: "GetUserAvailability operation", "ResponseCode" (ErrorIndividualMailboxLimitReached, ErrorTimeIntervalTooBig)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `ews`). Sends no request.

        Raises:
            SettingsError: `caCertificates` cannot be read.
        """
        auth, certificates = config["auth"], config.get("caCertificates")
        context = create_ssl_context(certificates)
        url = complete_endpoint(config["url"])
        if auth["type"] == "oauth":
            # The token server may have the authority of the Exchange server or a public one.
            session = http.create_session(create_ssl_context(certificates, public=True), connections=1)
            connection = Connection(url, EXCHANGE_2010, context, tokens=TokenCache(_TokenServer(session, auth).fetch))
        else:
            auth_type = {"basic": BASIC, "ntlm": NTLM}[auth["type"]]
            connection = Connection(url, EXCHANGE_2010, context, auth_type=auth_type, user=(auth["username"], auth["password"]))
        self._client = Client(connection)
        self._working_elsewhere = BusyType(config.get("workingElsewhere", BusyType.FREE))

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Answers:
        """Look up mailboxes. Never raises: each mailbox has its own failure."""
        return look_up(self._client, mailboxes, window, deadline, working_elsewhere=self._working_elsewhere)


def complete_endpoint(url: str) -> str:
    """Return the URL of the EWS endpoint: Exchange's usual path if the URL has none.

    >>> complete_endpoint("https://mail.example.com")
    'https://mail.example.com/EWS/Exchange.asmx'
    """
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/EWS/Exchange.asmx"


def look_up(
    client: Client,
    mailboxes: Sequence[str],
    window: Window,
    deadline: Deadline,
    *,
    impersonate: str | None = None,
    working_elsewhere: BusyType = BusyType.FREE,
) -> dict[str, Result]:
    """Look up mailboxes. If a request fails for all of them, or the response is for fewer, send it again for each half.

    Args:
        impersonate: the user on whose behalf the requests are sent.
    """
    results: dict[str, Result] = {
        mailbox: MailboxNotFound("the mailbox is not a valid address") for mailbox in mailboxes if not _is_valid(mailbox)
    }
    valid = [mailbox for mailbox in mailboxes if mailbox not in results]
    batches = deque([valid] if valid else [])
    requests = 0
    while batches:
        batch = batches.popleft()
        requests += 1
        try:
            response = client.request(batch, window, deadline, impersonate)
            results |= zip(batch, _read(response, len(batch), working_elsewhere, widen_window(window)), strict=True)
        except LookupFailed as failure:
            results |= dict.fromkeys(batch, failure)
        except RequestFailed as failed:
            if failed.divisible and len(batch) > 1 and requests + len(batches) + 2 <= _MAX_REQUESTS:
                half = len(batch) // 2
                batches += [batch[:half], batch[half:]]
            else:
                results |= dict.fromkeys(batch, failed.failure)
    return results


def _is_valid(mailbox: str) -> bool:
    return mailbox.isprintable() and " " not in mailbox and 0 < len(mailbox.encode(errors="replace")) <= _MAX_ADDRESS


def _read(response: http.HttpResponse, mailboxes: int, working_elsewhere: BusyType, window: Window) -> list[Result]:
    """Read a response with its status. A SOAP fault has HTTP 500 (SOAP 1.1 section 6.2); throttling is a fault.

    QUIRK: servers also send faults with HTTP 503 or 429, and without a content type of XML.
    """
    if response.status == 200:
        return read_response(response.content, mailboxes, working_elsewhere, window)
    failed = RequestFailed(http.failure_for(response), divisible=response.status == 400)
    if response.status != 401 and b"Envelope" in response.content[:4096]:
        try:
            read_response(response.content, mailboxes, working_elsewhere)
        except RequestFailed as fault:
            # A known fault is better than the status, which a proxy may have set; an unknown fault is not.
            if response.status == 500 or type(fault.failure) is not GenerationFailed:
                failed = fault
    raise failed


class _TokenServer:
    """OAuth 2.0's client credentials grant (RFC 6749 section 4.4), with the client's secret in the body (section 2.3.1)."""

    def __init__(self, session: requests.Session, auth: Mapping[str, str]) -> None:
        self._session = session
        self._url = auth["tokenUrl"]
        self._form = {"grant_type": "client_credentials", "client_id": auth["clientId"], "client_secret": auth["clientSecret"]}
        if "scope" in auth:
            self._form["scope"] = auth["scope"]

    def fetch(self, deadline: Deadline) -> Token:
        """Get a new token.

        Raises:
            AuthenticationFailed: the token server rejects the client's credentials.
            LookupFailed: the token server cannot be asked or read.
        """
        # No further request follows until the token expires.
        headers = {"Accept": "application/json", "Connection": "close"}
        response = http.send(self._session, "POST", self._url, deadline, data=self._form, headers=headers)
        document = json_object(response.content)
        if response.status != 200:
            raise token_failure(response, document.get("error"), "the token server rejects the client's credentials")
        return Token.of(document.get("access_token"), document.get("expires_in"))
