"""Microsoft 365: Microsoft Graph's getSchedule, as an app with its own permission (Calendars.ReadBasic, or one that includes it)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import quote

import requests

from mailhooks.availability.backends.graph.response import Reader, TooManyMailboxes, WindowTooLong, failure
from mailhooks.availability.backends.graph.token import EntraApp
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.json_api import look_up_apart
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Limits, Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline

_ENDPOINT: Final = "https://graph.microsoft.com"

_MAX_MAILBOXES: Final = 20
"""What Microsoft promises; the service was seen to take 100 (microsoft-graph-docs issue 7047)."""

_MAX_SPAN: Final = timedelta(days=61)
"""Less than 62 days ("Get free/busy schedule of Outlook calendar users and resources")."""

_AT_ONCE: Final = 4
"""Calls at once that an app may make to one mailbox ("Microsoft Graph service-specific throttling limits", Outlook)."""

_SLOT: Final = timedelta(minutes=30)
"""availabilityViewInterval, which must be there: null is HTTP 500 (microsoft-graph-docs issue 4494)."""

_SHORTEST: Final = timedelta(days=1)
"""A window is not halved to less."""

_MAX_REFUSALS: Final = 3
"""Of so many users that may not be asked, it is the app's permission that is missing; after so many that are not known, to go on would use
up the whole batch's time.
"""


class GraphBackend:
    """Each call is made to one user's calendar and asks for many. That is the batch's first mailbox; if it cannot be addressed so, another:
    an address is not always the name that its user signs in with, and an access policy may hide some users from the app. That ends
    after `_MAX_REFUSALS` users that are not known, or as many that may not be asked; with `user` there is no search.
    """

    def __init__(
        self,
        session: requests.Session,
        tokens: TokenCache,
        reader: Reader,
        *,
        endpoint: str = _ENDPOINT,
        user: str | None = None,
        max_mailboxes: int = _MAX_MAILBOXES,
    ) -> None:
        """`user`: whose calendar all calls are made to, by user principal name or object ID."""
        self.limits = Limits(max_mailboxes, _MAX_SPAN, _AT_ONCE)
        self._session = session
        self._tokens = tokens
        self._reader = reader
        self._endpoint = endpoint
        self._user = user
        self._known: str | None = None  # a user that has worked

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, session: requests.Session | None = None) -> Self:
        """From `schemas/availability-config.json`, `graph`. Connects to nothing.

        Args:
            session: instead of `http.session()`, for tests.

        Raises:
            SettingsError: a certificate cannot be read, or the authority is no address that msal takes.
        """
        session = session or http.create_session(connections=_AT_ONCE)
        endpoint = config.get("endpoint", _ENDPOINT).rstrip("/")
        reader = Reader(BusyType(config.get("workingElsewhere", "FREE")), BusyType(config.get("unknown", "BUSY")))
        return cls(
            session,
            TokenCache(EntraApp(session, config, endpoint).fetch),
            reader,
            endpoint=endpoint,
            user=config.get("user"),
            max_mailboxes=config.get("maxMailboxes", _MAX_MAILBOXES),
        )

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        """See `Backend`. What is too much for one call is asked for in halves, as long as there are some."""
        try:
            found = self._asked(mailboxes, window, deadline)
        except TooManyMailboxes:
            if len(mailboxes) == 1:  # a distribution list, whose members count
                raise
            middle = len(mailboxes) // 2
            return self._look_up_apart(mailboxes[:middle], window, deadline) | self._look_up_apart(mailboxes[middle:], window, deadline)
        except WindowTooLong as failed:
            found = dict.fromkeys(mailboxes, failed)
        crowded = [mailbox for mailbox, result in found.items() if isinstance(result, WindowTooLong)]
        if crowded and window.end_date - window.start_date > _SHORTEST:
            found |= self._in_two_windows(crowded, window, deadline)
        return found

    def _look_up_apart(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        return look_up_apart(lambda part: self.look_up(part, window, deadline), mailboxes)

    def _in_two_windows(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        middle = window.start_date + (window.end_date - window.start_date) / 2
        found = self._look_up_apart(mailboxes, Window(window.start_date, middle), deadline)
        going_on = {mailbox: result for mailbox, result in found.items() if isinstance(result, Schedule)}
        if not going_on:
            return found
        for mailbox, second in self._look_up_apart(list(going_on), Window(middle, window.end_date), deadline).items():
            first = going_on[mailbox]
            if isinstance(second, Schedule):
                # An event over the middle comes twice.
                second = Schedule(tuple(dict.fromkeys(first.events + second.events)), first.working_hours or second.working_hours)
            found[mailbox] = second
        return found

    def _asked(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        """One call that succeeds, and those before it to users that cannot be addressed. That says nothing of the mailbox yet: asked for
        on another's calendar it may well be found.

        After `_MAX_REFUSALS` that are not known, those are not found, and of the others nothing is known: `GenerationFailed`. After as many
        that may not be asked, the others may not either: `NoAccess`.
        """
        window = _whole(window)
        refused: dict[str, LookupFailed] = {}
        for user in self._users(mailboxes):
            try:
                content = self._called(user, mailboxes, window, deadline)
            except (MailboxNotFound, NoAccess) as failed:
                refused[user] = failed
                if user == self._known:
                    self._known = None
                if sum(type(one) is type(failed) for one in refused.values()) == _MAX_REFUSALS:
                    break
            else:
                self._known = user
                return self._reader.read(content, mailboxes, window, _SLOT)
        *_, last = refused.values()
        if self._user and isinstance(last, MailboxNotFound):
            raise GenerationFailed("Microsoft 365 does not know the user that the configuration names, or has no mailbox of theirs")
        if isinstance(last, MailboxNotFound):
            last = GenerationFailed("not asked for: no user was found whose calendar can be asked; configure one as `user`")
        return {mailbox: refused.get(mailbox, last) for mailbox in mailboxes}

    def _users(self, mailboxes: Sequence[str]) -> Iterator[str]:
        if self._user:
            yield self._user
            return
        yield mailboxes[0]
        known = self._known
        if known and known != mailboxes[0]:
            yield known
        yield from (mailbox for mailbox in mailboxes[1:] if mailbox != known)

    def _called(self, user: str, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> bytes:
        """Return the response's body."""
        url = f"{self._endpoint}/v1.0/users/{quote(user, safe='@')}/calendar/getSchedule"
        request = {
            "schedules": list(mailboxes),
            "startTime": _date_time(window.start_date),
            "endTime": _date_time(window.end_date),
            "availabilityViewInterval": _SLOT // timedelta(minutes=1),
        }
        headers = {"Prefer": 'outlook.timezone="UTC"'}
        answer = self._tokens.authorize(
            lambda token: http.send(self._session, "POST", url, deadline, json=request, headers=headers | {"Authorization": token}),
            deadline,
        )
        if answer.status != 200:
            raise failure(answer)
        return answer.content


def _whole(window: Window) -> Window:
    """In whole seconds and of at least one slot: Exchange refuses a shorter one (EWS, "ErrorInvalidTimeInterval")."""
    start = window.start_date.replace(microsecond=0)
    end = (window.end_date + timedelta(microseconds=999_999)).replace(microsecond=0)
    return Window(start, max(end, start + _SLOT))


def _date_time(moment: datetime) -> dict[str, str]:
    """As "dateTimeTimeZone" has it: local time of a zone, without an offset."""
    return {"dateTime": moment.astimezone(UTC).replace(tzinfo=None).isoformat(), "timeZone": "UTC"}
