"""Published calendar feeds (RFC 5545 over HTTP), one a mailbox: fetched, kept, and expanded for the window asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import requests

from ...contract.availability import Window
from ...deadline import Deadline
from ...errors import SettingsError
from .. import worktime
from ..errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess
from ..model import Limits, Schedule
from . import http
from .ical_events import events
from .ical_freebusy import calendars
from .trust import ca_file

MAX_OCTETS: Final = 8 * 1024 * 1024
"""Of a feed. Reading one takes about 0.7 s a MB on a whole processor."""

_REDIRECTS: Final = 5


@dataclass
class _Feed:
    """Where a mailbox's calendar is, and what was there last."""

    url: str
    auth: tuple[bytes, bytes] | None = None
    etag: str = ""
    modified: str = ""
    calendars: list[Any] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


class IcsBackend:
    """Feeds by mailbox."""

    limits = Limits(mailboxes=1, span=timedelta(days=366), at_once=10)

    def __init__(self, feeds: Mapping[str, _Feed], session: requests.Session, zone: ZoneInfo | None) -> None:
        self._feeds = feeds
        self._session = session
        self._zone = zone

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Raises:
        SettingsError: a mailbox has two feeds, or the time zone is none.
        """
        feeds: dict[str, _Feed] = {}
        for index, entry in enumerate(config["feeds"]):
            mailbox = entry["mailbox"].lower()
            if mailbox in feeds:
                raise SettingsError(f"feeds/{index}/mailbox: it has a feed already")
            auth = (entry["username"].encode(), entry.get("password", "").encode()) if "username" in entry else None
            feeds[mailbox] = _Feed(_web(entry["url"]), auth)
        zone = worktime.zone(config["timeZone"]) if "timeZone" in config else None
        if zone is None and "timeZone" in config:
            raise SettingsError("timeZone: expected a time zone's name, such as Europe/Berlin, got another")
        return cls(feeds, http.session(ca_file(config.get("caCertificates")), connections=cls.limits.at_once), zone)

    def scope(self, mailbox: str) -> str:
        """A feed's server and account: what one refuses says nothing of the others."""
        feed = self._feeds.get(mailbox.lower())
        return f"{urlsplit(feed.url)[:2]} {feed.auth}" if feed else ""

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Schedule | LookupFailed]:
        [mailbox] = mailboxes
        feed = self._feeds.get(mailbox.lower())
        if feed is None:
            return {mailbox: MailboxNotFound("no feed is configured for this mailbox")}
        # One at a time: who comes second finds what the first has fetched.
        if not feed.lock.acquire(timeout=deadline.left()):
            return {mailbox: GenerationFailed("another look-up of this feed takes too long")}
        try:
            self._refresh(feed, deadline)
            return {mailbox: Schedule(tuple(event for calendar in feed.calendars for event in events(calendar, window, self._zone)))}
        finally:
            feed.lock.release()

    def _refresh(self, feed: _Feed, deadline: Deadline) -> None:
        answer = self._get(feed, deadline)
        if answer.status == 304 and feed.calendars:
            return
        if answer.status in {404, 410}:
            raise MailboxNotFound(f"the feed is not there (HTTP {answer.status})")
        if answer.status == 401 and feed.auth is None:
            raise NoAccess("the feed is not public (HTTP 401)")
        if answer.status != 200:
            raise http.failure(answer)
        if len(answer.content) > MAX_OCTETS:
            raise GenerationFailed(f"the feed is larger than {MAX_OCTETS // 1024**2} MB")
        feed.calendars = calendars(answer.content)
        feed.etag = str(answer.headers.get("ETag", ""))
        feed.modified = str(answer.headers.get("Last-Modified", ""))

    def _get(self, feed: _Feed, deadline: Deadline) -> http.Answer:
        """Follows redirects itself: credentials go to the configured server only, and never from https to http."""
        known = {"If-None-Match": feed.etag, "If-Modified-Since": feed.modified} if feed.calendars else {}
        headers = {"Accept": "text/calendar"} | {name: value for name, value in known.items() if value}
        url = feed.url
        for _ in range(_REDIRECTS):
            auth = feed.auth if urlsplit(url)[:2] == urlsplit(feed.url)[:2] else None
            answer = http.send(self._session, "GET", url, deadline, headers=headers, auth=auth)
            if answer.status not in {301, 302, 303, 307, 308}:
                return answer
            target = _web(urljoin(url, str(answer.headers.get("Location", ""))))
            if urlsplit(target).scheme not in {"http", "https"} or (url.startswith("https:") and not target.startswith("https:")):
                raise GenerationFailed("the feed redirects to where nobody should be sent")
            url = target
        raise GenerationFailed("the feed redirects in circles")


def _web(url: str) -> str:
    """QUIRK: calendar programs publish feeds as `webcal:`, which is HTTP, today by TLS."""
    return f"https:{url.partition(':')[2]}" if url.lower().startswith(("webcal:", "webcals:")) else url
