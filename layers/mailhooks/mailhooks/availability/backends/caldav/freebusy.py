"""Queries busy times (RFC 4791 section 7.10), for accounts that may not see events."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from mailhooks.availability.backends.caldav import multistatus as dav
from mailhooks.availability.backends.caldav.client import DavClient
from mailhooks.availability.backends.caldav.multistatus import read_multistatus
from mailhooks.availability.backends.caldav.reports import query_busy_times
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent

_MIN_HALF: Final = timedelta(days=1)
"""A window is not split into halves that are shorter."""


def fetch_busy_times(client: DavClient, url: str, window: Window, *, depth: str = "1") -> list[CalendarEvent]:
    """Query the busy times of a calendar; with depth infinity those of all calendars below the URL.

    Raises:
        MailboxNotFound: there is no such calendar, or the account may not see its times.
        GenerationFailed: the server refuses the query, or the response cannot be read.
    """
    answer = client.report(url, query_busy_times(window), depth=depth, accept="text/calendar")
    response = answer.response
    if response.status == 200:
        return list(_read_busy_times(response.content))
    if response.status == 207:
        return [event for content in read_calendar_data(response.content) for event in _read_busy_times(content)]
    span = window.end_date - window.start_date
    if _is_too_large(response) and span >= 2 * _MIN_HALF:
        middle = window.start_date + span / 2
        # One half after the other: if the first fails, the second is not requested.
        return [
            event
            for half in (Window(window.start_date, middle), Window(middle, window.end_date))
            for event in fetch_busy_times(client, answer.url, half, depth=depth)
        ]
    if response.status in {404, 410}:
        # RFC 4791 section 7.10 requires the same status if the account may not see the times.
        raise MailboxNotFound(f"the server has no such calendar, or does not show it to this account (HTTP {response.status})")
    raise http.failure_for(response)


def read_calendar_data(content: bytes) -> list[bytes]:
    """Return the calendar data of a multistatus response.

    RFC 4791 section 7.10 requires HTTP 200 and the data alone, but some servers wrap the data.

    Raises:
        GenerationFailed: the response has no data, reports an error or is not safe XML.
    """
    found = []
    for resource in read_multistatus(content):
        if resource.status != 200 or resource.failed:
            raise GenerationFailed("a part of the response reports an error")
        if dav.DATA in resource.properties:
            found.append(resource.text(dav.DATA).encode())
    if not found:
        raise GenerationFailed("the response with HTTP 207 has no calendar data")
    return found


def _read_busy_times(content: bytes) -> Iterator[CalendarEvent]:
    for calendar in parse_calendars(content):
        if calendar.all("VEVENT"):
            # Not a response to a free-busy-query: without a VFREEBUSY all time would look free.
            raise GenerationFailed("the response has appointments instead of busy times")
        yield from read_periods(calendar)


def _is_too_large(response: http.HttpResponse) -> bool:
    """Return whether the server rejects the window as too long.

    RFC 4791 section 7.10: number-of-matches-within-limits; RFC 4331: HTTP 507. QUIRK: Radicale responds with HTTP 400 if there are more
    occurrences than its max_freebusy_occurrence.
    """
    return response.status in {400, 507} or (response.status == 403 and b"number-of-matches-within-limits" in response.content)
