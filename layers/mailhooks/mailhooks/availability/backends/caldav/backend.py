"""The backend for CalDAV servers: reads the events of calendars, or queries busy times."""

from collections.abc import Mapping, Sequence
from datetime import timedelta, tzinfo
from time import monotonic
from typing import Any, Final

from mailhooks.availability import timezones
from mailhooks.availability.backends.caldav.cache import Entry, is_settled
from mailhooks.availability.backends.caldav.client import DavClient
from mailhooks.availability.backends.caldav.discovery import Collection, find_calendars
from mailhooks.availability.backends.caldav.events import fetch_events
from mailhooks.availability.backends.caldav.freebusy import fetch_busy_times
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.cache import CalendarCache
from mailhooks.availability.backends.ical.calendars import Calendars
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.backends.url_template import check_template, fill_template
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Limits, Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

_CONFIRMATION: Final = timedelta(days=180)
"""Time before and after a window in which busy times show that a mailbox exists."""


class CalDavBackend:
    """Reads the calendars at the URL with {mailbox}, {localPart} or {domain} filled in: of a calendar, a home or a principal."""

    limits = Limits(mailboxes=1, span=timedelta(days=366), at_once=10)

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `caldav`). Sends no request.

        Raises:
            SettingsError: the URL is the same for all mailboxes or has a placeholder outside of its path, the time zone is unknown, or
                `caCertificates` cannot be read.
        """
        self._url: str = config["url"]
        check_template(self._url, is_shared=True)
        self._zone = timezones.find_zone(config["timeZone"]) if "timeZone" in config else None
        if self._zone is None and "timeZone" in config:
            raise SettingsError("timeZone: expected a time zone's name, such as Europe/Berlin, got another")
        self._queries_times = config.get("query") == "free-busy"
        self._session = http.create_session(create_ssl_context(config.get("caCertificates")), connections=self.limits.at_once)
        if "username" in config:
            self._session.auth = (config["username"].encode(), config.get("password", "").encode())
        self._cache = CalendarCache[str, Entry]()

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        [mailbox] = mailboxes
        url = fill_template(self._url, mailbox)
        if url is None:
            return {mailbox: MailboxNotFound("the URL's path cannot contain this mailbox")}
        read = self._query_busy_times if self._queries_times else self._read_events
        return {mailbox: Schedule(tuple(read(DavClient(self._session, deadline), url, mailbox, window)))}

    def _read_events(self, client: DavClient, url: str, mailbox: str, window: Window) -> list[CalendarEvent]:
        found = find_calendars(client, url, mailbox)
        owners = [mailbox, *found.addresses]
        events: list[CalendarEvent] = []
        for collection in found.collections:
            entry = self._load(client, collection, window)
            if not found.is_confirmed and not entry.has_content:
                raise MailboxNotFound("the server does not confirm that the mailbox exists, and shows no event")
            with entry.lock:
                events += entry.events.events(window, client.deadline, owners=owners)
        return events

    def _load(self, client: DavClient, collection: Collection, window: Window) -> Entry:
        """Fetch the events of a calendar, or return the cached ones if they have not changed."""
        now = monotonic()
        cached = self._cache.get(collection.url)
        if cached and cached.collection != collection:
            cached = None
        if cached and is_settled(cached):
            self._cache.put(collection.url, cached, cached.octets)
            return cached
        content = fetch_events(client, collection.url, window)
        events = Calendars.parse(content.objects, _find_zone(collection, client.deadline) or self._zone)
        has_content = bool(events.periods) or any(b"BEGIN:VEVENT" in each for each in content.objects)
        entry = Entry(collection, events, has_content, sum(map(len, content.objects)), cached.seen if cached else now, now)
        if content.is_whole and collection.version:
            self._cache.put(collection.url, entry, entry.octets)
        elif content.is_whole:
            self._cache.remove(collection.url)
        return entry

    def _query_busy_times(self, client: DavClient, url: str, mailbox: str, window: Window) -> list[CalendarEvent]:
        try:
            collections = find_calendars(client, url, mailbox).collections
        except (NoAccess, MailboxNotFound) as failure:
            # An account that may see times only may not see properties.
            try:
                return _query_unseen_calendar(client, url, window)
            except GenerationFailed:
                raise failure from None
        return [event for collection in collections for event in fetch_busy_times(client, collection.url, window)]


def _query_unseen_calendar(client: DavClient, url: str, window: Window) -> list[CalendarEvent]:
    """Query the busy times of a calendar whose existence the server does not confirm.

    QUIRK: DAViCal responds with an empty VFREEBUSY for an unknown user.
    """
    events = fetch_busy_times(client, url, window, depth="infinity")
    if not events:
        around = Window(window.start_date - _CONFIRMATION, window.end_date + _CONFIRMATION)
        if not fetch_busy_times(client, url, around, depth="infinity"):
            raise MailboxNotFound("the server does not confirm that the mailbox exists, and shows no busy time within a year")
    return events


def _find_zone(collection: Collection, deadline: Deadline) -> tzinfo | None:
    """Return the zone of a calendar's times without a zone (RFC 4791 section 5.2.2); None if the server names none that can be read."""
    try:
        [calendar] = parse_calendars(collection.time_zone.encode())
        [zone] = calendar.all("VTIMEZONE")
        return Zones(calendar, None).find(zone.value("TZID"), Budget(deadline))
    except (GenerationFailed, ValueError):
        return None
