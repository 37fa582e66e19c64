"""A CalDAV server as its users see it: they create calendars and store events by HTTP."""

from dataclasses import dataclass
from typing import Final

import requests

PASSWORD: Final = "secret"

_MAKE: Final = (
    '<?xml version="1.0" encoding="utf-8"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:set><D:prop>{}</D:prop></D:set></C:mkcalendar>"
)
_CHANGE: Final = (
    '<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:set><D:prop>{}</D:prop></D:set></D:propertyupdate>"
)


@dataclass(frozen=True)
class Site:
    """A running server with a user.

    Attributes:
        url: without a path.
        home: the path of the user's calendars.
        principal: the path of the user's principal.
        account: the user name and password for requests.
        reader: the account of an administrator who may read all calendars.
    """

    name: str
    url: str
    home: str
    principal: str
    user: str = "bob"
    account: tuple[str, str] = ("bob", PASSWORD)
    reader: tuple[str, str] | None = None

    @property
    def mailbox(self) -> str:
        return self.user if "@" in self.user else f"{self.user}@example.net"

    def template(self, path: str) -> str:
        """Return the URL of a path of the user, for each user."""
        return self.url + path.replace(self.user, "{mailbox}" if "@" in self.user else "{localPart}")

    def make_calendar(self, name: str, properties: str = "") -> requests.Response:
        """Create a calendar. `properties` is XML with the prefixes C and D."""
        body = _MAKE.format(properties).encode() if properties else b""
        return self.request("MKCALENDAR", f"{self.home}{name}/", body)

    def change_calendar(self, name: str, properties: str) -> None:
        """Set properties of a calendar."""
        changed = self.request("PROPPATCH", f"{self.home}{name}/", _CHANGE.format(properties).encode())
        assert changed.status_code == 207, (changed.status_code, changed.text)

    def put(self, calendar: str, name: str, content: bytes) -> bool:
        """Store a calendar object. Return whether the server accepts it."""
        return self.request("PUT", f"{self.home}{calendar}/{name}.ics", content, "text/calendar; charset=utf-8").status_code in {201, 204}

    def delete(self, calendar: str, name: str) -> None:
        deleted = self.request("DELETE", f"{self.home}{calendar}/{name}.ics")
        assert deleted.status_code in {200, 204}, deleted.text

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "application/xml; charset=utf-8") -> requests.Response:
        user, password = self.account
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                self.url + path,
                data=body or None,
                headers={"Content-Type": content_type} if body else {},
                auth=(user.encode(), password.encode()),
                timeout=30,
            )
