"""The EWS operation GetUserAvailability, with exchangelib's sessions, sign-in and SOAP envelope.

The rest of exchangelib is not used: it requests time zones first (which some servers do not support), tries several request versions,
retries on its own, caches connections per process, has time-outs per process only, and logs requests with addresses after an unexpected
error.
"""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import time, timedelta
from queue import Empty
from typing import Any, Final

from exchangelib import UTC  # type: ignore[import-untyped]
from exchangelib.account import Identity  # type: ignore[import-untyped]
from exchangelib.configuration import Configuration  # type: ignore[import-untyped]
from exchangelib.credentials import Credentials  # type: ignore[import-untyped]
from exchangelib.properties import (  # type: ignore[import-untyped]
    DaylightTime,
    Email,
    FreeBusyViewOptions,
    MailboxData,
    StandardTime,
    TimeWindow,
    TimeZone,
)
from exchangelib.protocol import BaseProtocol  # type: ignore[import-untyped]
from exchangelib.services import GetUserAvailability  # type: ignore[import-untyped]
from exchangelib.transport import BASIC, NOAUTH, NTLM, get_auth_instance  # type: ignore[import-untyped]
from exchangelib.version import EXCHANGE_2010, EXCHANGE_2010_SP2, Build, Version  # type: ignore[import-untyped]

from mailhooks.availability.backends.ews.transport import Adapter, set_deadline
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.client import USER_AGENT, HttpResponse, send
from mailhooks.availability.backends.merged_view import SLOT
from mailhooks.availability.errors import AuthenticationFailed, LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

__all__ = ["BASIC", "EXCHANGE_2010", "EXCHANGE_2010_SP2", "NTLM", "Client", "widen_window"]

_MAX_IDLE: Final = 8
"""Number of sessions to keep."""

_ALMOST_A_SECOND: Final = timedelta(microseconds=999_999)

_ACTION: Final = '"http://schemas.microsoft.com/exchange/services/2006/messages/GetUserAvailability"'

_ZONE: Final = TimeZone(
    bias=0,
    standard_time=StandardTime(bias=0, time=time(0), occurrence=1, iso_month=1, weekday=1),
    daylight_time=DaylightTime(bias=0, time=time(0), occurrence=5, iso_month=12, weekday=7),
)
"""UTC, for the times of the request and the response. Some servers require both transitions even if the clocks never change; these are
exchangelib's for that case (its issue 488).
"""


class Client:
    """A client for one EWS endpoint and account, for several threads.

    A thread uses a session alone, because NTLM signs in a connection and not a request.

    Args:
        version: the request's version. Servers accept older versions, so it is the oldest that has the operation.
        context: checks the server's certificate; None: the public authorities.
        user: user name and password, for `auth_type` BASIC or NTLM.
    """

    def __init__(
        self,
        url: str,
        version: Build,
        context: ssl.SSLContext | None,
        *,
        auth_type: str = NOAUTH,
        user: tuple[str, str] | None = None,
        tokens: TokenCache | None = None,
    ) -> None:
        configuration = Configuration(
            service_endpoint=url,
            version=Version(version),
            auth_type=auth_type,
            credentials=Credentials(*user) if user else None,
        )
        self._protocol = _Protocol(configuration, context)
        self._tokens = tokens

    def request(self, mailboxes: Sequence[str], window: Window, deadline: Deadline, impersonate: str | None = None) -> HttpResponse:
        """Send one request for these mailboxes.

        Args:
            impersonate: the user on whose behalf the request is sent.

        Returns:
            The HTTP response of any status.

        Raises:
            LookupFailed: the server did not respond.
        """
        envelope = _Service(self._protocol, impersonate).build_envelope(mailboxes, window)
        if self._tokens is None:
            return self._post(envelope, deadline)
        return self._tokens.authorize(lambda token: self._post(envelope, deadline, Authorization=token), deadline)

    def _post(self, envelope: bytes, deadline: Deadline, **headers: str) -> HttpResponse:
        with self._protocol.session(deadline) as session:
            return send(
                session, "POST", self._protocol.service_endpoint, deadline, data=envelope, headers={"SOAPAction": _ACTION, **headers}
            )


class _Protocol(BaseProtocol):  # type: ignore[misc]
    """exchangelib's sessions with their sign-in. Its subclass `Protocol` would be shared by URL and user in the process."""

    USERAGENT = USER_AGENT

    def __init__(self, configuration: Configuration, context: ssl.SSLContext | None) -> None:
        super().__init__(configuration)
        self._context = context

    @property
    def version(self) -> Version:
        """The configured version; exchangelib would ask the server."""
        return self.config.version

    def create_session(self) -> Any:
        session = super().create_session()
        session.trust_env = False
        session.mount(self.service_endpoint, Adapter(self._context))
        if self.auth_type == BASIC:
            # As bytes, because requests encodes strings in Latin-1.
            user, password = self.credentials.username.encode(), self.credentials.password.encode()
            session.auth = get_auth_instance(auth_type=BASIC, username=user, password=password)
        return session

    @contextmanager
    def session(self, deadline: Deadline) -> Iterator[Any]:
        """Provide a session for one request. Keep it for the next one unless an error occurs.

        Raises:
            AuthenticationFailed: the NTLM handshake fails.
        """
        try:
            session = self._session_pool.get(block=False)
        except Empty:
            session = self.create_session()
        set_deadline(session, self.service_endpoint, deadline)
        try:
            yield session
        except Exception as error:
            session.close()
            if self.auth_type != NTLM or isinstance(error, LookupFailed):
                raise
            # requests_ntlm and spnego have no common error class for a failed handshake.
            raise AuthenticationFailed(f"the NTLM handshake failed ({type(error).__name__})") from None
        if self._session_pool.qsize() < _MAX_IDLE:
            self._session_pool.put(session)
        else:
            session.close()


class _Service(GetUserAvailability):  # type: ignore[misc]
    """Builds exchangelib's request without sending it."""

    def __init__(self, protocol: _Protocol, impersonate: str | None) -> None:
        super().__init__(protocol)
        self._impersonate = impersonate

    @property
    def _account_to_impersonate(self) -> Identity | None:
        return Identity(smtp_address=self._impersonate) if self._impersonate else None

    def build_envelope(self, mailboxes: Sequence[str], window: Window) -> bytes:
        """Build the SOAP request."""
        window = widen_window(window)
        payload = self.get_payload(
            mailbox_data=[
                MailboxData(email=Email(email_address=mailbox), attendee_type="Required", exclude_conflicts=False) for mailbox in mailboxes
            ],
            timezone=_ZONE,
            free_busy_view_options=FreeBusyViewOptions(
                time_window=TimeWindow(start=window.start_date.replace(tzinfo=UTC), end=window.end_date.replace(tzinfo=UTC)),
                # Required by the schema. Some servers send merged times with the requested view.
                merged_free_busy_interval=SLOT // timedelta(minutes=1),
                # The server reduces the view to what the account may see.
                requested_view="Detailed",
            ),
        )
        envelope: bytes = self.wrap(payload, self.protocol.version.api_version)
        return envelope


def widen_window(window: Window) -> Window:
    """Return the window in whole seconds, as it is requested."""
    return Window(window.start_date.replace(microsecond=0), (window.end_date + _ALMOST_A_SECOND).replace(microsecond=0))
