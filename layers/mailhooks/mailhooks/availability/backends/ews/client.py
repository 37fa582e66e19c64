"""The EWS operation GetUserAvailability, in exchangelib's SOAP envelope."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from exchangelib import UTC  # type: ignore[import-untyped]
from exchangelib.account import Identity  # type: ignore[import-untyped]
from exchangelib.properties import (  # type: ignore[import-untyped]
    DaylightTime,
    Email,
    FreeBusyViewOptions,
    MailboxData,
    StandardTime,
    TimeWindow,
    TimeZone,
)
from exchangelib.services import GetUserAvailability  # type: ignore[import-untyped]

from mailhooks.availability.backends.ews.connection import Connection, Protocol
from mailhooks.availability.backends.http.client import HttpResponse
from mailhooks.availability.backends.merged_view import SLOT
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

_ALMOST_A_SECOND: Final = timedelta(microseconds=999_999)

_ZONE: Final = TimeZone(
    bias=0,
    standard_time=StandardTime(bias=0, time=time(0), occurrence=1, iso_month=1, weekday=1),
    daylight_time=DaylightTime(bias=0, time=time(0), occurrence=5, iso_month=12, weekday=7),
)
"""UTC, for the times of the request and the response. Some servers require both transitions even if the clocks never change; these are
exchangelib's for that case (its issue 488).
"""


class Client:
    """Requests free/busy times by one connection, for several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def request(self, mailboxes: Sequence[str], window: Window, deadline: Deadline, impersonate: str | None = None) -> HttpResponse:
        """Send one request for these mailboxes.

        Args:
            impersonate: the user on whose behalf the request is sent.

        Returns:
            The HTTP response of any status.

        Raises:
            LookupFailed: the server did not respond.
        """
        envelope = _Service(self._connection.protocol, impersonate).build_envelope(mailboxes, window)
        return self._connection.post("GetUserAvailability", envelope, deadline)


class _Service(GetUserAvailability):  # type: ignore[misc]
    """Builds exchangelib's request without sending it."""

    def __init__(self, protocol: Protocol, impersonate: str | None) -> None:
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
