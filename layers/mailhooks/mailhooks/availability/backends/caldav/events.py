"""Fetches the events of a calendar.

A calendar is fetched whole, because the servers' filters by time (RFC 4791 section 7.8) leave out events. QUIRK: sabre/dav leaves out
recurrences by RDATE and changed recurrences outside of their series; SOGo and DAViCal those of a second RRULE; Cyrus RDATE with periods;
Xandikos responds with HTTP 500 if one rule is unusual. The servers' own expansion (CALDAV:expand) has the same faults.
"""

from datetime import timedelta
from typing import Final, NamedTuple

from mailhooks.availability.backends.caldav import multistatus as dav
from mailhooks.availability.backends.caldav.client import Answer, DavClient
from mailhooks.availability.backends.caldav.multistatus import Resource, read_multistatus
from mailhooks.availability.backends.caldav.reports import SERIES, query_events, time_range
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound, NoAccess
from mailhooks.contract.availability import Window

_MARGIN: Final = timedelta(days=3)
"""More than the difference between a local date and UTC."""

_REFUSALS: Final = frozenset({400, 405, 406, 409, 412, 413, 415, 422, 500, 501, 507})
"""HTTP statuses that refuse the query, and not the account."""

_PRECONDITIONS: Final = (
    b"number-of-matches-within-limits",
    b"supported-filter",
    b"valid-filter",
    b"supported-report",
    b"supported-calendar-data",
)
"""What HTTP 403 refuses in the query (RFC 4791 section 7.8, RFC 3253 section 3.6)."""


class Content(NamedTuple):
    """The calendar objects of a calendar: all of them, or at least all that may overlap the window."""

    objects: list[bytes]
    is_whole: bool


class _Refused(Exception):
    """The server refuses a query, or does not return its whole result.

    Attributes:
        failure: of the transfer, if the response is too large.
    """

    def __init__(self, failure: GenerationFailed | None = None) -> None:
        super().__init__()
        self.failure = failure


def fetch_events(client: DavClient, url: str, window: Window) -> Content:
    """Fetch the events of a calendar in the first way that the server supports.

    1. All events by one calendar-query.
    2. The calendar's export, which many servers return for a GET of its URL.
    3. The events near the window and all series, by three queries: for a calendar that is too large.

    Raises:
        MailboxNotFound, NoAccess: the server shows no events, or not all of them.
        GenerationFailed: the server supports none of these ways, or the response cannot be read.
    """
    try:
        return Content(list(_query(client, url, "").values()), is_whole=True)
    except _Refused as refused:
        if not refused.failure and (export := _export(client, url)):
            return Content([export], is_whole=True)
    try:
        parts = [_query(client, url, condition) for condition in (time_range(window, margin=_MARGIN), *SERIES)]
    except _Refused as refused:
        raise refused.failure or GenerationFailed("the server refuses to list the calendar's events") from None
    # A series may be in each of them.
    return Content(list({href: content for part in parts for href, content in part.items()}.values()), is_whole=False)


def _query(client: DavClient, url: str, condition: str) -> dict[str, bytes]:
    """Return the calendar objects that match a filter, by href."""
    try:
        answer = client.report(url, query_events(condition))
    except GenerationFailed as failure:
        raise _Refused(failure) from None
    if _is_calendar(answer.response):
        # QUIRK: some servers respond with calendar data, or with busy times, to each query.
        return {url: answer.response.content}
    _check_status(answer)
    objects: dict[str, bytes] = {}
    for resource in read_multistatus(answer.response.content):
        if dav.DATA in resource.properties:
            objects[resource.href] = resource.text(dav.DATA).encode()
        elif resource.status not in {404, 410}:
            # An event with HTTP 404 was removed after the server had found it.
            _reject(resource)
    return objects


def _check_status(answer: Answer) -> None:
    status, content = answer.response.status, answer.response.content
    if status in {404, 410}:
        raise MailboxNotFound(f"the calendar was removed (HTTP {status})")
    if status in _REFUSALS or (status == 403 and any(name in content for name in _PRECONDITIONS)):
        raise _Refused
    if status != 207:
        raise http.failure_for(answer.response)


def _reject(resource: Resource) -> None:
    status = resource.failed.get(dav.DATA, resource.status)
    if status in {401, 403}:
        raise NoAccess("the account may not see one of the events")
    if status in {200, 404, 507}:
        # The response has no data, or is not complete (RFC 4918 section 11.5).
        raise _Refused
    raise GenerationFailed("a part of the response reports an error")


def _export(client: DavClient, url: str) -> bytes | None:
    response = client.get(url).response
    return response.content if _is_calendar(response) else None


def _is_calendar(response: http.HttpResponse) -> bool:
    return response.status == 200 and b"BEGIN:VCALENDAR" in response.content[:1000].upper()
