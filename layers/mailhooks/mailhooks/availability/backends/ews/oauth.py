"""Bearer tokens: asked for once for all threads, kept until shortly before they end."""

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from threading import Lock
from typing import Any, Final

import requests

from mailhooks.availability.backends.ews.transport import bound
from mailhooks.availability.backends.http.client import failure, send
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, TimedOut
from mailhooks.deadline import Deadline

_MARGIN_S: Final = 60.0
"""Before its end a token is no longer used: a request may be under way for as long as WorkMail waits, and clocks differ."""

_LIFETIME_S: Final = 300.0
"""Of a token that does not say its own (RFC 6749 section 5.1 makes expires_in optional)."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

_OUR_FAULT: Final = frozenset({"access_denied", "invalid_client", "invalid_grant", "unauthorized_client"})
"""RFC 6749 section 5.2: what says that our credentials are not good."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and how long it is good, in seconds from now."""

    value: str
    lifetime_s: float

    @classmethod
    def of(cls, value: object, lifetime: object) -> "Token":
        """Raises:
        GenerationFailed: `value` is none that a header can carry.
        """
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise GenerationFailed("the token that came is none")
        try:
            seconds = float(lifetime) if isinstance(lifetime, (int, float, str)) else _LIFETIME_S
        except (ValueError, OverflowError):
            seconds = _LIFETIME_S
        return cls(value, seconds if math.isfinite(seconds) else _LIFETIME_S)


class Tokens:
    """The current token.

    Args:
        fetch: asks for a new one, within the deadline; raises LookupFailed.
        clock: seconds. The wall's: a Lambda container may be frozen for long, and a monotonic clock with it.
    """

    def __init__(self, fetch: Callable[[Deadline], Token], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = Lock()
        self._value = ""
        self._until = 0.0

    def get(self, deadline: Deadline, *, refused: str | None = None) -> str:
        """A token that is good for the time being. Whoever comes while it is being fetched waits for it.

        Args:
            refused: one that is not taken, though it has not ended. It is given up, unless another was fetched meanwhile.

        Raises:
            LookupFailed: there is none to be had.
        """
        with self._held(deadline):
            if self._value in ("", refused) or self._clock() >= self._until:
                self._value = ""
                token = self._fetch(deadline)
                self._until = self._clock() + max(token.lifetime_s - _MARGIN_S, token.lifetime_s / 2)
                self._value = token.value
            return self._value

    @contextmanager
    def _held(self, deadline: Deadline) -> Iterator[None]:
        if not self._lock.acquire(timeout=deadline.left()):
            raise TimedOut("no token in time")
        try:
            yield
        finally:
            self._lock.release()


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Fetches tokens by OAuth 2.0's client credentials grant (RFC 6749 section 4.4).

    Attributes:
        session: of `ews_transport`, with the authorities that the token's server may be certified by.
        form: what is posted, the client's secret included (section 2.3.1: "in the request-body").
    """

    session: requests.Session
    url: str
    form: dict[str, str]

    @classmethod
    def from_config(cls, auth: Any, session: requests.Session) -> "ClientCredentials":
        """From the configuration's `auth` of type oauth."""
        form = {"grant_type": "client_credentials", "client_id": auth["clientId"], "client_secret": auth["clientSecret"]}
        if "scope" in auth:
            form["scope"] = auth["scope"]
        return cls(session, auth["tokenUrl"], form)

    def fetch(self, deadline: Deadline) -> Token:
        """For one thread at a time.

        Raises:
            AuthenticationFailed: the client's credentials are refused.
            LookupFailed: whatever else.
        """
        # Nothing more is asked of it for as long as the token is good.
        headers = {"Accept": "application/json", "Connection": "close"}
        bound(self.session, self.url, deadline)
        answer = send(self.session, "POST", self.url, deadline, data=self.form, headers=headers)
        try:
            document = loads(answer.content)
        except ValueError:
            document = None
        fields = document if isinstance(document, dict) else {}
        if answer.status == 200:
            return Token.of(fields.get("access_token"), fields.get("expires_in"))
        if answer.status in (401, 403) or (answer.status == 400 and fields.get("error") in _OUR_FAULT):
            raise AuthenticationFailed(f"the token's server refuses the client's credentials (HTTP {answer.status})")
        raise failure(answer)
