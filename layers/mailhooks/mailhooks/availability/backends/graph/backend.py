"""Microsoft 365, by Microsoft Graph's getSchedule.

The app needs the permission Calendars.ReadBasic or a wider one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import requests

from mailhooks.availability.backends.graph.response import Reader, TooManyMailboxes, failure_for
from mailhooks.availability.backends.graph.token import EntraApp
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.json_api import WindowTooLong, look_up_apart, look_up_in_halves
from mailhooks.availability.backends.merged_view import SLOT
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Limits, Result
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline

_ENDPOINT: Final = "https://graph.microsoft.com"

_MAX_MAILBOXES: Final = 20
"""The documented limit. The service has accepted 100 (microsoft-graph-docs issue 7047)."""

_MAX_SPAN: Final = timedelta(days=61)
"""Less than 62 days ("Get free/busy schedule of Outlook calendar users and resources")."""

_AT_ONCE: Final = 4
"""Parallel requests that an app may send to one mailbox ("Microsoft Graph service-specific throttling limits", Outlook)."""

_MAX_REFUSALS: Final = 3
"""After this many users that the app may not access, the app lacks the permission. After this many unknown users, further attempts would
use up the time of the batch.
"""


class GraphBackend:
    """Queries one tenant. A request has one user's calendar in its path and returns the schedules of many mailboxes.

    The user is the batch's first mailbox. If Graph rejects it, the next mailbox is tried, because an address may differ from the user
    principal name, and an access policy may hide some users from the app. The search ends after `_MAX_REFUSALS` unknown users, or as many
    that the app may not access. There is no search if `user` is configured, by user principal name or object ID.
    """

    def __init__(self, config: Mapping[str, Any], *, session: requests.Session | None = None) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `graph`). Sends no request.

        Raises:
            SettingsError: a certificate cannot be read, or the authority is not an https:// address.
        """
        self.limits = Limits(int(config.get("maxMailboxes", _MAX_MAILBOXES)), _MAX_SPAN, _AT_ONCE)
        self._session = session or http.create_session(connections=_AT_ONCE)
        self._endpoint = config.get("endpoint", _ENDPOINT).rstrip("/")
        self._tokens = TokenCache(EntraApp(self._session, config, self._endpoint).fetch)
        self._reader = Reader(BusyType(config.get("workingElsewhere", "FREE")), BusyType(config.get("unknown", "BUSY")))
        self._user: str | None = config.get("user")
        self._accepted_user: str | None = None

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        """Look up mailboxes. Split a request that is too large for the service."""
        try:
            found = self._request_schedules(mailboxes, window, deadline)
        except TooManyMailboxes:
            if len(mailboxes) == 1:  # a distribution list: the service counts its members
                raise
            middle = len(mailboxes) // 2
            return self._look_up_apart(mailboxes[:middle], window, deadline) | self._look_up_apart(mailboxes[middle:], window, deadline)
        except WindowTooLong as failed:
            found = dict.fromkeys(mailboxes, failed)
        return look_up_in_halves(lambda part, half: self.look_up(part, half, deadline), found, window)

    def _look_up_apart(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        return look_up_apart(lambda part: self.look_up(part, window, deadline), mailboxes)

    def _request_schedules(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        """Request the schedules with one user after another in the path, until Graph accepts a user.

        A user that Graph rejects may still have a schedule in another user's response. If no user is accepted, the rejected ones have their
        own failures. The others were not queried (`GenerationFailed`), or the app may not access them either (`NoAccess`).
        """
        window = _round_window(window)
        rejected: dict[str, LookupFailed] = {}
        for user in self._candidate_users(mailboxes):
            try:
                content = self._post(user, mailboxes, window, deadline)
            except (MailboxNotFound, NoAccess) as failed:
                rejected[user] = failed
                if user == self._accepted_user:
                    self._accepted_user = None
                if sum(type(one) is type(failed) for one in rejected.values()) == _MAX_REFUSALS:
                    break
            else:
                self._accepted_user = user
                return self._reader.read(content, mailboxes, window)
        *_, last = rejected.values()
        if self._user and isinstance(last, MailboxNotFound):
            raise GenerationFailed("Microsoft 365 does not know the configured `user`, or the user has no mailbox")
        if isinstance(last, MailboxNotFound):
            last = GenerationFailed("not queried: no mailbox of the request is a user that the app may access; configure one as `user`")
        return {mailbox: rejected.get(mailbox, last) for mailbox in mailboxes}

    def _candidate_users(self, mailboxes: Sequence[str]) -> Iterator[str]:
        if self._user:
            yield self._user
            return
        yield mailboxes[0]
        accepted = self._accepted_user
        if accepted and accepted != mailboxes[0]:
            yield accepted
        yield from (mailbox for mailbox in mailboxes[1:] if mailbox != accepted)

    def _post(self, user: str, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> bytes:
        """Return the response's body."""
        url = f"{self._endpoint}/v1.0/users/{quote(user, safe='@')}/calendar/getSchedule"
        request = {
            "schedules": list(mailboxes),
            "startTime": _to_date_time(window.start_date),
            "endTime": _to_date_time(window.end_date),
            # Required: null leads to HTTP 500 (microsoft-graph-docs issue 4494).
            "availabilityViewInterval": SLOT // timedelta(minutes=1),
        }
        headers = {"Prefer": 'outlook.timezone="UTC"'}
        response = self._tokens.authorize(
            lambda token: http.send(self._session, "POST", url, deadline, json=request, headers=headers | {"Authorization": token}),
            deadline,
        )
        if response.status != 200:
            raise failure_for(response)
        return response.content


def _round_window(window: Window) -> Window:
    """Widen a window to whole seconds and at least one slot.

    Exchange rejects a shorter window (EWS, "ErrorInvalidTimeInterval").
    """
    start = window.start_date.replace(microsecond=0)
    end = (window.end_date + timedelta(microseconds=999_999)).replace(microsecond=0)
    return Window(start, max(end, start + SLOT))


def _to_date_time(moment: datetime) -> dict[str, str]:
    """Convert a time to "dateTimeTimeZone": the local time of a zone, without an offset."""
    return {"dateTime": moment.astimezone(UTC).replace(tzinfo=None).isoformat(), "timeZone": "UTC"}
