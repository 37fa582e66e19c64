"""URLs that a CalDAV server names."""

import re
from urllib.parse import unquote, urljoin, urlsplit

from mailhooks.availability.errors import GenerationFailed


def resolve(base: str, reference: str) -> str:
    """Return the URL of a href or of a redirect, on the server of `base`.

    QUIRK: servers behind a proxy name the right host with their own scheme and port. Their path is used on the configured server.

    Raises:
        GenerationFailed: it names another server, which must not get the credentials.
    """
    try:
        own, target = urlsplit(base), urlsplit(urljoin(base, reference.strip()))
        same = target.hostname == own.hostname
    except ValueError:
        raise GenerationFailed("the server names an unreadable address") from None
    if not same:
        raise GenerationFailed("the server names another server, which must not get the credentials: configure its URL")
    return target._replace(scheme=own.scheme, netloc=own.netloc, fragment="").geturl()


def describes_mailbox(url: str, requested: str, mailbox: str) -> bool:
    """Return whether a URL in a response may be the requested one, as far as the mailbox is concerned.

    The parts in which both paths differ must both contain the mailbox (or its local part) as a word, or the first one not at all.

    QUIRK: SOGo shows the empty home of the user `anonymous` for an unknown user. Cyrus shows another user's shared calendar
    `/dav/calendars/user/bob/calendar/` as `/dav/calendars/user/service/bob.calendar/`. Servers behind a proxy do not know its prefix.
    """
    one, other = _segments(requested), _segments(url)
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return not _contains(one, mailbox) or _contains(other, mailbox)


def _segments(url: str) -> list[str]:
    return unquote(urlsplit(url).path).rstrip("/").casefold().split("/")


def _contains(segments: list[str], mailbox: str) -> bool:
    path = "/".join(segments)
    names = (mailbox.casefold(), mailbox.casefold().rpartition("@")[0])
    return any(re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", path) for name in names)
