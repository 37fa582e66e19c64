"""Access tokens for Google's APIs: google-auth's service account (RFC 7523 section 2.1) over our session and within our deadlines."""

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

import requests

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy, TimedOut
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

SCOPE: Final = "https://www.googleapis.com/auth/calendar.freebusy"
"""The narrowest of those that Freebusy: query takes."""


class Tokens:
    """The tokens of one service account, or of a user in whose name it acts (domain-wide delegation)."""

    def __init__(self, session: requests.Session, service_account: Mapping[str, Any], subject: str | None = None) -> None:
        """Raises:
        SettingsError: the key cannot be read.
        """
        # Imported here: google-auth brings asyncio and all of cryptography's X.509.
        from google.oauth2.service_account import Credentials

        self._session = session
        self._lock = Lock()
        try:
            made: Any = Credentials.from_service_account_info(service_account, scopes=[SCOPE], subject=subject)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):
            # Not chained: it may quote the key.
            raise SettingsError("serviceAccount: it is not the key file of a service account, or its private_key cannot be read") from None
        self._credentials = made

    def token(self, deadline: Deadline, *, refused: str | None = None) -> str:
        """A token, asked for only where there is none that is still good.

        Args:
            refused: one that the API has refused. It is not used again.

        Raises:
            AuthenticationFailed: Google refuses the key, or the delegation.
            ServerBusy, TimedOut, Unreachable: it cannot be asked now.
            GenerationFailed: its answer cannot be read.
        """
        if not self._lock.acquire(timeout=deadline.left()):
            raise TimedOut("no token in time")
        try:
            # Not before_request: that also looks up regional access boundaries, which a calendar has no use for.
            if not self._credentials.valid or self._credentials.token == refused:
                self._refresh(deadline)
            token: str = self._credentials.token
            return token
        finally:
            self._lock.release()

    def _refresh(self, deadline: Deadline) -> None:
        from google.auth.exceptions import GoogleAuthError

        def request(url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> "_Success":
            return _sent(http.send(self._session, method, url, deadline, data=body, headers=headers))

        try:
            self._credentials.refresh(request)
        except GoogleAuthError as error:
            raise AuthenticationFailed(f"Google gives no token ({type(error).__name__})") from None
        except (ValueError, TypeError, OverflowError):
            raise GenerationFailed("the token's answer cannot be read") from None


class _Success:
    """google-auth's view of an answer (`google.auth.transport.Response`)."""

    def __init__(self, answer: http.Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.content


def _sent(answer: http.Answer) -> _Success:
    """A refusal is an error here, before google-auth sees it: google-auth would try again, with pauses that know no deadline."""
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    document = document if isinstance(document, dict) else {}
    if answer.status != 200:
        raise _refusal(answer, document.get("error"))
    if not isinstance(document.get("access_token"), str):
        raise GenerationFailed("the token's answer cannot be read")
    return _Success(answer)


_REASONS: Final[Mapping[str, str]] = {
    "invalid_grant": "the key is wrong or deleted, the subject is unknown, or the clock is off",
    "unauthorized_client": "domain-wide delegation is missing or lacks the scope",
    "invalid_client": "the service account is unknown",
    "access_denied": "the domain's administrator does not allow it",
    "admin_policy_enforced": "the domain's administrator does not allow it",
    "invalid_scope": "the scope is not allowed",
}
"""Of RFC 6749 section 5.2 and "Using OAuth 2.0 for Server to Server Applications", "JWT error codes"."""


def _refusal(answer: http.Answer, error: Any) -> LookupFailed:
    if error in ("temporarily_unavailable", "server_error", "internal_failure", "rate_limit_exceeded"):
        return ServerBusy(f"no token: {error}", retry_after=http.retry_after(answer))
    if not isinstance(error, str) or answer.status in {408, 429} or answer.status >= 500:
        return http.failure(answer)
    return AuthenticationFailed(f"Google gives no token (HTTP {answer.status}): {_REASONS.get(error, 'for a reason not known here')}")
