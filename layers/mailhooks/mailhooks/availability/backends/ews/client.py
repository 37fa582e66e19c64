"""Exchange Web Services by exchangelib: its sessions and ways to sign in, its envelope, its GetUserAvailability.

What it does beyond that is left aside here: it asks for time zones first (which some servers do not offer), tries request versions until
one is taken, waits and asks again on its own, keeps every connection in a cache of the process, has time-outs for the process only, and
logs requests with the addresses in them when something unforeseen happens.
"""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
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
from mailhooks.availability.errors import AuthenticationFailed, LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

__all__ = ["BASIC", "EXCHANGE_2010", "EXCHANGE_2010_SP2", "NTLM", "Client"]

_IDLE: Final = 8
"""Sessions that are kept."""

_ALMOST_A_SECOND: Final = timedelta(microseconds=999_999)

_ACTION: Final = '"http://schemas.microsoft.com/exchange/services/2006/messages/GetUserAvailability"'

_ZONE: Final = TimeZone(
    bias=0,
    standard_time=StandardTime(bias=0, time=time(0), occurrence=1, iso_month=1, weekday=1),
    daylight_time=DaylightTime(bias=0, time=time(0), occurrence=5, iso_month=12, weekday=7),
)
"""UTC, for the times of the request and of its answer. Some servers want both transitions even where the clocks never change: these are
exchangelib's own for that case (its issue 488).
"""


class Client:
    """One EWS address and one way to sign in. Serves several threads; a session is one thread's at a time, as NTLM signs in connections.

    Args:
        url: of Exchange.asmx.
        version: the request's, as a build: servers take requests of older versions, so the oldest that will do.
        user: for `auth_type` BASIC or NTLM.
        tokens: signs in by bearer tokens instead.
        context: whose certificates are trusted.
    """

    def __init__(
        self,
        url: str,
        version: Build,
        context: ssl.SSLContext,
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

    def ask(self, mailboxes: Sequence[str], window: Window, deadline: Deadline, impersonate: str | None = None) -> HttpResponse:
        """Sends one request for these mailboxes.

        Args:
            impersonate: in whose name.

        Returns:
            The HTTP answer, whatever its status.

        Raises:
            LookupFailed: there is none.
        """
        envelope = _Service(self._protocol, impersonate).envelope(mailboxes, window)
        if self._tokens is None:
            return self._post(envelope, deadline)
        return self._tokens.authorize(lambda token: self._post(envelope, deadline, Authorization=token), deadline)

    def _post(self, envelope: bytes, deadline: Deadline, **headers: str) -> HttpResponse:
        with self._protocol.session(deadline) as session:
            return send(
                session, "POST", self._protocol.service_endpoint, deadline, data=envelope, headers={"SOAPAction": _ACTION, **headers}
            )


class _Protocol(BaseProtocol):  # type: ignore[misc]
    """exchangelib's sessions, each with its way to sign in; not its `Protocol`, which is one for the process by address and user."""

    USERAGENT = USER_AGENT

    def __init__(self, configuration: Configuration, context: ssl.SSLContext) -> None:
        super().__init__(configuration)
        self._context = context

    @property
    def version(self) -> Version:
        """As configured: exchangelib's own would ask the server."""
        return self.config.version

    def create_session(self) -> Any:
        session = super().create_session()
        session.trust_env = False
        session.mount(self.service_endpoint, Adapter(self._context))
        if self.auth_type == BASIC:
            # requests would write them in Latin-1, which has not all names.
            user, password = self.credentials.username.encode(), self.credentials.password.encode()
            session.auth = get_auth_instance(auth_type=BASIC, username=user, password=password)
        return session

    @contextmanager
    def session(self, deadline: Deadline) -> Iterator[Any]:
        """A session for one request, kept for the next one unless something goes wrong.

        Raises:
            AuthenticationFailed: the server does not go along with NTLM.
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
            # requests_ntlm and spnego have no family of errors for a handshake that a server breaks off or makes nonsense of.
            raise AuthenticationFailed(f"the NTLM handshake goes wrong ({type(error).__name__})") from None
        if self._session_pool.qsize() < _IDLE:
            self._session_pool.put(session)
        else:
            session.close()


class _Service(GetUserAvailability):  # type: ignore[misc]
    """exchangelib's request, without what goes on around it."""

    def __init__(self, protocol: _Protocol, impersonate: str | None) -> None:
        super().__init__(protocol)
        self._impersonate = impersonate

    @property
    def _account_to_impersonate(self) -> Identity | None:
        return Identity(smtp_address=self._impersonate) if self._impersonate else None

    def envelope(self, mailboxes: Sequence[str], window: Window) -> bytes:
        """The SOAP request for `mailboxes`, in whole seconds."""
        payload = self.get_payload(
            mailbox_data=[
                MailboxData(email=Email(email_address=mailbox), attendee_type="Required", exclude_conflicts=False) for mailbox in mailboxes
            ],
            timezone=_ZONE,
            free_busy_view_options=FreeBusyViewOptions(
                time_window=TimeWindow(start=_seconds(window.start_date), end=_seconds(window.end_date + _ALMOST_A_SECOND)),
                # The schema wants it; there are no merged times in the view that is asked for.
                merged_free_busy_interval=30,
                # The most there is; the server gives less where the account may see less.
                requested_view="Detailed",
            ),
        )
        envelope: bytes = self.wrap(payload, self.protocol.version.api_version)
        return envelope


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0, tzinfo=UTC)
