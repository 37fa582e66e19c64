"""Google Workspace: the Calendar API's Freebusy: query. It tells busy times only: no details, nothing tentative, no working hours."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self

import requests

from mailhooks.availability.backends.google.response import TooManyCalendars, failure, read
from mailhooks.availability.backends.google.token import ServiceAccount
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.json_api import look_up_apart
from mailhooks.availability.model import Limits, Result
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline

_ENDPOINT: Final = "https://www.googleapis.com"

_MAX_CALENDARS: Final = 50
"""calendarExpansionMax is at most 50 ("Freebusy: query")."""

_MAX_SPAN: Final = timedelta(days=60)
"""Not documented; calcom/cal.com issue 11704 has found 90 days to be the most (error timeRangeTooLong)."""

_AT_ONCE: Final = 4


class GoogleBackend:
    """Asks as a service account, or as a user in whose name it acts: it is told of the calendars that the asker may see."""

    limits = Limits(_MAX_CALENDARS, _MAX_SPAN, _AT_ONCE)

    def __init__(self, session: requests.Session, tokens: TokenCache, endpoint: str = _ENDPOINT) -> None:
        self._session = session
        self._tokens = tokens
        self._url = f"{endpoint}/calendar/v3/freeBusy"

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, session: requests.Session | None = None) -> Self:
        """From `schemas/availability-config.json`, `google`. Connects to nothing.

        Args:
            session: instead of `http.session()`, for tests.

        Raises:
            SettingsError: the service account's key cannot be read.
        """
        session = session or http.create_session(connections=_AT_ONCE)
        account = ServiceAccount(session, config["serviceAccount"], config.get("subject"))
        return cls(session, TokenCache(account.fetch), config.get("endpoint", _ENDPOINT).rstrip("/"))

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        """See `Backend`. Those that are too many for one call are asked for in halves."""
        try:
            found = read(self._called(mailboxes, window, deadline), mailboxes)
        except TooManyCalendars as failed:
            found = dict.fromkeys(mailboxes, failed)
        left = [mailbox for mailbox, result in found.items() if isinstance(result, TooManyCalendars)]
        if left and len(mailboxes) > 1:
            middle = (len(left) + 1) // 2
            for half in filter(None, (left[:middle], left[middle:])):
                found |= look_up_apart(lambda part: self.look_up(part, window, deadline), half)
        return found

    def _called(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> bytes:
        """Return the response's body."""
        request = {
            "timeMin": _rfc3339(window.start_date),
            "timeMax": _rfc3339(window.end_date),
            "timeZone": "UTC",
            "calendarExpansionMax": _MAX_CALENDARS,
            "items": [{"id": mailbox} for mailbox in mailboxes],
        }
        answer = self._tokens.authorize(
            lambda token: http.send(self._session, "POST", self._url, deadline, json=request, headers={"Authorization": token}), deadline
        )
        if answer.status != 200:
            raise failure(answer)
        return answer.content


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
