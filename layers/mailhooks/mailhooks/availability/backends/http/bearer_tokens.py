"""Caches OAuth 2.0 bearer tokens (RFC 6750) until shortly before they expire."""

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final, NamedTuple

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.retry_after import parse_retry_after
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy, TimedOut
from mailhooks.deadline import Deadline

_MARGIN_S: Final = 60.0
"""A token is renewed this long before it expires: a request may last as long as WorkMail waits, and clocks differ."""

_LIFETIME_S: Final = 300.0
"""Lifetime of a token without `expires_in`, which RFC 6749 section 5.1 makes optional."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

_BUSY: Final = frozenset({"temporarily_unavailable", "server_error", "internal_failure", "rate_limit_exceeded"})
"""Transient `error` values of token endpoints, of any HTTP status."""


class Token(NamedTuple):
    """A token and its lifetime in seconds from now."""

    value: str
    lifetime_s: float

    @classmethod
    def of(cls, value: object, lifetime: object) -> "Token":
        """Read a token from a response's `access_token` and `expires_in`.

        Raises:
            GenerationFailed: a header cannot carry `value`.
        """
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise GenerationFailed("the token server's response has no usable token")
        try:
            seconds = float(lifetime) if isinstance(lifetime, (int, float, str)) else _LIFETIME_S
        except (ValueError, OverflowError):
            seconds = _LIFETIME_S
        return cls(value, seconds if math.isfinite(seconds) else _LIFETIME_S)


class TokenCache:
    """The current token of one account.

    Args:
        fetch: gets a new token, within the deadline; one thread at a time calls it. Raises LookupFailed.
        clock: seconds. Wall-clock time, because a monotonic clock may stop while Lambda freezes the container.
    """

    def __init__(self, fetch: Callable[[Deadline], Token], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = Lock()
        self._value = ""
        self._renew_at = 0.0
        self._expires_at = 0.0

    def get(self, deadline: Deadline, *, rejected: str | None = None) -> str:
        """Return a valid token. Threads that call while one fetches a token wait for that token.

        Args:
            rejected: a token that the server rejected before it expired. It is discarded unless another thread has renewed it already.

        Raises:
            LookupFailed: no token could be fetched.
        """
        with self._locked(deadline):
            if self._value == rejected:
                self._value = ""
            if not self._value or self._clock() >= self._renew_at:
                self._renew(deadline)
            return self._value

    def authorize(self, send: Callable[[str], http.HttpResponse], deadline: Deadline) -> http.HttpResponse:
        """Send a request with a token. After HTTP 401 send it again with a new token.

        A token may be revoked before it expires. `send` gets the value of the header Authorization.
        """
        token = self.get(deadline)
        response = send(f"Bearer {token}")
        if response.status == 401:
            response = send(f"Bearer {self.get(deadline, rejected=token)}")
        return response

    def _renew(self, deadline: Deadline) -> None:
        try:
            token = self._fetch(deadline)
        except LookupFailed as failure:
            # The token server may respond again before the token expires.
            if failure.transient and self._value and self._clock() < self._expires_at:
                return
            raise
        now = self._clock()
        self._value = token.value
        self._expires_at = now + token.lifetime_s
        self._renew_at = now + max(token.lifetime_s - _MARGIN_S, token.lifetime_s / 2)

    @contextmanager
    def _locked(self, deadline: Deadline) -> Iterator[None]:
        if not self._lock.acquire(timeout=deadline.left()):
            raise TimedOut("no token in time")
        try:
            yield
        finally:
            self._lock.release()


def token_failure(response: http.HttpResponse, error: object, reason: str) -> LookupFailed:
    """Return the failure that a token endpoint's error response means (RFC 6749 section 5.2).

    Args:
        error: the response's `error`, which is a string if the endpoint itself rejected the request.
        reason: the cause, without names of apps and accounts, for the log.
    """
    if error in _BUSY:
        return ServerBusy(f"no token: {error}", retry_after=parse_retry_after(response.headers))
    if not isinstance(error, str) or response.status in {408, 429} or response.status >= 500:
        failure = http.failure_for(response)
        failure.transient |= response.status == 500
        return failure
    return AuthenticationFailed(f"no token (HTTP {response.status}): {reason}")
