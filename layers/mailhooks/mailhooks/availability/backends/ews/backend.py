"""Exchange Server on premises, and other servers with Exchange Web Services (EWS).

Exchange Online no longer accepts EWS; use the backend `graph`.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from mailhooks.availability.backends.ews.client import BASIC, EXCHANGE_2010, NTLM, Client
from mailhooks.availability.backends.ews.lookup import look_up
from mailhooks.availability.backends.ews.oauth import ClientCredentials
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.model import Answers, Limits
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline


class EwsBackend:
    """Queries one server, with one request for all mailboxes of a look-up."""

    limits = Limits(mailboxes=100, span=timedelta(days=42))
    """EWS reference: "GetUserAvailability operation", "ResponseCode" (ErrorIndividualMailboxLimitReached, ErrorTimeIntervalTooBig)."""

    def __init__(self, client: Client, working_elsewhere: BusyType = BusyType.FREE) -> None:
        self._client = client
        self._working_elsewhere = working_elsewhere

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "EwsBackend":
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `ews`). Sends no request.

        Raises:
            SettingsError: `caCertificates` cannot be read.
        """
        auth, certificates = config["auth"], config.get("caCertificates")
        context = create_ssl_context(certificates)
        url = complete_endpoint(config["url"])
        if auth["type"] == "oauth":
            # The token server may have the authority of the Exchange server or a public one.
            credentials = ClientCredentials.from_config(
                auth, http.create_session(create_ssl_context(certificates, public=True), connections=1)
            )
            client = Client(url, EXCHANGE_2010, context, tokens=TokenCache(credentials.fetch))
        else:
            auth_type = {"basic": BASIC, "ntlm": NTLM}[auth["type"]]
            client = Client(url, EXCHANGE_2010, context, auth_type=auth_type, user=(auth["username"], auth["password"]))
        return cls(client, BusyType(config.get("workingElsewhere", BusyType.FREE)))

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Answers:
        """Look up mailboxes. Never raises: each mailbox has its own failure."""
        return look_up(self._client, mailboxes, window, deadline, working_elsewhere=self._working_elsewhere)


def complete_endpoint(url: str) -> str:
    """Return the URL of the EWS endpoint: Exchange's usual path if the URL has none.

    >>> complete_endpoint("https://mail.example.com")
    'https://mail.example.com/EWS/Exchange.asmx'
    """
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/EWS/Exchange.asmx"
