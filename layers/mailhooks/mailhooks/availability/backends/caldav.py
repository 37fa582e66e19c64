"""CalDAV servers, by the free-busy-query REPORT (RFC 4791 section 7.10).

QUIRK: Radicale (3.9.0) expands a series in UTC: when the clocks have changed since it began, its times are an hour off and its EXDATEs are
not heard. Its collections are right as feeds (`ics`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import quote, urljoin, urlsplit

import requests

from mailhooks.availability.backends.caldav_xml import read_calendar_data
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound
from mailhooks.availability.model import Limits, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

_QUERY: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:free-busy-query xmlns:C="urn:ietf:params:xml:ns:caldav"><C:time-range start="{start}" end="{end}"/></C:free-busy-query>'
)
_HEADERS: Final = {"Depth": "1", "Content-Type": 'application/xml; charset="utf-8"', "Accept": "text/calendar"}
_FIELD: Final = re.compile(r"\{(\w*)\}")
_REDIRECTS: Final = 3
_SHORTEST: Final = timedelta(days=1)
"""A window is not halved to less than twice this."""


class CalDavBackend:
    """One calendar, or one principal's calendars, by an address each."""

    limits = Limits(mailboxes=1, span=timedelta(days=366), at_once=10)

    def __init__(self, url: str, session: requests.Session) -> None:
        """`url`: with {mailbox}, {localPart} or {domain} in its path."""
        self._url = url
        self._session = session

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Raises:
        SettingsError: the address lacks what tells one mailbox from another, or has it elsewhere than in its path.
        """
        url = config["url"]
        parts = urlsplit(url)
        names = set(_FIELD.findall(parts.path + "?" + parts.query))
        if not names or names - {"mailbox", "localPart", "domain"} or _FIELD.search(parts.netloc) or not names & {"mailbox", "localPart"}:
            raise SettingsError(
                "url: put {mailbox}, or {localPart} and perhaps {domain}, into its path, such as https://dav.example.net/{mailbox}/"
            )
        session = http.create_session(create_ssl_context(config.get("caCertificates")), connections=cls.limits.at_once)
        if "username" in config:
            session.auth = (config["username"].encode(), config.get("password", "").encode())
        return cls(url, session)

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Schedule | LookupFailed]:
        [mailbox] = mailboxes
        url = build_url(self._url, mailbox)
        if url is None:
            return {mailbox: MailboxNotFound("no address that a server's path could have")}
        return {mailbox: Schedule(tuple(self._events(url, window, deadline)))}

    def _events(self, url: str, window: Window, deadline: Deadline) -> list[CalendarEvent]:
        answer = self._report(url, window, deadline)
        if answer.status == 200:
            return list(_busy(answer.content))
        if answer.status == 207:
            return [event for content in read_calendar_data(answer.content) for event in _busy(content)]
        span = window.end_date - window.start_date
        if _asks_too_much(answer) and span >= 2 * _SHORTEST:
            middle = window.start_date + span / 2
            # The halves one after the other: where the first is refused too, the second is not asked.
            return [
                event
                for half in (Window(window.start_date, middle), Window(middle, window.end_date))
                for event in self._events(url, half, deadline)
            ]
        if answer.status in {404, 410}:
            # Also what RFC 4791 section 7.10 has a server say to those who may not see the times.
            raise MailboxNotFound("the server has no such calendar, or does not show it to this account (HTTP 404)")
        if 300 <= answer.status < 400:
            raise GenerationFailed("the server redirects to another one, to which credentials are not sent: configure its address")
        raise http.failure_for(answer)

    def _report(self, url: str, window: Window, deadline: Deadline) -> http.HttpResponse:
        # Whole seconds: no less than what is asked for.
        end = window.end_date + timedelta(seconds=1, microseconds=-1)
        body = _QUERY.format(start=_written(window.start_date), end=_written(end)).encode()
        for _ in range(_REDIRECTS):
            answer = http.send(self._session, "REPORT", url, deadline, data=body, headers=_HEADERS)
            if answer.status not in {301, 302, 307, 308}:
                break
            try:
                target = urljoin(url, str(answer.headers.get("Location", "")))
                same = urlsplit(target)[:2] == urlsplit(url)[:2]
            except ValueError:
                break
            if not same:
                break
            url = target
        return answer


def build_url(template: str, mailbox: str) -> str | None:
    """The template with a mailbox in it, quoted such that it stays in its segment of the path; None where it cannot."""
    local, _, domain = mailbox.rpartition("@")
    values = {"mailbox": mailbox, "localPart": local, "domain": domain}
    # A dot or two would be a step of the path. RFC 3986 section 3.3: `@` may stand there as it is.
    if any(value in {"", ".", ".."} for value in values.values()):
        return None
    try:
        return _FIELD.sub(lambda field: quote(values[field[1]], safe="@"), template)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        return None


def _busy(content: bytes) -> Iterator[CalendarEvent]:
    for calendar in parse_calendars(content):
        if calendar.all("VEVENT"):
            # Not of a free-busy-query: what stands for no VFREEBUSY would be free time.
            raise GenerationFailed("the server answers with appointments instead of busy times")
        yield from read_periods(calendar)


def _asks_too_much(answer: http.HttpResponse) -> bool:
    """RFC 4791 section 7.10, DAV:number-of-matches-within-limits; RFC 4331's 507. QUIRK: Radicale answers HTTP 400 over its
    max_freebusy_occurrence.
    """
    return answer.status in {400, 507} or (answer.status == 403 and b"number-of-matches-within-limits" in answer.content)


def _written(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"
