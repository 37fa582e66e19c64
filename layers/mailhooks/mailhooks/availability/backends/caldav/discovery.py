"""Finds the calendars of a user: one calendar, or all calendars of a home or of a principal (RFC 4791 section 6.2.1)."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mailhooks.availability.backends.caldav import multistatus as dav
from mailhooks.availability.backends.caldav.client import Answer, DavClient
from mailhooks.availability.backends.caldav.multistatus import Resource, read_multistatus
from mailhooks.availability.backends.caldav.reports import DESCRIBE
from mailhooks.availability.backends.caldav.urls import describes_mailbox, resolve
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound, NoAccess

_MAX_CALENDARS: Final = 100
_NO_WEBDAV: Final = frozenset({200, 405, 501})
"""HTTP statuses of servers that have no PROPFIND. The URL may still be a calendar."""

_NOT_SHOWN: Final = "the server has no such calendar, or does not show it to this account"


class Collection(NamedTuple):
    """A calendar of a user.

    Attributes:
        version: changes with each change of the calendar's events; "" if the server has no such property.
        time_zone: the definition of the zone of its times without a zone, as calendar data; "" if the server has none.
    """

    url: str
    version: str = ""
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class UserCalendars:
    """The calendars whose events make a user busy.

    Attributes:
        addresses: the user's addresses, as far as the server names them.
        is_confirmed: whether the server confirms that they exist.
    """

    collections: list[Collection]
    addresses: list[str] = field(default_factory=list)
    is_confirmed: bool = True


def find_calendars(client: DavClient, url: str, mailbox: str) -> UserCalendars:
    """Find the calendars at the URL of a calendar, of a home with calendars, or of a principal.

    The property DAV:current-user-principal is not used: it names the principal of the configured account, not of the mailbox.

    Raises:
        MailboxNotFound: there is no such resource, or no calendar in it.
        NoAccess: the account may not see it.
        GenerationFailed: the response cannot be read.
    """
    answer = client.propfind(url, DESCRIBE, depth="0")
    if answer.response.status in _NO_WEBDAV:
        return UserCalendars([Collection(answer.url)], is_confirmed=False)
    resource = _read_one(answer, mailbox)
    addresses = [address[7:] for address in resource.hrefs(dav.ADDRESSES) if address.lower().startswith("mailto:")]
    if dav.CALENDAR in resource.elements(dav.RESOURCE_TYPE):
        # A calendar that the configuration names counts even if it is shared or transparent.
        if not _has_events(resource):
            raise MailboxNotFound("the calendar is not for events")
        # A subscribed calendar may be a mere reference to a feed elsewhere, and its events would be missed (Apple's iCloud).
        is_confirmed = dav.SUBSCRIBED not in resource.elements(dav.RESOURCE_TYPE)
        return UserCalendars([_to_collection(_locate(answer, resource), resource)], addresses, is_confirmed)
    homes = [resolve(answer.url, href) for href in resource.hrefs(dav.HOME)] or [_locate(answer, resource)]
    members: dict[str, Resource] = {}
    for home in homes[:_MAX_CALENDARS]:
        listing = client.propfind(home, DESCRIBE, depth="1")
        members |= {_locate(listing, member): member for member in _read(listing) if _is_calendar(member)}
    if max(len(members), len(homes)) > _MAX_CALENDARS:
        raise GenerationFailed(f"the user has more than {_MAX_CALENDARS} calendars")
    if not members:
        raise MailboxNotFound(_NOT_SHOWN)
    return UserCalendars([_to_collection(found, member) for found, member in members.items() if _makes_busy(member)], addresses)


def _read(answer: Answer) -> list[Resource]:
    if answer.response.status in {404, 410}:
        raise MailboxNotFound(f"{_NOT_SHOWN} (HTTP {answer.response.status})")
    if answer.response.status != 207:
        raise http.failure_for(answer.response)
    return read_multistatus(answer.response.content)


def _read_one(answer: Answer, mailbox: str) -> Resource:
    resources = _read(answer)
    if len(resources) != 1:
        raise GenerationFailed("the server describes another number of resources than one")
    resource = resources[0]
    status = resource.failed.get(dav.RESOURCE_TYPE, 0) if resource.status == 200 else resource.status
    if status in {404, 410}:
        raise MailboxNotFound(f"{_NOT_SHOWN} (HTTP {status})")
    if status or dav.RESOURCE_TYPE not in resource.properties:
        raise NoAccess(f"the account may not see the calendar (HTTP {status})")
    if not describes_mailbox(_locate(answer, resource), answer.url, mailbox):
        raise MailboxNotFound("the server describes another user")
    return resource


def _locate(answer: Answer, resource: Resource) -> str:
    return resolve(answer.url, resource.href)


def _is_calendar(member: Resource) -> bool:
    """Return whether a member of a home is a calendar with events.

    Raises:
        NoAccess, GenerationFailed: the server does not show what it is, or not all members. A calendar would look like free time.
    """
    status = member.failed.get(dav.RESOURCE_TYPE, member.status)
    if status in {401, 403}:
        raise NoAccess("the account may not see one of the calendars")
    if status not in {200, 404, 410}:
        raise GenerationFailed(f"the server does not show all calendars (HTTP {status})")
    return dav.CALENDAR in member.elements(dav.RESOURCE_TYPE) and _has_events(member)


def _has_events(resource: Resource) -> bool:
    components = resource.properties.get(dav.COMPONENTS)
    return components is None or not components.names or "VEVENT" in map(str.upper, components.names)


def _makes_busy(member: Resource) -> bool:
    """Return whether the events of a calendar make its user busy (RFC 6638 section 9.1).

    A subscribed calendar is a copy of a feed elsewhere, and its server does not have its events. A calendar that another user shares makes
    that user busy, unless this user counts it.
    """
    types, transparency = member.elements(dav.RESOURCE_TYPE), member.elements(dav.TRANSPARENCY)
    if dav.TRANSPARENT in transparency or dav.SUBSCRIBED in types:
        return False
    return dav.SHARED not in types or dav.OPAQUE in transparency


def _to_collection(url: str, resource: Resource) -> Collection:
    version = " ".join(filter(None, (resource.text(dav.TAG), resource.text(dav.SYNC_TOKEN))))
    return Collection(url, version, resource.text(dav.TIME_ZONE))
