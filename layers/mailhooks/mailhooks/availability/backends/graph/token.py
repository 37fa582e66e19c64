"""Access tokens for Microsoft Graph: msal's client credentials flow (RFC 6749 section 4.4) over our session and within our deadlines."""

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, Never

import requests

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy, TimedOut
from mailhooks.deadline import Deadline

_BUSY: Final = frozenset({"temporarily_unavailable", "server_error"})
"""Errors of the token endpoint that are over in a moment, whatever their status (Entra, "Client credentials flow", "Error response")."""


class Tokens:
    """The tokens of one app. msal keeps one until five minutes before its end; it is imported and set up when the first is asked for."""

    def __init__(self, session: requests.Session, authority: str, client_id: str, credential: str | Mapping[str, str], scope: str) -> None:
        """Args:
        authority: `https://login.microsoftonline.com/<tenant>`.
        credential: as msal takes it (`graph_credential.credential`).
        scope: what a token is for.
        """
        self._http = _Http(session)
        self._authority = authority
        self._client_id = client_id
        self._credential = credential
        self._scope = scope
        self._lock = Lock()
        self._app: Any = None
        self._token = ""

    def token(self, deadline: Deadline, *, refused: str | None = None) -> str:
        """A token, asked for only where there is none that is still good.

        Args:
            refused: one that Graph has refused. It is forgotten, unless another thread has already got a newer one.

        Raises:
            AuthenticationFailed: Entra refuses the credentials, the app or the tenant.
            ServerBusy, TimedOut, Unreachable: it cannot be asked now.
            GenerationFailed: its answer cannot be read.
        """
        if not self._lock.acquire(timeout=deadline.left()):
            raise TimedOut("no token in time")
        try:
            self._http.deadline = deadline
            return self._acquired(refused)
        except _Unanswered as trouble:
            raise trouble.failure from None
        finally:
            self._lock.release()

    def _acquired(self, refused: str | None) -> str:
        self._app = app = self._app or self._made()
        if refused is not None and refused == self._token:
            app.remove_tokens_for_client()
        self._token = app.acquire_token_for_client([self._scope])["access_token"]
        return self._token

    def _made(self) -> Any:
        """msal reads the authority's OpenID configuration here, one call. What it would ask besides is turned off: whether Microsoft knows
        the authority, under which names, and which region of Azure this is.
        """
        import msal  # type: ignore[import-untyped]

        try:
            return msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._credential,
                authority=self._authority,
                http_client=self._http,
                instance_discovery=False,
                azure_region=msal.ClientApplication.DISABLE_MSAL_FORCE_REGION,
            )
        except ValueError:
            raise GenerationFailed("the authority cannot be used: its OpenID configuration is not what msal expects") from None


class _Unanswered(requests.RequestException):
    """What msal knows as trouble with the network: it then goes on with a token that is still good, or lets the error through."""

    def __init__(self, failure: LookupFailed) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Http:
    """msal's http_client (`msal.oauth2cli.http.HttpClient`). A refusal is an error here, before msal sees it: msal would keep it for a
    minute and give it out again, and would log what it cannot read.
    """

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self.deadline = Deadline.after(0)

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> "_Success":
        return self._sent("GET", url, ("authorization_endpoint", "token_endpoint"), params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> "_Success":
        return self._sent("POST", url, ("access_token",), params=params, data=data, headers=headers)

    def close(self) -> None:
        """The session is not msal's to close."""

    def _sent(self, method: str, url: str, needed: tuple[str, ...], **arguments: Any) -> "_Success":
        try:
            answer = http.send(self._session, method, url, self.deadline, **arguments)
        except LookupFailed as failure:
            _fail(failure)
        document = _document(answer.content)
        if answer.status != 200:
            _fail(_refusal(answer, document))
        if not all(isinstance(document.get(name), str) for name in needed):
            _fail(GenerationFailed("the authority's answer cannot be read"))
        return _Success(answer)


class _Success:
    """msal's view of an answer (`msal.oauth2cli.http.Response`)."""

    status_code = 200

    def __init__(self, answer: http.Answer) -> None:
        self.text = answer.content.decode("utf-8")
        self.headers = dict(answer.headers)

    def raise_for_status(self) -> None:
        """There is nothing to raise."""


def _fail(failure: LookupFailed) -> Never:
    raise _Unanswered(failure) from None


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(answer: http.Answer, document: Mapping[str, Any]) -> LookupFailed:
    """RFC 6749 section 5.2: `error` is the reason. Entra's own numbers are named, as they are what an administrator looks up; its text is
    not, as it names apps and tenants.
    """
    error = document.get("error")
    if error in _BUSY:
        return ServerBusy(f"no token: {error}", retry_after=http.retry_after(answer))
    if not isinstance(error, str) or answer.status in {408, 429} or answer.status >= 500:
        return http.failure(answer)
    numbers = document.get("error_codes")
    named = [f"AADSTS{number}" for number in numbers if isinstance(number, int)] if isinstance(numbers, list) else []
    return AuthenticationFailed(f"Entra gives no token (HTTP {answer.status}{''.join(f', {name}' for name in named)})")
