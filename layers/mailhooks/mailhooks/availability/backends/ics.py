"""Published calendar feeds (RFC 5545 over HTTP), one for each mailbox, or a URL for the mailboxes of a pattern."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from mailhooks.address_patterns import Pattern, canonical
from mailhooks.availability import timezones
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.backends.ical.cache import CalendarCache
from mailhooks.availability.backends.ical.calendars import Calendars
from mailhooks.availability.backends.url_template import check_template, fill_template
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Limits, Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

_MAX_FEEDS: Final = 1000
"""Feeds of mailboxes that match a pattern, whose content may be cached."""

_REDIRECTS: Final = 5


class _Content(NamedTuple):
    """The content of a feed, with its validators for conditional requests."""

    calendars: Calendars
    octets: int
    etag: str
    modified: str


class _Source(NamedTuple):
    """The feed of a mailbox, or the feeds of all mailboxes that a pattern matches, with placeholders in their URL."""

    url: str
    auth: tuple[bytes, bytes] | None
    addresses: tuple[str, ...]


@dataclass(eq=False)
class _Feed:
    """A mailbox's feed.

    Attributes:
        owners: the addresses of the mailbox's owner.
    """

    url: str
    auth: tuple[bytes, bytes] | None
    owners: tuple[str, ...]
    lock: Lock = field(default_factory=Lock)


class IcsBackend:
    """Fetches the mailboxes' feeds and expands their events."""

    limits = Limits(mailboxes=1, span=timedelta(days=366), at_once=10)

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `ics`). Sends no request.

        Raises:
            SettingsError: a mailbox or pattern has two feeds, a URL has an unknown placeholder or is the same for a whole pattern, the time
                zone is unknown, or `caCertificates` cannot be read.
        """
        self._mailboxes: dict[str, _Source] = {}
        self._patterns: dict[Pattern, _Source] = {}
        self._feeds: dict[str, _Feed] = {}
        for index, entry in enumerate(config["feeds"]):
            try:
                self._add_source(entry)
            except SettingsError as error:
                raise SettingsError(f"feeds/{index}/{error}") from None
        self._zone = timezones.find_zone(config["timeZone"]) if "timeZone" in config else None
        if self._zone is None and "timeZone" in config:
            raise SettingsError("timeZone: expected a time zone's name, such as Europe/Berlin, got another")
        self._session = http.create_session(create_ssl_context(config.get("caCertificates")), connections=self.limits.at_once)
        self._feeds_lock = Lock()
        self._contents = CalendarCache[_Feed, _Content]()

    def _add_source(self, entry: Mapping[str, Any]) -> None:
        name, url = entry["mailbox"], _to_http(entry["url"])
        auth = (entry["username"].encode(), entry.get("password", "").encode()) if "username" in entry else None
        source = _Source(url, auth, tuple(entry.get("addresses", ())))
        check_template(url, is_shared="@" not in name)
        if "@" in name:
            if self._mailboxes.setdefault(canonical(name), source) is not source:
                raise SettingsError("mailbox: this mailbox has two feeds")
            return
        try:
            pattern = Pattern.parse(name)
        except ValueError as error:
            raise SettingsError(f"mailbox: expected {error}") from None
        if self._patterns.setdefault(pattern, source) is not source:
            raise SettingsError("mailbox: this pattern has two feeds")

    def _find_source(self, mailbox: str) -> _Source | None:
        """Return the source for a mailbox in canonical form: its own or that of the most specific pattern."""
        matching = [pattern for pattern in self._patterns if pattern.matches(mailbox)]
        best = max(matching, key=lambda pattern: (pattern.specificity, len(pattern.text)), default=None)
        return self._mailboxes.get(mailbox) or (self._patterns[best] if best else None)

    def _find_feed(self, mailbox: str) -> _Feed | None:
        """Return the feed of a mailbox in canonical form; None if there is none or its URL cannot contain the mailbox."""
        with self._feeds_lock:
            feed = self._feeds.pop(mailbox, None)
            if feed is None:
                source = self._find_source(mailbox)
                url = fill_template(source.url, mailbox) if source else None
                if source is None or url is None:
                    return None
                feed = _Feed(url, source.auth, (mailbox, *source.addresses))
            # The most recently used feeds, because a pattern may match any number of mailboxes.
            self._feeds[mailbox] = feed
            if len(self._feeds) > len(self._mailboxes) + _MAX_FEEDS:
                self._contents.remove(self._feeds.pop(next(iter(self._feeds))))
            return feed

    def scope(self, mailbox: str) -> str:
        """Return a feed's server and account, whose failures do not concern other feeds."""
        source = self._find_source(canonical(mailbox))
        # A hash, because the scope contains credentials and may be logged.
        return str(hash((*urlsplit(source.url)[:2], source.auth))) if source else ""

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Result]:
        [mailbox] = mailboxes
        feed = self._find_feed(canonical(mailbox))
        if feed is None:
            return {mailbox: MailboxNotFound("no feed is configured for this mailbox")}
        # One at a time: the second look-up then finds the content that the first has fetched.
        if not feed.lock.acquire(timeout=deadline.left()):
            return {mailbox: GenerationFailed("another look-up of this feed takes too long")}
        try:
            content = self._load(feed, deadline)
            return {mailbox: Schedule(tuple(content.calendars.events(window, deadline, owners=feed.owners)))}
        finally:
            feed.lock.release()

    def _load(self, feed: _Feed, deadline: Deadline) -> _Content:
        """Fetch a feed, or return its cached content if it has not changed."""
        cached = self._contents.get(feed)
        response = self._get(feed, cached, deadline)
        if response.status == 304 and cached:
            content = cached
        elif response.status == 200:
            calendars = Calendars.parse([response.content], self._zone)
            headers = (str(response.headers.get(name, "")) for name in ("ETag", "Last-Modified"))
            content = _Content(calendars, len(response.content), *headers)
        elif response.status in {404, 410}:
            raise MailboxNotFound(f"the feed does not exist (HTTP {response.status})")
        elif response.status == 401 and feed.auth is None:
            raise NoAccess("the feed is not public (HTTP 401)")
        else:
            raise http.failure_for(response)
        if content.etag or content.modified:
            self._contents.put(feed, content, content.octets)
        else:
            # Without a validator, the server supports no conditional requests.
            self._contents.remove(feed)
        return content

    def _get(self, feed: _Feed, cached: _Content | None, deadline: Deadline) -> http.HttpResponse:
        """Fetch a feed. Follow redirects here, so that credentials are sent only to the configured server, and never from https to http."""
        validators = {"If-None-Match": cached.etag, "If-Modified-Since": cached.modified} if cached else {}
        headers = {"Accept": "text/calendar"} | {name: value for name, value in validators.items() if value}
        url = feed.url
        for _ in range(_REDIRECTS):
            auth = feed.auth if urlsplit(url)[:2] == urlsplit(feed.url)[:2] else None
            response = http.send(self._session, "GET", url, deadline, headers=headers, auth=auth)
            if response.status not in {301, 302, 303, 307, 308}:
                return response
            url = _resolve_redirect(url, str(response.headers.get("Location", "")))
        raise GenerationFailed("the feed redirects too often")


def _resolve_redirect(url: str, location: str) -> str:
    with suppress(ValueError):
        target = _to_http(urljoin(url, location))
        scheme = urlsplit(target).scheme
        if scheme == "https" or (scheme == "http" and urlsplit(url).scheme == "http"):
            return target
    raise GenerationFailed("the feed redirects to an unsafe address")


def _to_http(url: str) -> str:
    """Convert `webcal:` to `https:`. QUIRK: calendar programs publish feeds with this scheme, which means HTTP."""
    return f"https:{url.partition(':')[2]}" if url.lower().startswith(("webcal:", "webcals:")) else url
