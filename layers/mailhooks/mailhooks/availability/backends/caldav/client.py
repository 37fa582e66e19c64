"""WebDAV requests: PROPFIND, REPORT and GET, with redirects on the configured server only."""

from typing import Final, NamedTuple

import requests

from mailhooks.availability.backends.caldav.urls import resolve
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.errors import GenerationFailed, Unreachable
from mailhooks.deadline import Deadline

_REDIRECTS: Final = 3


class Answer(NamedTuple):
    """A response, with the URL that it came from after redirects."""

    url: str
    response: http.HttpResponse


class DavClient(NamedTuple):
    """Sends the requests of one look-up."""

    session: requests.Session
    deadline: Deadline

    def propfind(self, url: str, body: str, *, depth: str) -> Answer:
        return self._send("PROPFIND", url, {"Depth": depth, "Accept": "application/xml, text/xml"}, body)

    def report(self, url: str, body: str, *, depth: str = "1", accept: str = "application/xml, text/xml") -> Answer:
        return self._send("REPORT", url, {"Depth": depth, "Accept": accept}, body)

    def get(self, url: str) -> Answer:
        return self._send("GET", url, {"Accept": "text/calendar"})

    def _send(self, method: str, url: str, headers: dict[str, str], body: str = "") -> Answer:
        if body:
            headers["Content-Type"] = 'application/xml; charset="utf-8"'
        data = body.encode() or None
        for _ in range(_REDIRECTS):
            response = self._send_once(method, url, headers, data)
            if response.status not in {301, 302, 307, 308}:
                return Answer(url, response)
            location = str(response.headers.get("Location", ""))
            if not location:
                break
            url = resolve(url, location)
        raise GenerationFailed("the server redirects too often, or without an address")

    def _send_once(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> http.HttpResponse:
        """Send a request; a second time if the connection breaks. QUIRK: SOGo resets some of the connections of one look-up."""
        try:
            return http.send(self.session, method, url, self.deadline, data=data, headers=headers)
        except Unreachable:
            return http.send(self.session, method, url, self.deadline, data=data, headers=headers)
