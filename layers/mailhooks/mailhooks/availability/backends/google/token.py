"""Access tokens for Google's APIs, by google-auth's service account (RFC 7523 section 2.1)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import requests
from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import Token, token_failure
from mailhooks.availability.backends.http.json_api import json_object
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

SCOPE: Final = "https://www.googleapis.com/auth/calendar.freebusy"
"""The narrowest scope that "Freebusy: query" accepts."""

_REASONS: Final[Mapping[str, str]] = {
    "invalid_grant": "the key is wrong or deleted, the subject is unknown, or the clock is off",
    "unauthorized_client": "domain-wide delegation is missing or lacks the scope",
    "invalid_client": "the service account is unknown",
    "access_denied": "the domain's administrator does not allow it",
    "admin_policy_enforced": "the domain's administrator does not allow it",
    "invalid_scope": "the scope is not allowed",
}
"""Source: RFC 6749 section 5.2 and "Using OAuth 2.0 for Server to Server Applications", "JWT error codes"."""


class ServiceAccount:
    """A service account, which may act for the user `subject` (domain-wide delegation)."""

    def __init__(self, session: requests.Session, key: Mapping[str, Any], subject: str | None = None) -> None:
        """Read the content of the account's key file.

        Raises:
            SettingsError: the key cannot be read.
        """
        self._session = session
        try:
            credentials: Any = Credentials.from_service_account_info(key, scopes=[SCOPE], subject=subject)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):
            # Not chained: the error may quote the key.
            raise SettingsError("serviceAccount: it is not the key file of a service account, or its private_key cannot be read") from None
        self._credentials = credentials

    def fetch(self, deadline: Deadline) -> Token:
        """Get a new token.

        Raises:
            AuthenticationFailed: Google rejects the key or the delegation.
            LookupFailed: Google cannot be asked or read.
        """

        def request(url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> "_Success":
            return _Success(http.send(self._session, method, url, deadline, data=body, headers=headers))

        try:
            # Not before_request, which also looks up regional access boundaries.
            self._credentials.refresh(request)
        except GoogleAuthError as error:
            raise AuthenticationFailed(f"no token ({type(error).__name__} in google-auth)") from None
        except (ValueError, TypeError, OverflowError):
            raise GenerationFailed("the token server's response cannot be read") from None
        expiry = self._credentials.expiry
        lifetime = (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds() if expiry else None
        return Token.of(self._credentials.token, lifetime)


class _Success:
    """A response as google-auth reads it (`google.auth.transport.Response`).

    Raises:
        LookupFailed: the response is an error. google-auth would retry it, with pauses that ignore the deadline.
    """

    def __init__(self, response: http.HttpResponse) -> None:
        document = json_object(response.content)
        if response.status != 200:
            error = document.get("error")
            raise token_failure(response, error, _REASONS.get(str(error), "for a reason that is not documented"))
        if not isinstance(document.get("access_token"), str):
            raise GenerationFailed("the token server's response cannot be read")
        self.status = response.status
        self.headers = response.headers
        self.data = response.content
