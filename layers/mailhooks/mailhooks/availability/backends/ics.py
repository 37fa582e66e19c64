"""Published calendar feeds (RFC 5545 over HTTP), one a mailbox: fetched, kept, and expanded for the window asked for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import requests

from mailhooks.address_patterns import canonical
from mailhooks.availability import timezones
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.backends.ical.event_selection import Group, group_appointments
from mailhooks.availability.backends.ical.events import expand_events
from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import Component, parse_calendars
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Limits, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

KEPT_OCTETS: Final = 24 * 1024 * 1024
"""Of all feeds of a backend, as they came; taken apart they need two or three times as much."""

_REDIRECTS: Final = 5


@dataclass(frozen=True, slots=True)
class FeedCalendar:
    """A calendar of a feed, taken apart, and what it says of free or busy time itself."""

    appointments: list[Group]
    zones: Zones
    periods: tuple[CalendarEvent, ...]

    @classmethod
    def of(cls, component: Component, zone: ZoneInfo | None) -> Self:
        """Raises:
        GenerationFailed: a period of free or busy time cannot be read, or the calendar is not the Gregorian one.
        """
        # QUIRK: some write it in lower case.
        if component.value("CALSCALE").upper() not in {"", "GREGORIAN"}:
            raise GenerationFailed("the calendar's years are none that we know")
        return cls(group_appointments(component), Zones(component, zone), tuple(read_periods(component)))

    def events(self, window: Window, deadline: Deadline) -> Iterator[CalendarEvent]:
        """Those that touch the window, and perhaps others.

        Raises:
            GenerationFailed: as `ical_events.events`.
        """
        yield from self.periods
        yield from expand_events(self.appointments, self.zones, window, deadline)


@dataclass(frozen=True, slots=True)
class _Content:
    """What was fetched of a feed."""

    calendars: list[FeedCalendar]
    octets: int
    etag: str
    modified: str


@dataclass(eq=False)
class _Feed:
    """Where a mailbox's calendar is, and what was there last."""

    url: str
    auth: tuple[bytes, bytes] | None = None
    kept: _Content | None = None
    lock: Lock = field(default_factory=Lock)


class IcsBackend:
    """Feeds by mailbox."""

    limits = Limits(mailboxes=1, span=timedelta(days=366), at_once=10)

    def __init__(self, feeds: Mapping[str, _Feed], session: requests.Session, zone: ZoneInfo | None) -> None:
        self._feeds = feeds
        self._session = session
        self._zone = zone
        self._recent: dict[_Feed, int] = {}
        self._recent_lock = Lock()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Raises:
        SettingsError: a mailbox has two feeds, or the time zone is none.
        """
        feeds: dict[str, _Feed] = {}
        for index, entry in enumerate(config["feeds"]):
            mailbox = canonical(entry["mailbox"])
            if mailbox in feeds:
                raise SettingsError(f"feeds/{index}/mailbox: it has a feed already")
            auth = (entry["username"].encode(), entry.get("password", "").encode()) if "username" in entry else None
            feeds[mailbox] = _Feed(_web(entry["url"]), auth)
        zone = timezones.find_zone(config["timeZone"]) if "timeZone" in config else None
        if zone is None and "timeZone" in config:
            raise SettingsError("timeZone: expected a time zone's name, such as Europe/Berlin, got another")
        return cls(feeds, http.create_session(create_ssl_context(config.get("caCertificates")), connections=cls.limits.at_once), zone)

    def scope(self, mailbox: str) -> str:
        """A feed's server and account: what one refuses says nothing of the others."""
        feed = self._feeds.get(canonical(mailbox))
        # As a number: credentials are part of it, and it may be shown.
        return str(hash((*urlsplit(feed.url)[:2], feed.auth))) if feed else ""

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Schedule | LookupFailed]:
        [mailbox] = mailboxes
        feed = self._feeds.get(canonical(mailbox))
        if feed is None:
            return {mailbox: MailboxNotFound("no feed is configured for this mailbox")}
        # One at a time: who comes second finds what the first has fetched.
        if not feed.lock.acquire(timeout=deadline.left()):
            return {mailbox: GenerationFailed("another look-up of this feed takes too long")}
        try:
            content = self._content(feed, deadline)
            return {mailbox: Schedule(tuple(event for calendar in content.calendars for event in calendar.events(window, deadline)))}
        finally:
            feed.lock.release()

    def _content(self, feed: _Feed, deadline: Deadline) -> _Content:
        # Another look-up may drop it meanwhile.
        kept = feed.kept
        answer = self._get(feed, kept, deadline)
        if answer.status == 304 and kept:
            found = kept
        elif answer.status == 200:
            calendars_ = [FeedCalendar.of(component, self._zone) for component in parse_calendars(answer.content)]
            headers = (str(answer.headers.get(name, "")) for name in ("ETag", "Last-Modified"))
            found = _Content(calendars_, len(answer.content), *headers)
        elif answer.status in {404, 410}:
            raise MailboxNotFound(f"the feed is not there (HTTP {answer.status})")
        elif answer.status == 401 and feed.auth is None:
            raise NoAccess("the feed is not public (HTTP 401)")
        else:
            raise http.failure_for(answer)
        self._keep(feed, found)
        return found

    def _keep(self, feed: _Feed, content: _Content) -> None:
        """Keeps what servers would say again: as much as is worth its memory, of those feeds that were asked for last."""
        with self._recent_lock:
            self._recent.pop(feed, None)
            feed.kept = content if (content.etag or content.modified) and content.octets <= KEPT_OCTETS else None
            if feed.kept:
                self._recent[feed] = content.octets
            while sum(self._recent.values()) > KEPT_OCTETS:
                oldest = next(iter(self._recent))
                del self._recent[oldest]
                oldest.kept = None

    def _get(self, feed: _Feed, kept: _Content | None, deadline: Deadline) -> http.HttpResponse:
        """Follows redirects itself: credentials go to the configured server only, and never from https to http."""
        known = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified} if kept else {}
        headers = {"Accept": "text/calendar"} | {name: value for name, value in known.items() if value}
        url = feed.url
        for _ in range(_REDIRECTS):
            auth = feed.auth if urlsplit(url)[:2] == urlsplit(feed.url)[:2] else None
            answer = http.send(self._session, "GET", url, deadline, headers=headers, auth=auth)
            if answer.status not in {301, 302, 303, 307, 308}:
                return answer
            url = _target(url, str(answer.headers.get("Location", "")))
        raise GenerationFailed("the feed redirects in circles")


def _target(url: str, location: str) -> str:
    with suppress(ValueError):
        target = _web(urljoin(url, location))
        scheme = urlsplit(target).scheme
        if scheme == "https" or (scheme == "http" and urlsplit(url).scheme == "http"):
            return target
    raise GenerationFailed("the feed redirects to where nobody should be sent")


def _web(url: str) -> str:
    """QUIRK: calendar programs publish feeds as `webcal:`, which is HTTP, today by TLS."""
    return f"https:{url.partition(':')[2]}" if url.lower().startswith(("webcal:", "webcals:")) else url
