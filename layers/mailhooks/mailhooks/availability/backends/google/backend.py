"""Google Workspace, by the Calendar API's "Freebusy: query". It returns busy times only: no details, busy types and working hours."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from mailhooks.availability.backends.google.response import TooManyCalendars, failure_for, read_response
from mailhooks.availability.backends.google.token import ServiceAccount
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.json_api import WindowTooLong, look_up_apart, look_up_in_halves
from mailhooks.availability.model import Limits, Result
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

_ENDPOINT: Final = "https://www.googleapis.com"

_MAX_CALENDARS: Final = 50
"""calendarExpansionMax is at most 50 ("Freebusy: query")."""

_MAX_SPAN: Final = timedelta(days=60)
"""The limit is not documented; calcom/cal.com issue 11704 reports 90 days (error timeRangeTooLong)."""

_AT_ONCE: Final = 4


class GoogleBackend:
    """Queries as a service account, or on behalf of a user. Google returns the calendars that this account may see."""

    limits = Limits(_MAX_CALENDARS, _MAX_SPAN, _AT_ONCE)

    def __init__(self, config: Mapping[str, Any], *, session: requests.Session | None = None) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `google`). Sends no request.

        Raises:
            SettingsError: the service account's key cannot be read.
        """
        self._session = session or http.create_session(connections=_AT_ONCE)
        self._tokens = TokenCache(ServiceAccount(self._session, config["serviceAccount"], config.get("subject")).fetch)
        self._url = f"{config.get('endpoint', _ENDPOINT).rstrip('/')}/calendar/v3/freeBusy"

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        """Look up mailboxes. Split a request with too many calendars or a too long window for the service."""
        try:
            found = read_response(self._post(mailboxes, window, deadline), mailboxes)
        except (TooManyCalendars, WindowTooLong) as failed:
            found = dict.fromkeys(mailboxes, failed)
        left = [mailbox for mailbox, result in found.items() if isinstance(result, TooManyCalendars)]
        if left and len(mailboxes) > 1:
            middle = (len(left) + 1) // 2
            for half in filter(None, (left[:middle], left[middle:])):
                found |= look_up_apart(lambda part: self.look_up(part, window, deadline), half)
        return look_up_in_halves(lambda part, half: self.look_up(part, half, deadline), found, window)

    def _post(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> bytes:
        """Return the response's body."""
        request = {
            "timeMin": _format_time(window.start_date),
            "timeMax": _format_time(window.end_date),
            "timeZone": "UTC",
            "calendarExpansionMax": _MAX_CALENDARS,
            "items": [{"id": mailbox} for mailbox in mailboxes],
        }
        response = self._tokens.authorize(
            lambda token: http.send(self._session, "POST", self._url, deadline, json=request, headers={"Authorization": token}), deadline
        )
        if response.status != 200:
            raise failure_for(response)
        return response.content


def _format_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
