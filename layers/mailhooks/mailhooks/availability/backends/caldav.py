"""CalDAV servers, by the free-busy-query REPORT (RFC 4791 section 7.10).

QUIRK: Radicale (3.9.0) expands a series in UTC. If the clocks have changed since its start, its times are one hour off and its EXDATEs are
ignored. The backend `ics` reads Radicale's collections correctly.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit
from xml.etree import ElementTree

from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound
from mailhooks.availability.model import Limits, Result, Schedule
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
_DAV: Final = "{DAV:}"
_DATA: Final = "{urn:ietf:params:xml:ns:caldav}calendar-data"
_SUCCESS: Final = re.compile(r"HTTP/\S+ 2\d\d\b")
_REDIRECTS: Final = 3
_MIN_HALF: Final = timedelta(days=1)
"""A window is not split into halves that are shorter."""


class CalDavBackend:
    """Queries the calendar, or all calendars of a principal, at the URL with {mailbox}, {localPart} or {domain} filled in."""

    limits = Limits(mailboxes=1, span=timedelta(days=366), at_once=10)

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `caldav`). Sends no request.

        Raises:
            SettingsError: the URL is the same for all mailboxes or has a placeholder outside of its path, or `caCertificates` cannot be
                read.
        """
        self._url: str = config["url"]
        parts = urlsplit(self._url)
        names = set(_FIELD.findall(parts.path + "?" + parts.query))
        if not names or names - {"mailbox", "localPart", "domain"} or _FIELD.search(parts.netloc) or not names & {"mailbox", "localPart"}:
            raise SettingsError(
                "url: put {mailbox}, or {localPart} and perhaps {domain}, into its path, such as https://dav.example.net/{mailbox}/"
            )
        self._session = http.create_session(create_ssl_context(config.get("caCertificates")), connections=self.limits.at_once)
        if "username" in config:
            self._session.auth = (config["username"].encode(), config.get("password", "").encode())

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        [mailbox] = mailboxes
        url = build_url(self._url, mailbox)
        if url is None:
            return {mailbox: MailboxNotFound("the URL's path cannot contain this mailbox")}
        return {mailbox: Schedule(tuple(self._events(url, window, deadline)))}

    def _events(self, url: str, window: Window, deadline: Deadline) -> list[CalendarEvent]:
        response = self._report(url, window, deadline)
        if response.status == 200:
            return list(_busy(response.content))
        if response.status == 207:
            return [event for content in read_calendar_data(response.content) for event in _busy(content)]
        span = window.end_date - window.start_date
        if _is_too_large(response) and span >= 2 * _MIN_HALF:
            middle = window.start_date + span / 2
            # One half after the other: if the first fails, the second is not requested.
            return [
                event
                for half in (Window(window.start_date, middle), Window(middle, window.end_date))
                for event in self._events(url, half, deadline)
            ]
        if response.status in {404, 410}:
            # RFC 4791 section 7.10 requires the same status if the account may not see the times.
            raise MailboxNotFound("the server has no such calendar, or does not show it to this account (HTTP 404)")
        if 300 <= response.status < 400:
            raise GenerationFailed("the server redirects to another server, which must not get the credentials: configure its URL")
        raise http.failure_for(response)

    def _report(self, url: str, window: Window, deadline: Deadline) -> http.HttpResponse:
        # Rounded up to whole seconds.
        end = window.end_date + timedelta(seconds=1, microseconds=-1)
        body = _QUERY.format(start=_format_time(window.start_date), end=_format_time(end)).encode()
        for _ in range(_REDIRECTS):
            response = http.send(self._session, "REPORT", url, deadline, data=body, headers=_HEADERS)
            if response.status not in {301, 302, 307, 308}:
                break
            try:
                target = urljoin(url, str(response.headers.get("Location", "")))
                same = urlsplit(target)[:2] == urlsplit(url)[:2]
            except ValueError:
                break
            if not same:
                break
            url = target
        return response


def build_url(template: str, mailbox: str) -> str | None:
    """Insert a mailbox into a URL template, quoted as one segment of the path.

    Return None if no quoting keeps it in its segment.
    """
    local, _, domain = mailbox.rpartition("@")
    values = {"mailbox": mailbox, "localPart": local, "domain": domain}
    # One or two dots would change the path. `@` needs no quoting (RFC 3986 section 3.3).
    if any(value in {"", ".", ".."} for value in values.values()):
        return None
    try:
        return _FIELD.sub(lambda field: quote(values[field[1]], safe="@"), template)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can contain
        return None


def _busy(content: bytes) -> Iterator[CalendarEvent]:
    for calendar in parse_calendars(content):
        if calendar.all("VEVENT"):
            # Not a response to a free-busy-query: without a VFREEBUSY all time would look free.
            raise GenerationFailed("the response has appointments instead of busy times")
        yield from read_periods(calendar)


def read_calendar_data(content: bytes) -> list[bytes]:
    """Return the calendar data of a multistatus response (RFC 4918 section 13).

    RFC 4791 section 7.10 requires HTTP 200 and the data alone, but some servers wrap the data.

    Raises:
        GenerationFailed: the response has no data, reports an error or is not safe XML.
    """
    # Entities, which serve attacks only, need a document type.
    if b"<!DOCTYPE" in content or b"\0" in content:
        raise GenerationFailed("the response has a document type or a null byte")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - see above
    except ElementTree.ParseError:
        raise GenerationFailed("the response is not XML") from None
    if not all(_SUCCESS.match((status.text or "").strip()) for status in root.iter(f"{_DAV}status")):
        raise GenerationFailed("a part of the response reports an error")
    found = [(element.text or "").encode() for element in root.iter(_DATA)]
    if not found:
        raise GenerationFailed("the response with HTTP 207 has no calendar data")
    return found


def _is_too_large(response: http.HttpResponse) -> bool:
    """Return whether the server rejects the window as too long.

    RFC 4791 section 7.10: number-of-matches-within-limits; RFC 4331: HTTP 507. QUIRK: Radicale responds with HTTP 400 if there are more
    occurrences than its max_freebusy_occurrence.
    """
    return response.status in {400, 507} or (response.status == 403 and b"number-of-matches-within-limits" in response.content)


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"
