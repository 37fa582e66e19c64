"""The XML of requests (RFC 4918, RFC 4791)."""

from datetime import timedelta
from typing import Final

from mailhooks.contract.availability import Window

_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>'
_CALDAV: Final = 'xmlns:C="urn:ietf:params:xml:ns:caldav"'

DESCRIBE: Final = (
    f'{_DECLARATION}<D:propfind xmlns:D="DAV:" {_CALDAV} xmlns:S="http://calendarserver.org/ns/"><D:prop>'
    "<D:resourcetype/><D:sync-token/><S:getctag/><C:calendar-home-set/><C:calendar-user-address-set/>"
    "<C:supported-calendar-component-set/><C:schedule-calendar-transp/><C:calendar-timezone/></D:prop></D:propfind>"
)
"""The properties that `discovery` reads."""

SERIES: Final = ('<C:prop-filter name="RRULE"/>', '<C:prop-filter name="RDATE"/>')
"""Filters for events that recur by a rule, and by dates."""


def query_events(condition: str = "") -> str:
    """Return a calendar-query (RFC 4791 section 7.8) for the events that match a filter; all events without one."""
    return (
        f'{_DECLARATION}<C:calendar-query xmlns:D="DAV:" {_CALDAV}><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter>'
        f'<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{condition}</C:comp-filter></C:comp-filter></C:filter>'
        "</C:calendar-query>"
    )


def query_busy_times(window: Window) -> str:
    """Return a free-busy-query (RFC 4791 section 7.10)."""
    return f"{_DECLARATION}<C:free-busy-query {_CALDAV}>{time_range(window)}</C:free-busy-query>"


def time_range(window: Window, *, margin: timedelta = timedelta()) -> str:
    """Return the time-range element of a window, in whole seconds, with a margin before and after it."""
    start, end = window.start_date - margin, window.end_date + margin + timedelta(seconds=1, microseconds=-1)
    return f'<C:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>'
